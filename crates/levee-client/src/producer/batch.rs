//! Records of one partition that are sent together, and those who wait for them.

use super::delivery::Acked;
use crate::error::Error;
use bytes::Bytes;
use levee_proto::{batch, v1};
use levee_types::limits::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_BATCH_UNCOMPRESSED_BYTES};
use prost::Message as _;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A record on its way into a batch.
pub(super) struct Entry {
    pub(super) record: v1::Record,
    /// What it adds to a batch.
    pub(super) bytes: usize,
    /// The bytes of a batch that has more records than this one.
    pub(super) batch_bytes: usize,
    pub(super) reply: oneshot::Sender<Result<Acked, Error>>,
    /// Its share of the buffer, free again when the record is stored or failed.
    pub(super) room: OwnedSemaphorePermit,
}

/// The bytes that a record adds to a batch that is not compressed: itself, its key and its length.
pub(crate) fn size(record: &v1::Record) -> usize {
    let bytes = record.encoded_len();
    1 + prost::length_delimiter_len(bytes) + bytes
}

/// Refuses a record, of so many bytes, that no batch can hold.
///
/// # Errors
/// It is one.
pub(crate) fn check_size(bytes: usize, compression: v1::Compression) -> Result<(), Error> {
    let limit = match compression {
        v1::Compression::Unspecified => MAX_BATCH_BYTES,
        _ => MAX_BATCH_UNCOMPRESSED_BYTES,
    };
    match bytes <= limit {
        true => Ok(()),
        false => Err(Error::too_large(format!("record has {bytes} bytes; the limit is {limit}"))),
    }
}

/// What is sent of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) crc: u32,
}

/// What is sent of records that have so many bytes when they are not compressed.
///
/// # Errors
/// The batch is larger than any topic takes; this is only so for a single large record.
pub(crate) fn encode(
    records: &[v1::Record],
    plain_bytes: usize,
    compression: v1::Compression,
) -> Result<Encoded, Error> {
    let mut bytes = batch::encode(records, compression);
    if bytes.len() > plain_bytes {
        // It does not shrink. The plain form keeps to the limit up to which the batch was filled.
        bytes = batch::encode(records, v1::Compression::Unspecified);
    }
    if bytes.len() > MAX_BATCH_BYTES {
        let length = bytes.len();
        return Err(Error::too_large(format!(
            "record makes a batch of {length} bytes; the limit is {MAX_BATCH_BYTES}"
        )));
    }
    Ok(Encoded { crc: crc32c::crc32c(&bytes), bytes })
}

/// Where a batch is stored. The offset is none when the broker has forgotten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) base_offset: Option<u64>,
    pub(super) append_time_ms: i64,
}

/// Records that are sent together.
pub(super) struct Batch {
    records: Vec<v1::Record>,
    encoded: Option<Encoded>,
    bytes: usize,
    replies: Vec<oneshot::Sender<Result<Acked, Error>>>,
    room: OwnedSemaphorePermit,
    /// When its first record came.
    pub(super) created: Duration,
    /// It is sent as soon as it can be; until then it takes more records.
    pub(super) is_due: bool,
    /// The last `flush` before its first record.
    pub(super) generation: u64,
    /// Its place among the records of the partition, once it is sent.
    pub(super) sequence: u64,
    /// The request that carries it now.
    pub(super) sent_as: Option<u64>,
    /// A request that carried it before was never answered, or answered with an unknown outcome.
    pub(super) maybe_stored: bool,
}

impl Batch {
    pub(super) fn new(entry: Entry, created: Duration, generation: u64) -> Self {
        let Entry { record, bytes, reply, room, .. } = entry;
        Self {
            records: vec![record],
            encoded: None,
            bytes,
            replies: vec![reply],
            room,
            created,
            is_due: false,
            generation,
            sequence: 0,
            sent_as: None,
            maybe_stored: false,
        }
    }

    /// Takes a record, or gives it back if there is no room for it.
    pub(super) fn add(&mut self, entry: Entry) -> Option<Entry> {
        let fits = self.bytes + entry.bytes <= entry.batch_bytes && self.replies.len() < MAX_BATCH_RECORDS;
        if self.encoded.is_some() || !fits {
            return Some(entry);
        }
        self.bytes += entry.bytes;
        self.records.push(entry.record);
        self.replies.push(entry.reply);
        self.room.merge(entry.room);
        None
    }

    /// It will not take another record worth waiting for.
    pub(super) fn is_full(&self, batch_bytes: usize) -> bool {
        self.bytes >= batch_bytes || self.replies.len() == MAX_BATCH_RECORDS
    }

    pub(super) fn records(&self) -> u64 {
        self.replies.len() as u64
    }

    /// What is sent. The same bytes each time.
    ///
    /// # Errors
    /// The batch is larger than any topic takes; this is only so for a single large record.
    pub(super) fn encode(&mut self, compression: v1::Compression) -> Result<Encoded, Error> {
        if let Some(encoded) = &self.encoded {
            return Ok(encoded.clone());
        }
        let encoded = encode(&std::mem::take(&mut self.records), self.bytes, compression)?;
        Ok(self.encoded.insert(encoded).clone())
    }

    /// Tells everybody who waits. Nobody has to.
    pub(super) fn resolve(self, partition: u32, outcome: &Result<Stored, Error>) {
        for (index, reply) in self.replies.into_iter().enumerate() {
            let outcome = match outcome {
                Ok(Stored { base_offset, append_time_ms }) => Ok(Acked {
                    partition,
                    offset: base_offset.map_or(Acked::UNKNOWN_OFFSET, |base| base + index as u64),
                    append_time_ms: *append_time_ms,
                }),
                Err(error) => Err(error.clone()),
            };
            // Whoever dropped the delivery does not want to know.
            let _ = reply.send(outcome);
        }
    }
}
