use super::{Aligned, MessageMemory, PREFIX_BYTES};
use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use hyper::body::{Body as HttpBody, Frame};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::codec::{DecodeBuf, Decoder};
use tonic::{Status, Streaming};

/// Gives messages as they are.
struct Plain;

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

/// Frames that are all there.
struct Frames(VecDeque<Bytes>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}

fn message(size: usize, index: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + index).to_le_bytes()[0]).collect()
}

/// Messages of these sizes, on the wire in frames of this size.
fn frames(sizes: &[usize], frame: usize) -> Frames {
    let mut wire = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        wire.push(0);
        wire.extend(u32::try_from(*size).unwrap().to_be_bytes());
        wire.extend(message(*size, index));
    }
    // Slices of one allocation, as they come from a connection.
    let wire = Bytes::from(wire);
    Frames((0..wire.len()).step_by(frame).map(|at| wire.slice(at..wire.len().min(at + frame))).collect())
}

fn receive(sizes: &[usize], frame: usize) -> (Streaming<Bytes>, MessageMemory) {
    let body = Aligned::new(frames(sizes, frame));
    let memory = body.memory();
    (Streaming::new_request(Plain, body, None, None), memory)
}

/// What a slice holds in memory, when nothing else does.
fn held(message: Bytes) -> usize {
    message.try_into_mut().expect("it shares its memory").capacity()
}

#[tokio::test]
async fn messages_arrive_whole_however_they_are_cut() {
    let sizes = [0, 1, 5, 300, 70_000, 0, 3, 9_000, 70_000, 64];
    for frame in [1, 2, 7, 1_000, 16 * 1024, 256 * 1024] {
        let (mut stream, _) = receive(&sizes, frame);
        for (index, size) in sizes.into_iter().enumerate() {
            assert_eq!(stream.next().await.unwrap().unwrap(), message(size, index), "{frame}");
        }
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_large_message_holds_its_own_size() {
    let sizes = [65_600, 65_600, 40_000, 33_000, 1_000_000, 33_000];
    let (mut stream, memory) = receive(&sizes, 256 * 1024);
    let mut messages = Vec::new();
    for size in sizes {
        messages.push(stream.next().await.unwrap().unwrap());
        assert_eq!(memory.bytes(), size);
    }
    drop(stream);
    for (message, size) in messages.into_iter().zip(sizes) {
        assert!(held(message) <= size + PREFIX_BYTES);
    }
}

#[tokio::test]
async fn what_is_said_of_the_memory_holds_whatever_came_before() {
    // A generator of sizes, of what of it is kept, and of cuts.
    let mut seed = 1_u64;
    let mut below = |limit: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from((seed >> 33) % limit).unwrap()
    };
    let (mut known, mut unknown) = (0, 0);
    for _ in 0..3_000 {
        // Sizes that double again and again make the buffer grow with room to spare.
        let mut size = 1 + below(20_000);
        let sizes: Vec<_> = (0..=below(8))
            .map(|_| {
                size = if below(2) == 0 { size + size / (1 + below(16)) + 1 } else { below(60_000) };
                size.clamp(1, 500_000)
            })
            .collect();
        let (mut stream, memory) = receive(&sizes, 1 + below(200_000));
        let mut kept = Vec::new();
        for _ in 1..sizes.len() {
            let message = stream.next().await.unwrap().unwrap();
            if below(2) == 0 {
                kept.push(message);
            }
        }
        let last = stream.next().await.unwrap().unwrap();
        let said = memory.bytes();
        if said == usize::MAX {
            unknown += 1;
            continue;
        }
        known += 1;
        assert_eq!(said, last.len());
        drop(stream);
        assert!(held(last) <= said + PREFIX_BYTES, "{sizes:?}");
    }
    assert!(known > 500 && unknown > 500, "{known} {unknown}");
}

#[tokio::test]
async fn a_prefix_that_is_cut_off_is_an_error() {
    let mut wire = frames(&[10], 100).0.remove(0).unwrap().to_vec();
    wire.extend([0, 0, 0]);
    let body = Aligned::new(Frames([Bytes::from(wire)].into()));
    let mut stream = Streaming::new_request(Plain, body, None, None);
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 10);
    assert!(stream.next().await.unwrap().is_err());
}
