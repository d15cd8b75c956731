//! One pass over a partition of a table: superseded records go, and tombstones whose time is over.
//!
//! It reads beside the committer, a few batches at a time, and asks it for small steps. A record that is superseded
//! never becomes the newest of its key again, so whether it may go is certain whatever happens meanwhile; whether the
//! batches are still those that were read, the committer says.
//!
//! Must hold: batches are done in their order, up to an end that is certain at the beginning. So when a pass has come
//! to a tombstone, everything that it deletes is gone: from then on its time counts, and a later pass may remove it.

use super::Sizes;
use super::batches::{Mark, Neighbours, Opened};
use super::newest::Newest;
use super::steps::Steps;
use crate::codec::OpenRecord;
use crate::error::StorageError;
use crate::rows::BatchRow;
use crate::segments::SegmentStore;
use crate::shard::{Compacted, Shard};
use bytes::Bytes;
use levee_types::{ErrorCode, LeveeError, PartitionId, TopicConfig};
use std::collections::VecDeque;

/// Batches whose rows are read at once.
const ROWS: usize = 64;
/// Bytes that are read before it is told, also when there was nothing to do.
const TOLD_BYTES: u64 = 256 * 1024;

/// A pass over a partition.
pub(crate) struct Pass<'a, S> {
    shard: &'a Shard<S>,
    partition: PartitionId,
    config: TopicConfig,
    sizes: Sizes,
    /// The offsets from here on are left alone.
    end: u64,
    /// The same for batches that were appended later, in Unix milliseconds.
    until_ms: i64,
    steps: Steps<'a, S>,
    neighbours: Neighbours,
    newest: Newest,
    /// Bytes that had been read when it was told last.
    told_bytes: u64,
    /// Everything before is done, but for what waits.
    at: u64,
    /// What comes next, as it was not long ago.
    rows: VecDeque<(u64, BatchRow)>,
    is_over: bool,
}

impl<'a, S: SegmentStore> Pass<'a, S> {
    pub(crate) fn new(
        shard: &'a Shard<S>,
        partition: PartitionId,
        sizes: Sizes,
    ) -> Result<Self, StorageError> {
        shard.check_hold(partition.tenant)?;
        let topic = shard.topic_by_id(partition.tenant, partition.topic)?.ok_or(StorageError::NoTopic)?;
        let config = topic.config.clone();
        if !config.cleanup_policy.is_table() {
            let message = format!("topic {} is no table", topic.name);
            let error = LeveeError::new(ErrorCode::InvalidArgument, message)
                .with_hint("only a topic with cleanup.policy compact or compact,delete is compacted");
            return Err(StorageError::Invalid(error));
        }
        // Without a lag, a batch from the time before a clock was set back must not wait until that time comes again.
        let until_ms = match i64::try_from(config.min_compaction_lag_ms).unwrap_or(i64::MAX) {
            0 => i64::MAX,
            lag_ms => shard.unix_ms().saturating_sub(lag_ms),
        };
        let end = shard.offsets(partition)?.end;
        Ok(Self {
            end,
            until_ms,
            newest: Newest::of(0..end, sizes.newest),
            steps: Steps::new(shard, partition, true, sizes),
            neighbours: Neighbours::default(),
            told_bytes: 0,
            at: 0,
            rows: VecDeque::new(),
            is_over: false,
            sizes,
            shard,
            partition,
            config,
        })
    }

    /// Does all of it. `progress` is told after each step, and ends the pass with `false`.
    pub(crate) async fn run(
        mut self,
        mut progress: impl FnMut(Compacted) -> bool,
    ) -> Result<Compacted, StorageError> {
        while let Some(done) = self.step().await? {
            if !progress(done) {
                break;
            }
        }
        Ok(self.steps.done)
    }

    /// Goes on for a while: until a step was taken, or something was read. Tells what was done so far; `None`: the pass
    /// is over.
    pub(crate) async fn step(&mut self) -> Result<Option<Compacted>, StorageError> {
        while !self.is_over {
            let Some((base, row)) = self.next_row()? else {
                match self.close().await? {
                    Some(again) => self.go_back(again),
                    None => {
                        self.forget_trimmed().await?;
                        self.shard.end_compaction(self.partition, self.at).await?;
                        self.is_over = true;
                        return Ok(Some(self.steps.done));
                    }
                }
                continue;
            };
            if !self.newest.covers(&(base..base + u64::from(row.records))) {
                self.rows.push_front((base, row));
                self.look_up(base)?;
                return Ok(Some(self.steps.done));
            }
            let Some(bytes) = self.read(base, &row)? else {
                self.go_back(base);
                continue;
            };
            let records = self.open(base, &row, &bytes)?;
            if let Some(again) = self.add(base, row, bytes, records).await? {
                self.go_back(again);
                continue;
            }
            self.at = base + u64::from(row.records);
            let read_bytes = self.steps.done.read_bytes;
            if self.steps.took_one() || read_bytes - self.told_bytes >= TOLD_BYTES {
                self.told_bytes = read_bytes;
                return Ok(Some(self.steps.done));
            }
        }
        Ok(None)
    }

    /// The next batch, as its row says. `None`: those behind are left alone.
    fn next_row(&mut self) -> Result<Option<(u64, BatchRow)>, StorageError> {
        if self.rows.is_empty() {
            self.rows = self.shard.log().rows(self.partition, self.at, ROWS)?.into();
        }
        let is_within = |(base, row): &(u64, BatchRow)| {
            base + u64::from(row.records) <= self.end && row.append_time_ms <= self.until_ms
        };
        Ok(self.rows.pop_front().filter(is_within))
    }

    /// Looks at some rows of keys, to know of the records from an offset on whether they are the newest.
    fn look_up(&mut self, from: u64) -> Result<(), StorageError> {
        if self.newest.is_complete() {
            self.newest = Newest::of(from..self.end, self.sizes.newest);
        }
        self.steps.done.key_rows += self.newest.read(&self.shard.tables(), self.partition)?;
        Ok(())
    }

    /// The bytes of a batch; `None`: it is elsewhere by now.
    fn read(&self, base: u64, row: &BatchRow) -> Result<Option<Bytes>, StorageError> {
        match self.shard.log().read(self.partition, base, row) {
            Ok(batch) => Ok(Some(batch.bytes)),
            Err(StorageError::Damaged { .. })
                if self.shard.log().find(self.partition, base)? != Some((base, *row)) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn open(&self, base: u64, row: &BatchRow, bytes: &Bytes) -> Result<Vec<OpenRecord>, StorageError> {
        let opened = self.shard.codec().open(bytes);
        opened.map_err(|error| crate::table::undecodable(self.partition, base, row, &error))
    }

    /// Puts a batch to its neighbours, and does what is enough for a step. `Some`: something has changed meanwhile; it
    /// goes on there.
    async fn add(
        &mut self,
        base: u64,
        row: BatchRow,
        bytes: Bytes,
        records: Vec<OpenRecord>,
    ) -> Result<Option<u64>, StorageError> {
        self.steps.done.read_bytes += u64::from(row.length);
        let batch = self.sift(base, row, bytes, records);
        let is_left_alone = batch.is_left_alone(self.sizes);
        if is_left_alone || !self.neighbours.takes(&batch, self.sizes) {
            self.finish_neighbours();
            if self.steps.are_enough()
                && let Some(again) = self.steps.take().await?
            {
                return Ok(Some(again));
            }
        }
        if !is_left_alone {
            self.neighbours.add(batch, self.sizes);
        }
        Ok(None)
    }

    /// Keeps of a batch what is not superseded.
    fn sift(&self, base: u64, row: BatchRow, bytes: Bytes, mut records: Vec<OpenRecord>) -> Opened {
        let marked_ms = row.rewritten.filter(|until_ms| *until_ms > 0);
        let is_due = marked_ms.is_some_and(|until_ms| until_ms <= self.shard.steady().now_ms());
        let mut keys = Vec::new();
        let mut has_tombstones = false;
        let before = records.len();
        records.retain(|record| {
            let Some(key) = &record.key else { return true };
            let offset = base + u64::from(record.delta);
            let is_newest = self.newest.is_at(offset);
            if is_newest && record.is_tombstone && is_due {
                keys.push((Bytes::copy_from_slice(key), offset));
                return false;
            }
            has_tombstones |= is_newest && record.is_tombstone;
            is_newest
        });
        let removed = (before - records.len()) as u64;
        let tombstones = match marked_ms {
            _ if !has_tombstones => Mark::None,
            Some(until_ms) => Mark::Until(until_ms),
            None => Mark::Begin,
        };
        Opened { base, row, bytes, records, removed, tombstones, keys }
    }

    fn finish_neighbours(&mut self) {
        let neighbours = std::mem::take(&mut self.neighbours);
        if let Some((replacement, removed)) =
            neighbours.finish(self.shard.codec(), self.config.delete_retention_ms)
        {
            self.steps.add(replacement, removed);
        }
    }

    /// Does what waits. `Some`: it goes on there.
    async fn close(&mut self) -> Result<Option<u64>, StorageError> {
        self.finish_neighbours();
        self.steps.take().await
    }

    /// Lets go of what waits, and goes on where that begins, but not behind `at`.
    fn go_back(&mut self, at: u64) {
        let waiting = [self.neighbours.base(), self.steps.drop_waiting()];
        self.at = waiting.into_iter().flatten().fold(at, u64::min);
        self.neighbours = Neighbours::default();
        self.rows.clear();
    }

    /// Removes the rows of keys whose newest records were trimmed.
    async fn forget_trimmed(&mut self) -> Result<(), StorageError> {
        let start = self.shard.tables().start(self.partition)?;
        let mut next = (start > 0).then(Bytes::new);
        while let Some(after) = next {
            let page = self.shard.tables().key_rows(self.partition, Some(&after))?;
            let trimmed = page.rows.into_iter().filter(|(_, row)| row.offset < start);
            self.steps.forget(trimmed.map(|(key, row)| (key, row.offset)).collect()).await?;
            next = page.after;
        }
        Ok(())
    }
}
