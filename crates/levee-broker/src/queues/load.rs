//! Bringing the partitions of a queue into memory.

use super::live::LiveQueue;
use super::partition::{LivePartition, from_storage};
use crate::blocking::LOOKUP_BYTES;
use levee_groups::queue::{Progress, Window};
use levee_storage::{PartitionOffsets, Shard, StorageError, Topic, Wake};
use levee_types::group::StartAt;
use levee_types::limits::MAX_PARTITIONS_PER_GROUP;
use levee_types::{ErrorCode, LeveeError, PartitionId};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A partition that is not in memory yet.
struct Found {
    topic: Arc<Topic>,
    id: PartitionId,
    log: PartitionOffsets,
    /// Where it begins if nothing is written of it.
    start: u64,
}

impl LiveQueue {
    /// Brings all partitions of its topics into memory that are not there yet. `is_first`: none is.
    ///
    /// # Errors
    /// NOT_FOUND if there is nothing to work on; LIMIT_EXCEEDED; storage does not work.
    pub(super) async fn load(&self, is_first: bool) -> Result<(), LeveeError> {
        let found = self.find(is_first).await?;
        if found.is_empty() {
            return match self.partitions().is_empty() {
                true => Err(LeveeError::new(ErrorCode::NotFound, "the topics of the queue are gone")
                    .with_hint("create them again, or delete the group and make one of other topics")),
                false => Ok(()),
            };
        }
        let ids: Vec<_> = found.iter().map(|found| found.id).collect();
        let (tenant, group, shard) = (self.tenant.id(), self.group.id, &self.shared.shard);
        // Behind whatever was asked for earlier: what the keeper before wrote is seen.
        let written = shard.progress_in_turn(tenant, group, ids).await?;
        // What comes to a queue that has begun is new from its first record on.
        let has_begun = !is_first || written.iter().any(Option::is_some);
        let mut partitions = Vec::with_capacity(found.len());
        for (found, written) in found.into_iter().zip(written) {
            let start = if has_begun { found.log.start } else { found.start };
            let progress = written.map_or(Progress { offset: start, ahead: Vec::new() }, from_storage);
            let PartitionOffsets { start, end, .. } = found.log;
            let window = Window::restore(self.rules(), &progress, start, end);
            let index = self.turns.add_partition();
            let wake = Arc::clone(&self.turns) as Arc<dyn Wake>;
            let subscription = shard.subscribe(found.id, wake, index);
            partitions.push(LivePartition::new(index, found.id, found.topic, window, subscription));
        }
        // Where the log began to be of interest must not move with every restart until something is done.
        let begin = match has_begun || self.settings.start == StartAt::Start {
            true => Vec::new(),
            false => partitions.iter().map(|partition| partition.commit(group, &BTreeSet::new())).collect(),
        };
        // In any case: a partition has its number for good.
        for partition in partitions {
            // If it cannot be written now, it is with what comes next.
            partition.lock().is_unwritten = !begin.is_empty();
            self.add(partition);
        }
        if !begin.is_empty() {
            for result in shard.commit(tenant, begin).await? {
                match result {
                    Ok(()) | Err(StorageError::NoTopic) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Partitions that are not in memory yet.
    async fn find(&self, is_first: bool) -> Result<Vec<Found>, LeveeError> {
        let known: HashSet<_> = self.partitions().iter().map(|partition| partition.id).collect();
        let (shard, tenant) = (self.shared.shard.clone(), self.tenant.id());
        let names = self.settings.topics.clone();
        let start = self.settings.start;
        let turn = self.turn(names.len() * LOOKUP_BYTES);
        let look_up = move || -> Result<Vec<Found>, StorageError> {
            let mut found = Vec::new();
            for topic in names.iter().filter_map(|name| shard.topic(tenant, name).transpose()) {
                let topic = topic?;
                for partition in 0..topic.partitions {
                    let id = PartitionId { tenant, topic: topic.id, partition };
                    if known.contains(&id) {
                        continue;
                    }
                    if known.len() + found.len() == MAX_PARTITIONS_PER_GROUP {
                        if is_first {
                            let what = "partitions of a queue";
                            return Err(StorageError::LimitExceeded {
                                what,
                                limit: MAX_PARTITIONS_PER_GROUP as u64,
                            });
                        }
                        tracing::warn!(%tenant, topic = %topic.name, "a queue has as many partitions as it may have; the others are left out");
                        return Ok(found);
                    }
                    match place(&shard, Arc::clone(&topic), id, start) {
                        Ok(one) => found.push(one),
                        // It was deleted meanwhile.
                        Err(StorageError::NoTopic) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(found)
        };
        self.shared.blocking.run(turn, look_up).await
    }
}

fn place(shard: &Shard, topic: Arc<Topic>, id: PartitionId, start: StartAt) -> Result<Found, StorageError> {
    let log = shard.offsets(id)?;
    let start = match start {
        StartAt::Start => log.start,
        StartAt::End => log.end,
        StartAt::TimestampMs(timestamp_ms) => shard.offset_at(id, timestamp_ms)?,
    };
    Ok(Found { topic, id, log, start })
}
