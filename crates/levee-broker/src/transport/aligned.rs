//! The body of a request, cut anew so that each large message gets memory of its own.
//!
//! The library gathers what comes in one buffer and hands out slices of it. When a frame brings the begin of a
//! message, it reserves room for the whole message behind that; and what is left of the room is shared with
//! the next ones. So a batch, which the tail cache keeps, would hold twice its size and, with neighbours that
//! somebody chose, any multiple of it, uncounted by every budget; and its bytes would be copied twice. Here a
//! frame ends where a message ends, and the prefix of a message comes alone and in memory of its own: the
//! buffer is then empty, takes over the memory of the prefix and grows it to exactly the message.

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

/// Before each message: whether it is compressed, and its length (gRPC over HTTP/2).
const PREFIX_BYTES: usize = 5;
/// The first buffer of the library.
const FIRST_BUFFER_BYTES: usize = 8 * 1024;

/// How much memory the message that was received last may hold. Carried by every request.
#[derive(Debug, Clone)]
pub(crate) struct MessageMemory(Arc<AtomicUsize>);

impl MessageMemory {
    /// About how many bytes a slice of the last message keeps in memory; `usize::MAX` if that is not known.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for MessageMemory {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }
}

/// A body whose frames end where its messages do.
pub(crate) struct Aligned<B> {
    body: B,
    /// What is not handed on yet of the last frame.
    rest: Bytes,
    prefix: [u8; PREFIX_BYTES],
    /// Bytes of the prefix that came already.
    gathered: usize,
    /// Bytes of the present message that are still to come.
    missing: usize,
    buffer: Buffer,
    memory: MessageMemory,
}

impl<B> Aligned<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            prefix: [0; PREFIX_BYTES],
            gathered: 0,
            missing: 0,
            buffer: Buffer { at_most: FIRST_BUFFER_BYTES, is_exact: false },
            memory: MessageMemory::default(),
        }
    }

    /// Tells of each message, when the service has it, how much memory it may hold.
    pub(crate) fn memory(&self) -> MessageMemory {
        self.memory.clone()
    }

    /// The next piece of what came; none when more must come first.
    fn cut(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        if self.missing > 0 {
            let piece = self.rest.split_to(self.missing.min(self.rest.len()));
            self.missing -= piece.len();
            return Some(piece);
        }
        let part = self.rest.split_to((PREFIX_BYTES - self.gathered).min(self.rest.len()));
        self.prefix[self.gathered..self.gathered + part.len()].copy_from_slice(&part);
        self.gathered += part.len();
        if self.gathered < PREFIX_BYTES {
            return None;
        }
        self.gathered = 0;
        let [_, length @ ..] = self.prefix;
        self.missing = u32::from_be_bytes(length) as usize;
        self.memory.0.store(self.buffer.hold(self.missing), Ordering::Relaxed);
        Some(Bytes::copy_from_slice(&self.prefix))
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Aligned<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            if let Some(piece) = self.cut() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                // A prefix that is cut off is the library's to complain about.
                None if self.gathered > 0 => {
                    let part = Bytes::copy_from_slice(&self.prefix[..self.gathered]);
                    self.gathered = 0;
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                end => return Poll::Ready(end),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.gathered == 0 && self.body.is_end_stream()
    }
}

/// What is known of the library's buffer. A test compares it with the real one.
struct Buffer {
    /// It has no more bytes than this.
    at_most: usize,
    /// Each message has a buffer of its own, of its size. The first buffer has room to spare, which the next
    /// message begins in, so it is so only after one for which even the double of the buffer was too small;
    /// then there is nothing to spare, and it stays so.
    is_exact: bool,
}

impl Buffer {
    /// Takes a message. Returns about how many bytes a slice of it holds.
    fn hold(&mut self, message: usize) -> usize {
        self.is_exact |= message > 2 * self.at_most;
        if self.is_exact {
            return message;
        }
        // It grows only for what is larger than itself, and then to the double at most.
        self.at_most = self.at_most.max(2 * (message + PREFIX_BYTES));
        usize::MAX
    }
}

#[cfg(test)]
mod tests;
