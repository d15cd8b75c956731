//! Looking for keys, a part of them at a time.

use super::target::Part;
use super::value::{Filling, absent, of_record};
use bytes::Bytes;
use levee_storage::{Shard, StorageError, TableRecord};
use levee_types::LeveeError;

/// Looks that are taken in one turn, but for a key that is looked for in more partitions.
const LOOKS_PER_TURN: usize = 64;

/// Keys that are looked for in some partitions.
pub(super) struct Lookup {
    keys: Vec<Bytes>,
    parts: Vec<Part>,
    next: usize,
}

impl Lookup {
    pub(super) fn new(keys: Vec<Bytes>, parts: Vec<Part>) -> Self {
        Self { keys, parts, next: 0 }
    }

    /// Every key was looked for.
    pub(super) fn is_over(&self) -> bool {
        self.next == self.keys.len()
    }

    /// Looks that the next turn takes.
    pub(super) fn looks(&self) -> usize {
        self.keys_per_turn().min(self.keys.len() - self.next) * self.parts.len()
    }

    fn keys_per_turn(&self) -> usize {
        (LOOKS_PER_TURN / self.parts.len().max(1)).max(1)
    }

    /// The next keys, in their order, each with its newest record. True: the message is full. May block.
    pub(super) fn take(&mut self, shard: &Shard, filling: &mut Filling) -> Result<bool, LeveeError> {
        for _ in 0..self.keys_per_turn() {
            let Some(key) = self.keys.get(self.next) else { break };
            let value = match self.newest(shard, key)? {
                Some((partition, record)) => of_record(partition, record)?,
                None => absent(key.clone()),
            };
            if filling.add(value).is_err() {
                return Ok(true);
            }
            self.next += 1;
        }
        Ok(false)
    }

    /// The record that was appended last, where several partitions have one.
    fn newest(&self, shard: &Shard, key: &[u8]) -> Result<Option<(u32, TableRecord)>, StorageError> {
        let mut newest: Option<(u32, TableRecord)> = None;
        for part in &self.parts {
            let is_newer = |found: &TableRecord| {
                found.offset < part.end
                    && newest.as_ref().is_none_or(|(_, newest)| found.append_time_ms >= newest.append_time_ms)
            };
            if let Some(found) = shard.table_get(part.id, key)?.filter(is_newer) {
                newest = Some((part.id.partition, found));
            }
        }
        Ok(newest)
    }
}
