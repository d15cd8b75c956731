//! Bringing the index up to the end of the journal, when a shard is opened.

use crate::committer::Unflushed;
use crate::index::{Changes, FLUSH_ROWS_BYTES, Index, IndexError};
use crate::journal::ReplayedEntry;

/// Applies replayed entries to the index, many at a time.
pub(super) struct Replay<'a> {
    index: &'a Index,
    changes: Changes<'a>,
    pub(super) entries: u64,
    pub(super) unflushed: Unflushed,
}

/// Bytes of rows that are applied in one step.
const REPLAY_STEP: u64 = 1024 * 1024;

impl<'a> Replay<'a> {
    pub(super) fn new(index: &'a Index) -> Self {
        Self { index, changes: index.changes(), entries: 0, unflushed: Unflushed::default() }
    }

    pub(super) fn apply(&mut self, entry: &ReplayedEntry) -> Result<(), IndexError> {
        self.changes.add(&entry.operations, &entry.keys, entry.written.at.segment, entry.written.payload);
        self.changes.set_checkpoint(&entry.written.at);
        self.entries += 1;
        self.unflushed.journal += entry.size;
        if self.changes.size() >= REPLAY_STEP {
            self.finish()?;
        }
        // The others are few, and become durable when the journal is open.
        if self.unflushed.rows >= FLUSH_ROWS_BYTES && entry.is_durable {
            self.finish()?;
            self.index.flush()?;
            self.unflushed = Unflushed::default();
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), IndexError> {
        let changes = std::mem::replace(&mut self.changes, self.index.changes());
        self.unflushed.rows += changes.size();
        self.index.apply(changes)
    }
}
