//! Each limit and one beyond it, damage of every kind, and agreement with prost.

mod bombs;
mod damage;
mod gaps;
mod golden;
mod limits;
mod rules;

use super::{check, check_stored, decode, encode, encode_with_deltas};
use crate::v1::{Compression, Record, RecordBatch, RecordHeader, Records};
use bytes::Bytes;
use levee_types::ErrorCode;
use levee_types::limits::MAX_BATCH_BYTES;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, option};

const CODECS: [Compression; 3] = [Compression::Unspecified, Compression::Lz4, Compression::Zstd];

fn record(value: &[u8]) -> Record {
    Record { value: Some(Bytes::copy_from_slice(value)), ..Record::default() }
}

fn header(key: &str) -> RecordHeader {
    RecordHeader { key: key.to_owned(), value: None }
}

/// Records that follow each other.
fn dense(records: Vec<Record>) -> Vec<(u32, Record)> {
    (0..).zip(records).collect()
}

/// A field of bytes, its length in as few bytes as can be.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut out).unwrap();
    out.extend_from_slice(content);
    out
}

/// The code with which `batch` is refused.
fn refusal(batch: impl Into<Bytes>) -> ErrorCode {
    check(&batch.into(), None, MAX_BATCH_BYTES).unwrap_err().code
}

fn codecs() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(CODECS[0]), Just(CODECS[1]), Just(CODECS[2])]
}

fn content() -> impl Strategy<Value = Bytes> {
    collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

/// Records as the broker takes them.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let header = ("[a-zé]{1,8}", option::of(content())).prop_map(|(key, value)| RecordHeader { key, value });
    let record = (
        option::of(content()),
        option::of(content()),
        collection::vec(header, 0..4),
        option::of(0..i64::MAX),
        option::of(0..i64::MAX),
    )
        .prop_map(|(key, value, headers, timestamp_ms, deliver_at_ms)| Record {
            key,
            value,
            headers,
            timestamp_ms,
            deliver_at_ms,
        });
    collection::vec(record, 1..20)
}
