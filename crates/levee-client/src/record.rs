//! Records as the caller sees them.

use crate::error::Error;
use bytes::Bytes;
use levee_proto::v1;
use levee_types::limits::{MAX_HEADER_KEY_BYTES, MAX_HEADER_VALUE_BYTES, MAX_HEADERS, MAX_KEY_BYTES};
use std::sync::Arc;

/// One record. Its parts are limited by [`levee_types::limits`]; as a whole it fits into one batch of at
/// most the topic's `max.message.bytes`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Records with the same key go to the same partition. At most 64 KiB.
    pub key: Option<Bytes>,
    /// None: a tombstone, which deletes the key of a compacted topic.
    pub value: Option<Bytes>,
    /// At most 64, each with a name of 1 to 249 bytes and a value of at most 64 KiB.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Unix milliseconds, not negative. None: the time at which the broker appends the record.
    pub timestamp_ms: Option<i64>,
    /// A queue does not hand the record out before: Unix milliseconds, not negative. Readers and groups ignore it.
    pub deliver_at_ms: Option<i64>,
}

impl Record {
    /// The record as it is sent. Checked before it shares a batch, so that it fails alone.
    pub(crate) fn into_message(self) -> Result<v1::Record, Error> {
        at_most("key", self.key.as_ref(), MAX_KEY_BYTES)?;
        if self.headers.len() > MAX_HEADERS {
            return Err(Error::too_large(format!(
                "record has {} headers; the limit is {MAX_HEADERS}",
                self.headers.len()
            )));
        }
        not_before_1970("timestamp_ms", self.timestamp_ms)?;
        not_before_1970("deliver_at_ms", self.deliver_at_ms)?;
        let Self { key, value, headers, timestamp_ms, deliver_at_ms } = self;
        let headers = headers.into_iter().map(header).collect::<Result<_, _>>()?;
        Ok(v1::Record { key, value, headers, timestamp_ms, deliver_at_ms })
    }

    pub(crate) fn from_message(message: v1::Record) -> Self {
        let v1::Record { key, value, headers, timestamp_ms, deliver_at_ms } = message;
        let headers = headers.into_iter().map(|header| (header.key, header.value)).collect();
        Self { key, value, headers, timestamp_ms, deliver_at_ms }
    }
}

fn not_before_1970(what: &str, time_ms: Option<i64>) -> Result<(), Error> {
    match time_ms {
        Some(time_ms) if time_ms < 0 => Err(Error::invalid(format!("{what} is {time_ms}, before 1970"))),
        _ => Ok(()),
    }
}

fn header((key, value): (String, Option<Bytes>)) -> Result<v1::RecordHeader, Error> {
    match key.len() {
        0 => return Err(Error::invalid("header has no name")),
        1..=MAX_HEADER_KEY_BYTES => {}
        bytes => {
            return Err(Error::too_large(format!(
                "name of a header has {bytes} bytes; the limit is {MAX_HEADER_KEY_BYTES}"
            )));
        }
    }
    at_most("value of a header", value.as_ref(), MAX_HEADER_VALUE_BYTES)?;
    Ok(v1::RecordHeader { key, value })
}

fn at_most(what: &str, field: Option<&Bytes>, limit: usize) -> Result<(), Error> {
    match field.map_or(0, Bytes::len) {
        bytes if bytes > limit => {
            Err(Error::too_large(format!("{what} has {bytes} bytes; the limit is {limit}")))
        }
        _ => Ok(()),
    }
}

/// A record and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// Its place in the log of the partition.
    pub offset: u64,
    /// The timestamp of the record, or else when the broker appended it, in Unix milliseconds.
    pub timestamp_ms: i64,
    /// The record.
    pub record: Record,
}

/// Records of one partition that are stored together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBatch {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// The offset of the first of `records`.
    pub base_offset: u64,
    /// The offset of each of `records`: ascending, and without gaps, but where compaction removed records of a table.
    pub offsets: Vec<u64>,
    /// Where reading goes on behind the batch.
    pub next_offset: u64,
    /// The end of the log of the partition when the batch was sent: what is left to read.
    pub end_offset: u64,
    /// When the broker appended the batch, in Unix milliseconds.
    pub append_time_ms: i64,
    /// 1 or more. Those before the offset that was asked for are left out.
    pub records: Vec<Record>,
    /// The size of the whole batch as it is stored.
    pub bytes: usize,
}

#[cfg(test)]
mod tests;
