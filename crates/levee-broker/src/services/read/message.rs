//! One message of a read stream, while it is being filled.
//!
//! Must hold: whatever the batches are, it stays within the limit of messages.

use crate::admission::Held;
use levee_proto::v1;
use levee_storage::{FETCH_OVERHEAD_BYTES, StoredBatch};
use levee_types::limits::READ_MESSAGE_BYTES;

/// What a batch costs in a message beside its bytes, at most: so that a message of tiny batches stays
/// within the limit of messages. Storage counts the same, so that it hands out what fits.
const ENVELOPE_BYTES: usize = FETCH_OVERHEAD_BYTES;

/// A message that is being filled.
#[derive(Default)]
pub(super) struct Message {
    batches: Vec<v1::StoredBatch>,
    batch_bytes: usize,
    /// What is held for it.
    pub(super) held: Option<Held>,
    /// The offset of a batch that was left out: of its bytes only the number is there.
    pub(super) absent: Option<u64>,
}

impl Message {
    /// A message for which memory is held, or there is none.
    pub(super) fn new(held: Option<Held>) -> Self {
        Self { held, ..Self::default() }
    }

    /// Bytes of batches that may still be added, when the message may have `allowed`; none if it is full.
    pub(super) fn room(&self, credit: i64, allowed: usize) -> Option<usize> {
        let occupied = self.batch_bytes + self.batches.len() * ENVELOPE_BYTES;
        let in_message = allowed.min(READ_MESSAGE_BYTES).checked_sub(occupied)?;
        let in_credit = usize::try_from(credit).unwrap_or(0).checked_sub(self.batch_bytes)?;
        Some(in_message.min(in_credit)).filter(|room| *room > 0)
    }

    /// Adds batches until `room` is used up, at least one. Returns the offset behind the last.
    pub(super) fn add(
        &mut self,
        position: u32,
        batches: Vec<StoredBatch>,
        end: u64,
        room: usize,
    ) -> Option<u64> {
        let mut room = room;
        let mut sent = None;
        for batch in batches {
            if room == 0 {
                break;
            }
            room = room.saturating_sub(batch.bytes.len() + ENVELOPE_BYTES);
            sent = Some(batch.base_offset + u64::from(batch.records));
            self.batch_bytes += batch.bytes.len();
            self.batches.push(v1::StoredBatch {
                position,
                base_offset: batch.base_offset,
                record_count: batch.records,
                append_time_ms: batch.append_time_ms,
                batch_crc32c: batch.crc,
                end_offset: end,
                batch: batch.bytes,
            });
        }
        sent
    }

    /// Whether there is nothing in it yet.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many records it has.
    pub(super) fn records(&self) -> u64 {
        self.batches.iter().map(|batch| u64::from(batch.record_count)).sum()
    }

    /// Bytes of its batches: what it takes of the client's credit.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// The one that was added last.
    pub(super) fn last(&self) -> Option<&v1::StoredBatch> {
        self.batches.last()
    }

    /// What goes out.
    pub(super) fn into_batches(self) -> Vec<v1::StoredBatch> {
        if !self.batches.is_empty() {
            metrics::counter!("levee_read_batches_total").increment(self.batches.len() as u64);
            metrics::counter!("levee_read_bytes_total").increment(self.batch_bytes as u64);
        }
        self.batches
    }
}

#[cfg(test)]
mod tests;
