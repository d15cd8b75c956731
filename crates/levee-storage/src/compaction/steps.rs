//! What waits to be asked of the committer, in steps that are small enough for those who wait behind them.

use super::Sizes;
use crate::committer::Replacement;
use crate::error::StorageError;
use crate::segments::SegmentStore;
use crate::shard::{Compacted, Shard};
use bytes::Bytes;
use levee_types::PartitionId;

/// Steps to come, and what was done.
pub(super) struct Steps<'a, S> {
    shard: &'a Shard<S>,
    partition: PartitionId,
    is_compaction: bool,
    sizes: Sizes,
    waiting: Vec<Replacement>,
    /// Records that go with these.
    removed: u64,
    took_one: bool,
    pub(super) done: Compacted,
}

impl<'a, S: SegmentStore> Steps<'a, S> {
    pub(super) fn new(
        shard: &'a Shard<S>,
        partition: PartitionId,
        is_compaction: bool,
        sizes: Sizes,
    ) -> Self {
        let done = Compacted::default();
        Self {
            shard,
            partition,
            is_compaction,
            sizes,
            waiting: Vec::new(),
            removed: 0,
            took_one: false,
            done,
        }
    }

    pub(super) fn add(&mut self, replacement: Replacement, removed: u64) {
        self.waiting.push(replacement);
        self.removed += removed;
    }

    /// Whether what waits is a step.
    pub(super) fn are_enough(&self) -> bool {
        let batches: usize = self.waiting.iter().map(|one| one.old.len()).sum();
        batches >= self.sizes.step_batches
            || bytes(&self.waiting).1 >= self.sizes.step_bytes as u64
            || self.waiting.iter().map(|one| keys_bytes(&one.keys)).sum::<usize>()
                >= self.sizes.step_keys_bytes
    }

    /// Does what waits. `Some`: the batches are others by now, from this offset on; nothing was done.
    pub(super) async fn take(&mut self) -> Result<Option<u64>, StorageError> {
        let Some(base) = self.base() else { return Ok(None) };
        let mut waiting = std::mem::take(&mut self.waiting);
        let removed = std::mem::take(&mut self.removed);
        // Of a batch of nothing but tombstones there may be more keys than a step has. Their rows go before the
        // records, which nobody looks for then.
        for replacement in &mut waiting {
            if keys_bytes(&replacement.keys) > self.sizes.step_keys_bytes {
                self.forget(std::mem::take(&mut replacement.keys)).await?;
            }
        }
        let (old, new) = bytes(&waiting);
        if !self.shard.replace_batches(self.partition, waiting, self.is_compaction).await? {
            return Ok(Some(base));
        }
        self.took_one = true;
        self.done.removed_records += removed;
        self.done.removed_bytes += old.saturating_sub(new);
        metrics::counter!("levee_compaction_removed_bytes_total").increment(old.saturating_sub(new));
        Ok(None)
    }

    /// Removes rows of keys, some at a time.
    pub(super) async fn forget(&mut self, mut keys: Vec<(Bytes, u64)>) -> Result<(), StorageError> {
        while !keys.is_empty() {
            let (mut bytes, limit) = (0, self.sizes.step_keys_bytes);
            let mut fits = |(key, _): &(Bytes, u64)| {
                bytes += key.len() + ROW_BYTES;
                bytes <= limit
            };
            let count = keys.iter().take_while(|key| fits(key)).count().max(1);
            let rest = keys.split_off(count);
            self.shard.forget_keys(self.partition, std::mem::replace(&mut keys, rest)).await?;
            self.took_one = true;
        }
        Ok(())
    }

    /// Lets go of what waits; tells where it begins.
    pub(super) fn drop_waiting(&mut self) -> Option<u64> {
        let base = self.base();
        self.waiting.clear();
        self.removed = 0;
        base
    }

    /// Whether a step was done since this was asked last.
    pub(super) fn took_one(&mut self) -> bool {
        std::mem::take(&mut self.took_one)
    }

    fn base(&self) -> Option<u64> {
        self.waiting.first().and_then(|one| one.old.first()).map(|(base, _)| *base)
    }
}

/// What the deletion of a key's row has beside the key, in bytes.
const ROW_BYTES: usize = 23;

fn keys_bytes(keys: &[(Bytes, u64)]) -> usize {
    keys.iter().map(|(key, _)| key.len() + ROW_BYTES).sum()
}

/// Bytes of the batches before and after.
fn bytes(replacements: &[Replacement]) -> (u64, u64) {
    let old = replacements.iter().flat_map(|one| &one.old).map(|(_, row)| u64::from(row.length)).sum();
    let new = replacements.iter().flat_map(|one| &one.new).map(|batch| batch.bytes.len() as u64).sum();
    (old, new)
}
