//! What an operator can set about a shard.

use crate::error::OpenError;
use levee_types::topic::{Properties, check_defaults};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Settings of a shard, under the names that a configuration gives them. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardSettings {
    /// Size of a journal segment. Default 128 MiB, 16 MiB to 4 GiB.
    pub segment_bytes: u64,
    /// What is written and synced at once, at least, when that much waits. Default 1 MiB, 4 KiB to 4 MiB.
    pub group_bytes: u64,
    /// Batches that wait for the committer; senders wait when it is full. Default 32 MiB, 2 MiB to 1 GiB.
    pub queue_bytes: u64,
    /// How long a record of a relaxed topic may stay unsynced, in milliseconds. Default 200, 1 to 60,000.
    pub sync_interval_ms: u64,
    /// Journal that a restart reads again, at most, but for a group or two. The index is flushed at half of
    /// it, and what comes waits while the flush before is not over. Default 512 MiB, 16 MiB to 16 GiB.
    pub replay_bytes: u64,
    /// Memory for recent batches. Default 64 MiB, 0 to 64 GiB.
    pub tail_cache_bytes: u64,
    /// Memory for blocks of the index. Default 64 MiB, 8 MiB to 64 GiB.
    pub block_cache_bytes: u64,
    /// Topics whose description is kept in memory. Default 65,536, 1 to 10,000,000.
    pub cached_topics: u64,
    /// What each part of maintenance reads or writes again in a second, in bytes, while at most a fifth of what it
    /// looks at is to be won; up to 25 times as much when it is more. 0: as much as it can. Default 32 MiB, 0 to
    /// 16 GiB.
    pub maintenance_bytes_per_s: u64,
    /// Between two looks for records that are too old or too many, in milliseconds; longer if a look takes long.
    /// Default 60,000, 100 to 86,400,000.
    pub retention_interval_ms: u64,
    /// Properties that topics have unless they or their tenant have their own, out of
    /// [`levee_types::topic::INHERITED`]. A configuration has them elsewhere. Default none.
    #[serde(skip)]
    pub topic_defaults: Properties,
}

impl Default for ShardSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 128 * MIB,
            group_bytes: MIB,
            queue_bytes: 32 * MIB,
            sync_interval_ms: 200,
            replay_bytes: 512 * MIB,
            tail_cache_bytes: 64 * MIB,
            block_cache_bytes: 64 * MIB,
            cached_topics: 65_536,
            maintenance_bytes_per_s: 32 * MIB,
            retention_interval_ms: 60_000,
            topic_defaults: Properties::new(),
        }
    }
}

impl ShardSettings {
    /// Every setting that is outside of its range, as a text that names it and the range.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let check = |name: &str, value: u64, range: RangeInclusive<u64>| {
            let problem = || format!("{name} is {value}; it takes {} to {}", range.start(), range.end());
            (!range.contains(&value)).then(problem)
        };
        [
            check("segment_bytes", self.segment_bytes, 16 * MIB..=4 * GIB),
            check("group_bytes", self.group_bytes, 4 * KIB..=4 * MIB),
            check("queue_bytes", self.queue_bytes, 2 * MIB..=GIB),
            check("sync_interval_ms", self.sync_interval_ms, 1..=60_000),
            check("replay_bytes", self.replay_bytes, 16 * MIB..=16 * GIB),
            check("tail_cache_bytes", self.tail_cache_bytes, 0..=64 * GIB),
            check("block_cache_bytes", self.block_cache_bytes, 8 * MIB..=64 * GIB),
            check("cached_topics", self.cached_topics, 1..=10_000_000),
            check("maintenance_bytes_per_s", self.maintenance_bytes_per_s, 0..=16 * GIB),
            check("retention_interval_ms", self.retention_interval_ms, 100..=86_400_000),
        ]
        .into_iter()
        .flatten()
        .chain(check_defaults(&self.topic_defaults).err().map(|error| error.message))
        .collect()
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(OpenError::Settings(problems.join("; "))) }
    }
}
