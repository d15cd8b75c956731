//! Records of a transaction that wait for its commit, or to be staged. No I/O.
//!
//! Must hold: the batches of a partition leave in the order in which their records came.

use crate::error::Error;
use crate::producer::batch::{Encoded, encode};
use crate::producer::topics::Place;
use levee_proto::v1;
use levee_types::limits::MAX_BATCH_RECORDS;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Bytes of records that wait for the commit, so that a small transaction is one request and one entry of the journal.
const INLINE_BYTES: usize = 1024 * 1024;

/// A batch that takes no more records.
pub(super) struct Batch {
    pub(super) topic: Arc<str>,
    pub(super) partition: u32,
    pub(super) records: usize,
    pub(super) encoded: Encoded,
}

/// Records of one partition.
struct Open {
    records: Vec<v1::Record>,
    bytes: usize,
}

type Partition = (Arc<str>, u32);

pub(super) struct Buffer {
    compression: v1::Compression,
    open: HashMap<Partition, Open>,
    /// In the order in which they were filled.
    full: VecDeque<(Partition, Open)>,
    /// Of all records.
    bytes: usize,
}

impl Buffer {
    pub(super) fn new(compression: v1::Compression) -> Self {
        Self { compression, open: HashMap::new(), full: VecDeque::new(), bytes: 0 }
    }

    /// How many batches it would be.
    pub(super) fn batches(&self) -> usize {
        self.full.len() + self.open.len()
    }

    /// Takes a record that adds so many bytes to a batch.
    pub(super) fn push(&mut self, place: Place, record: v1::Record, bytes: usize) {
        let Place { topic, partition, batch_bytes } = place;
        let partition = (topic, partition);
        let open = self.open.get_mut(&partition);
        if open
            .is_some_and(|open| open.bytes + bytes > batch_bytes || open.records.len() == MAX_BATCH_RECORDS)
        {
            self.full.extend(self.open.remove_entry(&partition));
        }
        let open = self.open.entry(partition).or_insert_with(|| Open { records: Vec::new(), bytes: 0 });
        open.records.push(record);
        open.bytes += bytes;
        self.bytes += bytes;
    }

    /// There is more than a commit takes with it.
    pub(super) fn overflows(&self) -> bool {
        self.bytes > INLINE_BYTES
    }

    /// The batch that is to be staged next, as long as there is more than half of what a commit takes: those that are
    /// full, then the largest.
    ///
    /// # Errors
    /// A record is larger than a batch can be.
    pub(super) fn spill(&mut self) -> Result<Option<Batch>, Error> {
        if self.bytes <= INLINE_BYTES / 2 {
            return Ok(None);
        }
        let largest =
            || self.open.iter().max_by_key(|(_, open)| open.bytes).map(|(partition, _)| partition.clone());
        let next = match self.full.pop_front() {
            Some(full) => Some(full),
            None => largest().and_then(|partition| self.open.remove_entry(&partition)),
        };
        next.map(|(partition, open)| self.close(partition, open)).transpose()
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`Self::spill`].
    pub(super) fn drain(&mut self) -> Result<Vec<Batch>, Error> {
        let mut rest: Vec<_> = self.full.drain(..).collect();
        rest.extend(self.open.drain());
        rest.into_iter().map(|(partition, open)| self.close(partition, open)).collect()
    }

    fn close(&mut self, (topic, partition): Partition, open: Open) -> Result<Batch, Error> {
        let Open { records, bytes } = open;
        self.bytes -= bytes;
        let encoded = encode(&records, bytes, self.compression)?;
        Ok(Batch { topic, partition, records: records.len(), encoded })
    }
}

#[cfg(test)]
mod tests;
