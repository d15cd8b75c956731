//! All keys of some partitions in one order, a part of them at a time.
//!
//! Must hold: what is held of the partitions that wait is bounded, whatever their records are.

use super::target::Part;
use super::value::{Filling, of_record};
use bytes::Bytes;
use levee_proto::v1;
use levee_storage::{Shard, StorageError, TablePage, TableRecord};
use levee_types::LeveeError;
use levee_types::limits::TABLE_ANSWER_BYTES;
use std::collections::{BTreeSet, VecDeque};

/// Records of all partitions that are read ahead, about.
const AHEAD: usize = 1_000;
/// Pages that are read in one turn.
const PAGES_PER_TURN: usize = 16;
/// Bytes of records that are held. Beyond, only the key is held, and its record is read again.
const HELD_BYTES: usize = 4 * TABLE_ANSWER_BYTES;

/// Keys that are told in their order.
pub(super) struct Merge {
    prefix: Bytes,
    partitions: Vec<Ahead>,
    /// The next key of each partition that has one at hand.
    heads: BTreeSet<(Bytes, usize)>,
    /// Partitions of which a page is to be read.
    hungry: Vec<usize>,
    held_bytes: usize,
    /// How many keys may still be told.
    left: u64,
    /// A value that had no room.
    kept: Option<v1::KeyValue>,
}

/// A partition, as far as it was read.
struct Ahead {
    part: Part,
    /// Where the next page begins. None: there is none.
    after: Option<Option<Bytes>>,
    keys: VecDeque<(Bytes, Option<TableRecord>)>,
}

impl Merge {
    /// The keys that begin with `prefix`, behind `after`: at most `limit`.
    pub(super) fn new(parts: Vec<Part>, prefix: Bytes, after: Option<&Bytes>, limit: u64) -> Self {
        let ahead = |part| Ahead { part, after: Some(after.cloned()), keys: VecDeque::new() };
        let partitions: Vec<_> = parts.into_iter().map(ahead).collect();
        let hungry = (0..partitions.len()).rev().collect();
        Self { prefix, partitions, heads: BTreeSet::new(), hungry, held_bytes: 0, left: limit, kept: None }
    }

    /// Everything was told.
    pub(super) fn is_over(&self) -> bool {
        self.kept.is_none() && (self.left == 0 || (self.hungry.is_empty() && self.heads.is_empty()))
    }

    /// Bytes that the next turn reads.
    pub(super) fn turn_bytes(&self) -> usize {
        self.hungry.len().clamp(1, PAGES_PER_TURN) * self.page_bytes()
    }

    fn page_bytes(&self) -> usize {
        (TABLE_ANSWER_BYTES / self.partitions.len().max(1)).max(1)
    }

    /// The next values, as far as there is room. There may be none although it goes on. May block.
    pub(super) fn take(&mut self, shard: &Shard, filling: &mut Filling) -> Result<(), LeveeError> {
        if let Some(kept) = self.kept.take() {
            // It was the first, or is now.
            self.tell(kept, filling);
        }
        for _ in 0..PAGES_PER_TURN {
            while self.hungry.is_empty() && self.left > 0 && self.kept.is_none() && !filling.is_full() {
                let Some((key, first)) = self.heads.pop_first() else { return Ok(()) };
                if let Some((partition, record)) = self.newest(shard, &key, first)? {
                    self.tell(of_record(partition, record)?, filling);
                }
            }
            let Some(hungry) = self.hungry.pop() else { break };
            self.read(shard, hungry)?;
        }
        Ok(())
    }

    fn tell(&mut self, value: v1::KeyValue, filling: &mut Filling) {
        match filling.add(value) {
            Ok(()) => self.left -= 1,
            Err(value) => self.kept = Some(*value),
        }
    }

    /// The record of a key that was appended last, of those that the partitions have at hand.
    fn newest(
        &mut self,
        shard: &Shard,
        key: &Bytes,
        first: usize,
    ) -> Result<Option<(u32, TableRecord)>, StorageError> {
        let mut newest: Option<(u32, TableRecord)> = None;
        let mut next = Some(first);
        while let Some(index) = next {
            let partition = self.partitions[index].part.id.partition;
            let is_newer = |found: &TableRecord| {
                newest.as_ref().is_none_or(|(_, newest)| found.append_time_ms >= newest.append_time_ms)
            };
            if let Some(found) = self.next_of(shard, index)?.filter(is_newer) {
                newest = Some((partition, found));
            }
            next = None;
            if let Some((other, index)) = self.heads.first()
                && other == key
            {
                next = Some(*index);
                self.heads.pop_first();
            }
        }
        Ok(newest)
    }

    /// Takes the next key of a partition. None: it has no record any more.
    fn next_of(&mut self, shard: &Shard, index: usize) -> Result<Option<TableRecord>, StorageError> {
        let ahead = &mut self.partitions[index];
        let Some((key, record)) = ahead.keys.pop_front() else { return Ok(None) };
        let Part { id, end } = ahead.part;
        match ahead.keys.front() {
            Some((next, _)) => {
                self.heads.insert((next.clone(), index));
            }
            None if ahead.after.is_some() => self.hungry.push(index),
            None => {}
        }
        match record {
            Some(record) => {
                self.held_bytes -= record.record.len();
                Ok(Some(record))
            }
            None => Ok(shard.table_get(id, &key)?.filter(|found| found.offset < end && !found.is_tombstone)),
        }
    }

    /// Reads the next page of a partition.
    fn read(&mut self, shard: &Shard, index: usize) -> Result<(), StorageError> {
        let (most, bytes) = ((AHEAD / self.partitions.len()).max(1), self.page_bytes());
        let ahead = &mut self.partitions[index];
        let Some(after) = ahead.after.take() else { return Ok(()) };
        let Part { id, end } = ahead.part;
        let TablePage { records, after } =
            shard.table_scan(id, &self.prefix, after.as_deref(), most, bytes)?;
        ahead.after = after.map(Some);
        for record in records.into_iter().filter(|record| record.offset < end) {
            let key = record.key.clone();
            let is_held = self.held_bytes + record.record.len() <= HELD_BYTES;
            self.held_bytes += if is_held { record.record.len() } else { 0 };
            ahead.keys.push_back((key, is_held.then_some(record)));
        }
        match ahead.keys.front() {
            Some((next, _)) => {
                self.heads.insert((next.clone(), index));
            }
            None if ahead.after.is_some() => self.hungry.push(index),
            None => {}
        }
        Ok(())
    }
}
