//! Answers on their way to clients that may be slow to take them.
//!
//! Up to two messages of a stream, or parts of messages, are in memory until the client has room for them; where it has
//! room and the network is slow, what fits into [`MAX_SEND_BUFFER_BYTES`](super::limits::MAX_SEND_BUFFER_BYTES) too. That
//! adds up over clients that take nothing. So memory is held for large messages; where there is none, the end of a message is a
//! [`Rest`], which is not kept, and read part by part.
//!
//! The library encodes messages into a buffer that grows by doubling, and keeps it for the next one. So large messages
//! are encoded here, and the library gets an empty one in their place.
//!
//! Must hold: what goes out is, byte for byte, what the stream gave; memory is held until it is out.

use crate::admission::Held;
use crate::transport::step::Response;
use bytes::{BufMut as _, Bytes};
use futures::future::BoxFuture;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};
use levee_types::limits::{UNHELD_ANSWER_BYTES, UNHELD_BATCH_BYTES};
use prost::Message;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tonic::Status;
use tonic::body::Body;

/// What the head of a message has, in bytes: whether it is compressed, and its length.
const HEAD: usize = 5;

/// Where a stream puts its large messages. In the extensions of its answer it is found by what sends them.
#[derive(Clone, Default)]
pub(crate) struct Outlet(Arc<Mutex<Outgoing>>);

/// A message that is on its way.
#[derive(Default)]
struct Outgoing {
    held: Vec<Held>,
    rest: Option<Rest>,
    /// All of it but the rest.
    message: Option<Bytes>,
}

/// The last bytes of a message, and how to read them again.
pub(crate) struct Rest {
    length: usize,
    read: Box<dyn Fn(Range<usize>) -> Part + Send>,
}

/// A part of a rest that is being read.
pub(crate) type Part = BoxFuture<'static, Result<Bytes, Status>>;

impl Rest {
    /// `length` bytes; `read` gives a part of them.
    pub(crate) fn new(length: usize, read: impl Fn(Range<usize>) -> Part + Send + 'static) -> Self {
        Self { length, read: Box::new(read) }
    }

    /// How many bytes it is.
    pub(crate) fn length(&self) -> usize {
        self.length
    }
}

impl Outlet {
    /// The next message is in memory that is held for it.
    pub(crate) fn hold(&self, held: Held) {
        self.lock().held.push(held);
    }

    /// The next message ends with this.
    pub(crate) fn put(&self, rest: Rest) {
        self.lock().rest = Some(rest);
    }

    /// The next message. Gives what the library gets for it; then the stream waits for [`Self::is_free`] before it gives
    /// another one.
    pub(crate) fn pass<M: Message + Default>(&self, message: M) -> M {
        let length = message.encoded_len();
        if length <= UNHELD_ANSWER_BYTES {
            return message;
        }
        let mut bytes = Vec::with_capacity(HEAD + length);
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        // A vector has room for it.
        let _ = message.encode(&mut bytes);
        let mut outgoing = self.lock();
        if let Some(rest) = &outgoing.rest {
            bytes.truncate(bytes.len() - rest.length);
            bytes.shrink_to_fit();
        }
        outgoing.message = Some(bytes.into());
        M::default()
    }

    /// Resolves when there is no message in it. It is asked again whenever a message was sent, and wakes nobody.
    pub(crate) async fn is_free(&self) {
        poll_fn(|_| if self.lock().message.is_none() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// The answer of the stream whose outlet this is.
    pub(crate) fn answer<T>(self, messages: T) -> tonic::Response<T> {
        let mut answer = tonic::Response::new(messages);
        answer.extensions_mut().insert(self);
        answer
    }

    fn take(&self) -> Outgoing {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends an answer in the way that its outlet says, if it has one.
pub(crate) fn send(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Outlet>() {
        Some(outlet) => response.map(|body| Body::new(Sending::new(body, outlet))),
        None => response,
    }
}

/// The body of an answer with an outlet.
struct Sending {
    body: Body,
    outlet: Outlet,
    unsent: Option<Unsent>,
    is_over: bool,
}

/// What is missing of the message that was sent last.
struct Unsent {
    rest: Rest,
    from: usize,
    /// The next part.
    part: Part,
}

impl Unsent {
    fn new(rest: Rest, from: usize) -> Self {
        let part = (rest.read)(from..rest.length.min(from + UNHELD_BATCH_BYTES));
        Self { rest, from, part }
    }
}

impl Sending {
    fn new(body: Body, outlet: Outlet) -> Self {
        Self { body, outlet, unsent: None, is_over: false }
    }

    /// The next part of what is missing.
    fn poll_part(&mut self, cx: &mut Context<'_>, mut unsent: Unsent) -> Poll<Frame<Bytes>> {
        let Poll::Ready(part) = unsent.part.as_mut().poll(cx) else {
            self.unsent = Some(unsent);
            return Poll::Pending;
        };
        Poll::Ready(match part {
            Ok(part) => {
                let Unsent { rest, from, .. } = unsent;
                let from = from + part.len();
                self.unsent = (from < rest.length).then(|| Unsent::new(rest, from));
                Frame::data(part)
            }
            // In the middle of a message there is nothing else to say.
            Err(status) => {
                self.is_over = true;
                let mut trailers = HeaderMap::new();
                let _ = status.add_header(&mut trailers);
                Frame::trailers(trailers)
            }
        })
    }
}

/// Bytes, and the memory that is held for them. Whoever sends them drops them when they are out.
struct Holding {
    bytes: Bytes,
    _held: Vec<Held>,
}

impl AsRef<[u8]> for Holding {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Some(unsent) = self.unsent.take() {
            return self.poll_part(cx, unsent).map(|frame| Some(Ok(frame)));
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)?) else { return Poll::Ready(None) };
        let frame = frame.map_data(|data| {
            let Outgoing { held, rest, message: Some(message) } = self.outlet.take() else { return data };
            self.unsent = rest.map(|rest| Unsent::new(rest, 0));
            // It is the last one in the frame: the stream gave no other one behind it.
            let before = data.len().saturating_sub(HEAD);
            let bytes = if before == 0 { message } else { [&data[..before], &message].concat().into() };
            Bytes::from_owner(Holding { bytes, _held: held })
        });
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.unsent.is_none() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests;
