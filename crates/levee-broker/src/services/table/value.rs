//! Records of tables as clients see them.

use bytes::Bytes;
use levee_proto::v1;
use levee_storage::TableRecord;
use levee_types::{ErrorCode, LeveeError};
use prost::Message as _;
use std::fmt::Display;

/// What a value costs in a message beside its key and its record, at most.
const ENVELOPE_BYTES: usize = 64;

/// The record of a key, or its tombstone.
///
/// # Errors
/// DATA_CORRUPT: it cannot be decoded.
pub(super) fn of_record(partition: u32, found: TableRecord) -> Result<v1::KeyValue, LeveeError> {
    let TableRecord { key, offset, append_time_ms, is_tombstone, record } = found;
    let decoded = v1::Record::decode(record).map_err(|error| damaged(offset, &error))?;
    Ok(v1::KeyValue {
        key,
        record: (!is_tombstone).then_some(decoded),
        partition: Some(partition),
        offset: Some(offset),
        append_time_ms: Some(append_time_ms),
    })
}

/// What is stored at an offset cannot be decoded.
pub(super) fn damaged(offset: u64, error: &impl Display) -> LeveeError {
    tracing::error!(offset, %error, "a stored record cannot be decoded");
    LeveeError::new(ErrorCode::DataCorrupt, format!("what is stored at offset {offset} is damaged"))
        .with_hint("verify the topic, and see the broker's log")
}

/// There is no such key.
pub(super) fn absent(key: Bytes) -> v1::KeyValue {
    v1::KeyValue { key, ..v1::KeyValue::default() }
}

/// What a message may still take.
pub(super) struct Filling {
    pub(super) values: Vec<v1::KeyValue>,
    bytes: usize,
    most_bytes: usize,
}

impl Filling {
    /// Up to so many bytes, but for a first value that is larger.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { values: Vec::new(), bytes: 0, most_bytes }
    }

    /// Adds a value; gives it back if it has no room.
    pub(super) fn add(&mut self, value: v1::KeyValue) -> Result<(), Box<v1::KeyValue>> {
        let bytes = size(&value);
        if !self.values.is_empty() && self.bytes + bytes > self.most_bytes {
            return Err(Box::new(value));
        }
        self.bytes += bytes;
        self.values.push(value);
        Ok(())
    }

    /// Whether nothing more is to be added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.most_bytes
    }
}

fn size(value: &v1::KeyValue) -> usize {
    ENVELOPE_BYTES + value.key.len() + value.record.as_ref().map_or(0, v1::Record::encoded_len)
}

/// What values count for as use: their bytes, and how many records there are.
pub(super) fn volume(values: &[v1::KeyValue]) -> (u64, u64) {
    let records = values.iter().filter_map(|value| value.record.as_ref());
    records.fold((0, 0), |(bytes, count), record| (bytes + record.encoded_len() as u64, count + 1))
}
