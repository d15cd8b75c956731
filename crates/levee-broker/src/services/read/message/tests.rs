use super::Message;
use bytes::Bytes;
use levee_proto::v1;
use levee_storage::StoredBatch;
use levee_types::limits::{MAX_BATCH_BYTES, MAX_RESPONSE_BYTES, READ_MESSAGE_BYTES};
use prost::Message as _;

/// Batches of this size, with the numbers that take the most room.
fn batches(count: usize, size: usize) -> Vec<StoredBatch> {
    let batch = StoredBatch {
        base_offset: u64::MAX - 10_000,
        records: 10_000,
        append_time_ms: i64::MAX,
        crc: u32::MAX,
        bytes: Bytes::from(vec![1; size]),
    };
    vec![batch; count]
}

fn encoded(message: Message) -> usize {
    let batches = v1::ReadBatches { batches: message.batches };
    v1::ReadResponse { kind: Some(v1::read_response::Kind::Batches(batches)) }.encoded_len()
}

#[test]
fn a_message_of_tiny_batches_is_within_the_limit() {
    let mut message = Message::default();
    let mut rounds = 0;
    while let Some(room) = message.room(i64::MAX, usize::MAX) {
        assert!(message.add(u32::MAX, batches(200_000, 2), u64::MAX, room).is_some());
        rounds += 1;
    }
    assert!(rounds < 3, "{rounds}");
    let size = encoded(message);
    assert!((READ_MESSAGE_BYTES / 2..MAX_RESPONSE_BYTES).contains(&size), "{size}");
}

#[test]
fn a_last_batch_of_the_largest_size_is_within_the_limit() {
    let mut message = Message::default();
    let room = message.room(i64::MAX, usize::MAX).unwrap();
    message.add(0, batches(1, room - 100), u64::MAX, room);
    let room = message.room(i64::MAX, usize::MAX).unwrap();
    message.add(0, batches(5, MAX_BATCH_BYTES), u64::MAX, room);
    assert_eq!(message.batches.len(), 2);
    assert_eq!(message.room(i64::MAX, usize::MAX), None);
    assert!(encoded(message) < MAX_RESPONSE_BYTES);
}

#[test]
fn credit_is_room_and_one_batch_may_exceed_it() {
    let mut message = Message::default();
    assert_eq!(message.room(0, usize::MAX), None);
    assert_eq!(message.room(-5, usize::MAX), None);
    assert_eq!(message.room(10, usize::MAX), Some(10));
    assert_eq!(message.add(0, batches(3, 100), u64::MAX, 10), Some(u64::MAX));
    assert_eq!((message.batches.len(), message.batch_bytes()), (1, 100));
    assert_eq!(message.room(10, usize::MAX), None);
    assert_eq!(message.room(101, usize::MAX), Some(1));
}
