//! Space: the journal gives segments back.
//!
//! Nobody keeps count. Now and then all rows are looked at, which tells how much of each segment is needed. Segments of
//! which nothing is needed are deleted. What is needed of those that have little, or that have something that must
//! vanish, is moved to the head of the journal, a small step at a time in the turn of its tenant; the next look finds
//! them empty.

mod plan;

use super::{DAMAGED, Maintenance};
use crate::error::StorageError;
use crate::rows::{Checkpoint, ErasureRow};
use crate::segments::SegmentStore;
use crate::shard::Survey;
use levee_types::TenantId;
use plan::{Bounds, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A look at all rows comes so often when the journal has not grown: what was needed may have been trimmed or deleted.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// Such looks take at most this part of the time.
const IDLE_LOOK_SHARE: u32 = 100;
/// All looks do; moving is paced by itself.
const LOOK_SHARE: u32 = 20;
/// What must vanish waits so long for others, which then take no work of their own: it ends a segment.
const ERASURE_PATIENCE_MS: u64 = 60_000;
/// What is moved in one step, in bytes: others wait for no more than that.
const STEP_BYTES: u64 = 128 * 1024;
/// Bytes that are moved in the time that the committer takes for a batch however small it is: an estimate.
const BATCH_WORK: u64 = 4 * 1024;
/// Segments whose content is moved at once, in full ones.
const MOVED_AT_ONCE: u64 = 1;
/// Looks at once: each finds what the one before has left.
const ROUNDS: usize = 4;
/// How often it is asked whether a flush is over.
const FLUSH_POLL: Duration = Duration::from_millis(20);

/// What is remembered between looks.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// When the last work ended, how long it looked for some, and how long the journal was.
    last: Option<(Duration, Duration, u64)>,
    /// How long it has looked at rows since this work began.
    looked_for: Duration,
    /// There was more to do.
    is_more: bool,
    /// How much is not needed of how many bytes of the journal.
    wasted: (u64, u64),
    /// Whose entries sealed segments have, if that was asked.
    tenants: BTreeMap<u64, BTreeSet<TenantId>>,
    /// Segments with batches that cannot be read, and when they are tried again.
    damaged: BTreeMap<u64, Duration>,
}

impl<S: SegmentStore> Maintenance<S> {
    /// Looks whether there is anything to give back, when that is likely.
    pub(super) async fn space(&mut self) -> Result<(), StorageError> {
        if self.is_look_due()? {
            self.space.looked_for = Duration::ZERO;
            let done = self.give_back().await;
            let bytes = self.shard.journal_bytes();
            self.space.last = Some((self.shard.monotonic(), self.space.looked_for, bytes));
            done?;
        }
        Ok(())
    }

    fn is_look_due(&self) -> Result<bool, StorageError> {
        let Some((ended, took, bytes)) = self.space.last else { return Ok(true) };
        let rested = self.shard.monotonic().saturating_sub(ended);
        if rested < took * LOOK_SHARE {
            return Ok(false);
        }
        let segment = self.shard.settings().segment_bytes;
        let grown = self.shard.journal_bytes().saturating_sub(bytes);
        Ok(self.space.is_more
            || rested >= LOOK_INTERVAL.max(took * IDLE_LOOK_SHARE)
            || grown >= segment.max(bytes / 16)
            || self.shard.erasures()?.iter().any(|(_, row)| row.through > 0 || self.has_waited(row)))
    }

    /// Gives back what can be given back now.
    pub(crate) async fn give_back(&mut self) -> Result<(), StorageError> {
        self.space.is_more = false;
        for _ in 0..ROUNDS {
            if !self.goes_on() || !self.round().await? {
                return Ok(());
            }
        }
        self.space.is_more = true;
        Ok(())
    }

    /// One look, and what follows from it. Tells whether another look may find more.
    async fn round(&mut self) -> Result<bool, StorageError> {
        self.bound_erasures().await?;
        let begun = self.shard.monotonic();
        let survey = self.shard.survey(|| self.goes_on())?;
        self.space.looked_for += self.shard.monotonic().saturating_sub(begun);
        let Some(survey) = survey else { return Ok(false) };
        self.note(&survey);
        let Some(to_vanish) = self.vanishing(&survey).await? else { return Ok(false) };
        let mut needed_from = self.shard.flushed()?.segment;
        let settings = self.shard.settings();
        // On a disk that is nearly full each segment is deleted before the next one is moved.
        let bytes = if self.has_room() { settings.segment_bytes * MOVED_AT_ONCE } else { 0 };
        let now = self.shard.monotonic();
        self.space.damaged.retain(|_, until| *until > now);
        let damaged: BTreeSet<u64> = self.space.damaged.keys().copied().collect();
        let bounds = |needed_from| Bounds { needed_from, to_vanish: &to_vanish, damaged: &damaged, bytes };
        let mut todo = plan(&survey, &bounds(needed_from));
        if todo.wants_flush {
            needed_from = self.flush(survey.current).await?;
            todo = plan(&survey, &bounds(needed_from));
        }
        let (dead, mut deleted) = (todo.dead.len() as u64, 0);
        if dead > 0 {
            deleted = self.shard.delete_segments(todo.dead).await?;
            metrics::counter!("levee_journal_segments_deleted_total").increment(deleted);
        }
        if deleted < dead && !self.has_room() {
            // A backup needs them still: what is moved now would take the room that is left.
            return Ok(false);
        }
        let moved = self.relocate(todo.victims.into_iter().collect()).await?;
        self.space.is_more |= todo.is_more;
        Ok(moved > 0 || deleted > 0 && !to_vanish.is_empty())
    }

    /// Moves what is needed of some segments. Tells how many bytes.
    async fn relocate(&mut self, victims: BTreeSet<u64>) -> Result<u64, StorageError> {
        let mut total = 0;
        let mut from = (!victims.is_empty()).then(Vec::new);
        while let Some(key) = from
            && self.goes_on()
        {
            let lying = self.shard.lying_in(&victims, &key, STEP_BYTES)?;
            from = lying.next;
            if let Some((partition, ..)) = lying.batches.first() {
                let work = lying.bytes + lying.batches.len() as u64 * BATCH_WORK;
                let (moved, damaged) = self.shard.relocate(partition.tenant, lying.batches).await?;
                for segment in damaged {
                    tracing::error!(
                        segment,
                        "a segment has a damaged batch, and stays until that is trimmed: restore it from a backup"
                    );
                    self.space.damaged.insert(segment, self.shard.monotonic() + DAMAGED);
                }
                total += moved;
                metrics::counter!("levee_journal_relocated_bytes_total").increment(moved);
                self.pace(work);
            }
        }
        Ok(total)
    }

    /// Has the index cover all segments before one. Gives the first that recovery needs.
    async fn flush(&self, segment: u64) -> Result<u64, StorageError> {
        if self.shard.flushed()?.segment < segment {
            self.shard.begin_flush().await?;
        }
        self.flushed(|at| at.segment >= segment)?;
        Ok(self.shard.flushed()?.segment)
    }

    /// Waits until what the index has on disk is enough; `false`: it was told to stop.
    fn flushed(&self, is_enough: impl Fn(Checkpoint) -> bool) -> Result<bool, StorageError> {
        loop {
            if is_enough(self.shard.flushed()?) {
                return Ok(true);
            }
            if !self.waits(FLUSH_POLL) {
                return Ok(false);
            }
        }
    }

    /// Finds out where what must vanish ends, when it has waited long enough.
    async fn bound_erasures(&self) -> Result<(), StorageError> {
        let erasures = self.shard.erasures()?;
        if erasures.iter().any(|(_, row)| row.through == 0 && self.has_waited(row)) && self.has_room() {
            self.shard.bound_erasures().await?;
        }
        Ok(())
    }

    fn has_waited(&self, row: &ErasureRow) -> bool {
        self.shard.unix_ms().abs_diff(row.asked_ms) >= ERASURE_PATIENCE_MS
    }

    /// Whether a segment can be made without any need, and the next one still can.
    fn has_room(&self) -> bool {
        self.shard.disk_free_bytes() > self.shard.settings().segment_bytes * 2
    }

    /// The segments in which something lies that must vanish. What has vanished is done with. `None`: it goes on later.
    async fn vanishing(&mut self, survey: &Survey) -> Result<Option<BTreeSet<u64>>, StorageError> {
        let there: BTreeSet<u64> = survey.segments.iter().map(|segment| segment.id).collect();
        self.space.tenants.retain(|id, _| there.contains(id));
        let mut all = BTreeSet::new();
        for (number, row) in self.shard.erasures()? {
            if row.through == 0 || row.through >= survey.current {
                continue;
            }
            let mut segments: BTreeSet<u64> = row.segments.iter().copied().collect();
            if row.segments.is_empty() {
                for id in there.range(..=row.through) {
                    let Some(tenants) = self.tenants_of(*id)? else { return Ok(None) };
                    if tenants.contains(&TenantId(row.tenant)) {
                        segments.insert(*id);
                    }
                }
            }
            segments.retain(|id| there.contains(id));
            if segments.is_empty() {
                if row.segments.is_empty() && !self.erase_rows(&row).await? {
                    return Ok(None);
                }
                self.shard.finish_erasure(number, row).await?;
            }
            all.extend(segments);
        }
        Ok(Some(all))
    }

    /// Has the rows that are deleted vanish from the disk; `false`: it is to be done later.
    async fn erase_rows(&self, erasure: &ErasureRow) -> Result<bool, StorageError> {
        if self.flush(erasure.through + 1).await? <= erasure.through {
            return Ok(false);
        }
        if !self.shard.erase_rows(TenantId(erasure.tenant)).await? {
            return Ok(false);
        }
        let last = self.shard.begin_flush().await?;
        self.flushed(|at| at.sequence >= last.sequence)
    }

    /// Whose entries a sealed segment has; `None`: it was told to stop.
    fn tenants_of(&mut self, segment: u64) -> Result<Option<&BTreeSet<TenantId>>, StorageError> {
        if !self.space.tenants.contains_key(&segment) {
            let Some(tenants) = self.shard.tenants_in(segment, |bytes| self.pace(bytes))? else {
                return Ok(None);
            };
            self.space.tenants.insert(segment, tenants);
        }
        Ok(self.space.tenants.get(&segment))
    }

    /// Waits as long as work on so many bytes is to take. Tells whether it goes on.
    fn pace(&self, bytes: u64) -> bool {
        let (wasted, all) = self.space.wasted;
        let wait = self.shard.pace_to_win(wasted, all).wait(self.shard.monotonic(), bytes);
        (wait.is_zero() || self.waits(wait)) && self.goes_on()
    }

    fn note(&mut self, survey: &Survey) {
        let all = self.shard.journal_bytes();
        self.space.wasted = (all.saturating_sub(survey.live), all);
        let gauge = |name: &'static str, bytes: u64| {
            // Prometheus knows no other numbers; they are exact up to 8 PiB.
            metrics::gauge!(name).set(bytes as f64);
        };
        gauge("levee_journal_live_bytes", survey.live);
        gauge("levee_journal_dead_bytes", self.space.wasted.0);
    }
}
