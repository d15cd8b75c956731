//! When which table is compacted.
//!
//! What is persisted is in the row of a partition: up to where it was compacted last. A look asks of each partition how
//! much came since then. When tombstones may go is remembered here, and read from the rows of the batches when another
//! pass has ended meanwhile.

use super::{DAMAGED, Maintenance};
use crate::catalog::tables::Walked;
use crate::compaction::{Pace, Pass, Sizes};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use crate::shard::Compacted;
use levee_types::{PartitionId, TopicConfig};
use std::collections::HashMap;
use std::time::Duration;

/// Rows of topics in one step.
const TOPICS_AT_ONCE: usize = 1_000;
/// Topics and partitions that one look comes to, about; the next one goes on there. So a look at a million topics takes
/// little of this thread at a time.
const LOOKED_AT: usize = 20_000;
/// Between two writes of the steady time: a restart takes no more of it.
const STEADY_INTERVAL_MS: u64 = 60_000;

/// What is remembered between two looks.
#[derive(Default)]
pub(super) struct Schedule {
    behind: Walked,
    /// When the first tombstone of a partition may go, in milliseconds of the steady time, and what the pass left
    /// behind after which that was looked up.
    tombstones: HashMap<PartitionId, ((u64, u64), Option<u64>)>,
    /// When the last pass over a partition began, in milliseconds of the steady time. What was due by then and is still
    /// there is not for passes to remove: it is young, or only its batch says that it is there.
    passed_ms: HashMap<PartitionId, u64>,
    /// Partitions that cannot be compacted, until then.
    damaged: HashMap<PartitionId, Duration>,
    /// The steady time that was written down last.
    steady_ms: Option<u64>,
}

impl<S: SegmentStore> Maintenance<S> {
    /// One look.
    pub(super) async fn compaction(&mut self) -> Result<(), StorageError> {
        self.keep_steady().await?;
        let mut looked_at = 0;
        while looked_at < LOOKED_AT {
            let (tables, next) = self.shard.all_tables(self.compaction.behind, TOPICS_AT_ONCE)?;
            looked_at += TOPICS_AT_ONCE;
            for (tenant, topic) in tables {
                looked_at += topic.partitions as usize;
                for partition in 0..topic.partitions {
                    let partition = PartitionId { tenant, topic: topic.id, partition };
                    if !self.goes_on() {
                        return Ok(());
                    }
                    if let Some(pace) = self.worth(partition, &topic.config)? {
                        self.compact(partition, pace).await?;
                    }
                }
            }
            self.compaction.behind = next.unwrap_or_default();
            if next.is_none() {
                self.forget_deleted()?;
                break;
            }
        }
        Ok(())
    }

    /// While the steady time is not written down, a restart takes it back, and tombstones stay longer.
    async fn keep_steady(&mut self) -> Result<(), StorageError> {
        let now_ms = self.shard.steady().now_ms();
        let Schedule { tombstones, steady_ms, .. } = &mut self.compaction;
        let last_ms = *steady_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(last_ms) >= STEADY_INTERVAL_MS
            && tombstones.values().any(|(_, due_ms)| due_ms.is_some())
        {
            *steady_ms = Some(now_ms);
            self.shard.keep_steady().await?;
        }
        Ok(())
    }

    /// How fast a partition is to be compacted, if it is worth it.
    fn worth(&mut self, partition: PartitionId, config: &TopicConfig) -> Result<Option<Pace>, StorageError> {
        let now = self.shard.monotonic();
        if self.compaction.damaged.get(&partition).is_some_and(|until| *until > now) {
            return Ok(None);
        }
        let now_ms = self.shard.unix_ms();
        let ago = |ms| now_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
        let until_ms = match config.min_compaction_lag_ms {
            0 => i64::MAX,
            lag_ms => ago(lag_ms),
        };
        let dirt = self.shard.log().dirt(partition, until_ms)?;
        let share = u128::from(dirt.stored_bytes) * u128::from(config.min_cleanable_dirty_permille);
        let is_dirty = dirt.dirty_bytes > 0 && u128::from(dirt.dirty_bytes) * 1000 >= share;
        let is_old = |max_ms| dirt.oldest_ms.is_some_and(|oldest_ms| oldest_ms <= ago(max_ms));
        if is_dirty || config.max_compaction_lag_ms.is_some_and(is_old) {
            return Ok(Some(self.shard.pace_to_win(dirt.dirty_bytes, dirt.stored_bytes)));
        }
        if dirt.compacted == (0, 0) {
            return Ok(None);
        }
        let due_ms = match self.compaction.tombstones.get(&partition) {
            Some((compacted, due_ms)) if *compacted == dirt.compacted => *due_ms,
            _ => {
                let passed_ms = self.compaction.passed_ms.get(&partition).copied().unwrap_or(0);
                let due_ms = self.shard.log().tombstones_due(partition, passed_ms)?;
                self.compaction.tombstones.insert(partition, (dirt.compacted, due_ms));
                due_ms
            }
        };
        let is_due = due_ms.is_some_and(|due_ms| due_ms <= self.shard.steady().now_ms());
        Ok(is_due.then(|| self.shard.pace()))
    }

    async fn compact(&mut self, partition: PartitionId, mut pace: Pace) -> Result<(), StorageError> {
        // Its rows are others afterwards, also if it ends early.
        self.compaction.tombstones.remove(&partition);
        self.is_busy = true;
        let began_ms = self.shard.steady().now_ms();
        let result = async {
            let pass = Pass::new(&self.shard, partition, Sizes::DEFAULT)?;
            pass.run(|done| self.keeps(&mut pace, done)).await
        }
        .await;
        match result {
            Ok(done) => {
                self.compaction.passed_ms.insert(partition, began_ms);
                metrics::counter!("levee_compaction_read_bytes_total").increment(done.read_bytes);
                metrics::counter!("levee_compactions_total").increment(1);
                Ok(())
            }
            // It is done when the export is over.
            Err(StorageError::Held) => Ok(()),
            // It was deleted or is no table any more.
            Err(StorageError::NoTopic | StorageError::TopicChanged | StorageError::Invalid(_)) => Ok(()),
            Err(error @ StorageError::Damaged { .. }) => {
                tracing::error!(%partition, %error, "a table is not compacted: restore it from a backup");
                metrics::counter!("levee_compactions_damaged_total").increment(1);
                self.compaction.damaged.insert(partition, self.shard.monotonic() + DAMAGED);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Waits as long as the work that was done must take. Tells whether it goes on.
    fn keeps(&self, pace: &mut Pace, done: Compacted) -> bool {
        let wait = pace.wait(self.shard.monotonic(), done.work());
        self.goes_on() && (wait.is_zero() || self.waits(wait))
    }

    /// Nothing is remembered of what is not there any more.
    fn forget_deleted(&mut self) -> Result<(), StorageError> {
        let shard = &self.shard;
        let mut gone = Vec::new();
        let Schedule { tombstones, passed_ms, damaged, .. } = &mut self.compaction;
        for partition in passed_ms.keys().chain(tombstones.keys()).chain(damaged.keys()) {
            if shard.topic_by_id(partition.tenant, partition.topic)?.is_none() {
                gone.push(*partition);
            }
        }
        for partition in gone {
            passed_ms.remove(&partition);
            tombstones.remove(&partition);
            damaged.remove(&partition);
        }
        Ok(())
    }
}
