//! The settings of the shard, as they are called in a configuration. Ranges and defaults are the
//! shard's own.

use levee_storage::ShardSettings;
use serde::{Deserialize, Serialize};

/// Journal, index and caches. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSettings {
    /// Size of a journal segment. 16 MiB to 4 GiB, default 128 MiB.
    pub segment_bytes: u64,
    /// What is written and synced at once, at least, when that much waits. 4 KiB to 4 MiB, default 1 MiB.
    pub group_bytes: u64,
    /// Batches that wait for the committer; senders wait when it is full. 2 MiB to 1 GiB, default 32 MiB.
    pub queue_bytes: u64,
    /// How long a record of a relaxed topic may stay unsynced, in milliseconds. 1 to 60,000, default 200.
    pub sync_interval_ms: u64,
    /// Journal that a restart reads again, at most. 16 MiB to 16 GiB, default 512 MiB.
    pub replay_bytes: u64,
    /// Memory for recent batches. 0 to 64 GiB, default 64 MiB.
    pub tail_cache_bytes: u64,
    /// Memory for blocks of the index. 8 MiB to 64 GiB, default 64 MiB.
    pub block_cache_bytes: u64,
    /// Topics whose description is kept in memory. 1 to 10,000,000, default 65,536.
    pub cached_topics: u64,
}

impl Default for StorageSettings {
    fn default() -> Self {
        let ShardSettings {
            segment_bytes,
            group_bytes,
            queue_bytes,
            sync_interval_ms,
            replay_bytes,
            tail_cache_bytes,
            block_cache_bytes,
            cached_topics,
        } = ShardSettings::default();
        Self {
            segment_bytes,
            group_bytes,
            queue_bytes,
            sync_interval_ms,
            replay_bytes,
            tail_cache_bytes,
            block_cache_bytes,
            cached_topics,
        }
    }
}

impl StorageSettings {
    /// As the shard takes them.
    #[must_use]
    pub fn to_shard(&self) -> ShardSettings {
        let &Self {
            segment_bytes,
            group_bytes,
            queue_bytes,
            sync_interval_ms,
            replay_bytes,
            tail_cache_bytes,
            block_cache_bytes,
            cached_topics,
        } = self;
        ShardSettings {
            segment_bytes,
            group_bytes,
            queue_bytes,
            sync_interval_ms,
            replay_bytes,
            tail_cache_bytes,
            block_cache_bytes,
            cached_topics,
        }
    }
}
