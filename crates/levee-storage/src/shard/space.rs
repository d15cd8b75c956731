//! What maintenance asks to give back space of the journal. What reads the disk blocks.

use super::Shard;
use crate::committer::Move;
use crate::error::StorageError;
use crate::index::Rows as _;
use crate::journal::tenants_of;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, BatchRow, Checkpoint, ErasureRow, SegmentsRow, StagedRow};
use crate::segments::SegmentStore;
use crate::settings::ShardSettings;
use levee_types::{PartitionId, TenantId};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How much of a sealed segment is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentUse {
    pub(crate) id: u64,
    pub(crate) bytes: u64,
    /// Of its batches that are in a log, with [`BATCH_OVERHEAD`] for each.
    pub(crate) live: u64,
    /// It has batches of open transactions.
    pub(crate) has_staged: bool,
}

/// What is known of the journal from one look at all rows.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The sealed segments, ascending.
    pub(crate) segments: Vec<SegmentUse>,
    /// The segment that is written.
    pub(crate) current: u64,
    /// What is needed of all segments, in bytes.
    pub(crate) live: u64,
    /// How many segments are deleted behind one that is not.
    pub(crate) holes: usize,
}

/// What a batch takes in the journal beside its bytes, about. It is more than where the batch was moved to, so that no
/// segment seems emptier after a move.
pub(crate) const BATCH_OVERHEAD: u64 = 128;

/// Rows that are looked at in one go.
const ROWS: usize = 4096;

/// Batches that are moved in one step, at most: the committer looks each one up while others wait.
const MOVED_BATCHES: usize = 64;

/// Batches of one tenant that lie in some segments.
pub(crate) struct Lying {
    pub(crate) batches: Vec<(PartitionId, u64, BatchRow)>,
    /// What they take in the journal, about.
    pub(crate) bytes: u64,
    /// Where to look for the next ones; `None`: there are no more.
    pub(crate) next: Option<Vec<u8>>,
}

impl<S: SegmentStore> Shard<S> {
    /// Adds up what is needed of each segment; `None` if `goes_on` ended it.
    pub(crate) fn survey(&self, goes_on: impl Fn() -> bool) -> Result<Option<Survey>, StorageError> {
        let inner = &self.inner;
        // In this order: what was written to a segment before this one is among the rows.
        let current = inner.board.segment.load(Ordering::Acquire);
        let view = inner.index.view();
        let mut live: BTreeMap<u64, u64> = BTreeMap::new();
        let mut cursor = view.sweep(Keyspace::Index);
        cursor.first()?;
        let mut count = 0_usize;
        while let Some((_, row)) = cursor.item() {
            let row = BatchRow::decode(row)?;
            *live.entry(row.segment).or_default() += u64::from(row.length) + BATCH_OVERHEAD;
            count += 1;
            if count.is_multiple_of(ROWS) && !goes_on() {
                return Ok(None);
            }
            cursor.next()?;
        }
        drop(cursor);
        let mut staged = BTreeSet::new();
        let mut cursor = view.sweep(Keyspace::State);
        cursor.first()?;
        while let Some(tenant) = cursor.item().and_then(|(key, _)| keys::owner(key)) {
            let (from, to) = keys::staged_of_tenant(tenant);
            cursor.seek(&from)?;
            while let Some((key, row)) = cursor.item()
                && key < &to[..]
            {
                staged.insert(StagedRow::decode(row)?.place.segment);
                cursor.next()?;
            }
            cursor.seek(&keys::of_tenant(tenant).1)?;
        }
        drop(cursor);
        let deleted = match view.get(Keyspace::State, &keys::segments())? {
            Some(row) => SegmentsRow::decode(&row[..])?,
            None => SegmentsRow::default(),
        };
        let mut survey =
            Survey { current, live: live.values().sum(), holes: deleted.deleted.len(), ..Survey::default() };
        for id in self.list()? {
            if id < current {
                survey.segments.push(SegmentUse {
                    id,
                    bytes: inner.segments.length(id).map_err(unreadable)?,
                    live: live.get(&id).copied().unwrap_or(0),
                    has_staged: staged.contains(&id),
                });
            }
        }
        Ok(Some(survey))
    }

    /// What was set.
    pub(crate) fn settings(&self) -> &ShardSettings {
        &self.inner.settings
    }

    /// What the clock says that is never set.
    pub(crate) fn monotonic(&self) -> Duration {
        self.inner.clock.monotonic()
    }

    /// What the calendar says, in Unix milliseconds.
    pub(crate) fn unix_ms(&self) -> i64 {
        self.inner.clock.unix_ms()
    }

    /// Bytes of all segments.
    pub(crate) fn journal_bytes(&self) -> u64 {
        self.inner.board.journal_bytes.load(Ordering::Relaxed)
    }

    /// The last entry that the index has on disk: its segment is the first that recovery needs.
    pub(crate) fn flushed(&self) -> Result<Checkpoint, StorageError> {
        let row = self.inner.index.flushed_checkpoint()?;
        Ok(row.map(|row| Checkpoint::decode(&row[..])).transpose()?.unwrap_or_default())
    }

    /// Batches in some segments, from a key on: of one tenant, about `max_bytes`, and few enough for one step.
    pub(crate) fn lying_in(
        &self,
        segments: &BTreeSet<u64>,
        from: &[u8],
        max_bytes: u64,
    ) -> Result<Lying, StorageError> {
        let view = self.inner.index.view();
        let mut cursor = view.sweep(Keyspace::Index);
        cursor.seek(from)?;
        let mut lying = Lying { batches: Vec::new(), bytes: 0, next: None };
        let mut looked_at = 0;
        while let Some((key, row)) = cursor.item() {
            let (partition, base_offset) = keys::batch_of(key).ok_or(BadRow)?;
            let is_another = lying.batches.last().is_some_and(|(last, ..)| last.tenant != partition.tenant);
            let is_enough = lying.bytes >= max_bytes || lying.batches.len() >= MOVED_BATCHES;
            if is_enough || looked_at >= ROWS || is_another {
                lying.next = Some(key.to_vec());
                break;
            }
            let row = BatchRow::decode(row)?;
            if segments.contains(&row.segment) {
                lying.bytes += u64::from(row.length) + BATCH_OVERHEAD;
                lying.batches.push((partition, base_offset, row));
            }
            looked_at += 1;
            cursor.next()?;
        }
        Ok(lying)
    }

    /// Writes batches of a tenant again, in its turn, and tells how many bytes they had; those that were changed
    /// meanwhile are left out. Gives the segments with damaged ones too.
    pub(crate) async fn relocate(
        &self,
        tenant: TenantId,
        batches: Vec<(PartitionId, u64, BatchRow)>,
    ) -> Result<(u64, BTreeSet<u64>), StorageError> {
        let mut damaged = BTreeSet::new();
        let mut moves = Vec::with_capacity(batches.len());
        let mut bytes = 0;
        for (partition, base_offset, row) in batches {
            match self.inner.log.read(partition, base_offset, &row) {
                Ok(batch) => {
                    bytes += batch.bytes.len();
                    moves.push(Move { partition, base_offset, row, bytes: batch.bytes });
                }
                Err(StorageError::Damaged { segment, .. }) => {
                    damaged.insert(segment);
                }
                Err(error) => return Err(error),
            }
        }
        let moved = self
            .change_in_turn_of(tenant, bytes, None, move |machine, draft, _| machine.relocate(moves, draft))
            .await?;
        Ok((moved, damaged))
    }

    /// Deletes segments of which nothing is needed, but for those that recovery needs. Tells how many; none while a
    /// backup is made of them.
    pub(crate) async fn delete_segments(&self, mut ids: Vec<u64>) -> Result<u64, StorageError> {
        let Some(_deleting) = self.inner.pins.try_delete() else { return Ok(0) };
        let there = self.list()?;
        ids.retain(|id| there.contains(id));
        let deleted =
            self.change(0, None, move |machine, draft, _| machine.delete_segments(&ids, draft)).await?;
        self.remove(&deleted)?;
        Ok(deleted.len() as u64)
    }

    /// Removes what is deleted. The entry that says so is durable.
    fn remove(&self, ids: &[u64]) -> Result<(), StorageError> {
        ids.iter().try_for_each(|id| self.inner.segments.remove(*id)).map_err(unreadable)
    }

    fn list(&self) -> Result<Vec<u64>, StorageError> {
        self.inner.segments.list().map_err(unreadable)
    }

    /// What must vanish from the journal, with its numbers.
    pub(crate) fn erasures(&self) -> Result<Vec<(u64, ErasureRow)>, StorageError> {
        let mut cursor = self.inner.index.cursor(Keyspace::State, keys::erasures());
        cursor.first()?;
        let mut all = Vec::new();
        while let Some((key, row)) = cursor.item() {
            all.push((keys::last_u64(key).ok_or(BadRow)?, ErasureRow::decode(row)?));
            cursor.next()?;
        }
        Ok(all)
    }

    /// Ends the segment that is written, if something must vanish of which it is not known where it ends.
    pub(crate) async fn bound_erasures(&self) -> Result<(), StorageError> {
        self.change(0, None, |machine, draft, _| machine.bound_erasures(draft)).await
    }

    /// Has the rows of a tenant that are deleted vanish from the disk, as they have from the index. They must be
    /// covered by what is flushed, and they are gone when the next flush is done: it has something to write. `false`:
    /// it has to be done again.
    pub(crate) async fn erase_rows(&self, tenant: TenantId) -> Result<bool, StorageError> {
        let index = &self.inner.index;
        // RocksDB flushes what the tenant has in memory, of others as well. What was applied is synced now, and what
        // comes meanwhile is before it is applied.
        let _expected = index.expect_flushes();
        self.begin_flush().await?;
        let are_gone = index.erase_deleted(tenant)?;
        self.keep_steady().await?;
        Ok(are_gone)
    }

    /// Says that something has vanished.
    pub(crate) async fn finish_erasure(&self, number: u64, row: ErasureRow) -> Result<(), StorageError> {
        self.change(0, None, move |machine, draft, now_ms| {
            machine.finish_erasure(number, &row, draft, now_ms)
        })
        .await
    }

    /// Whose entries a sealed segment has; `None` if `pace` ended it.
    pub(crate) fn tenants_in(
        &self,
        segment: u64,
        pace: impl FnMut(u64) -> bool,
    ) -> Result<Option<BTreeSet<TenantId>>, StorageError> {
        tenants_of(&*self.inner.segments, self.inner.identity.journal, segment, pace)
            .map_err(|damage| StorageError::Unreadable { reason: damage.to_string() })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err takes")]
fn unreadable(error: std::io::Error) -> StorageError {
    StorageError::Unreadable { reason: error.to_string() }
}
