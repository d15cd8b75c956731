//! What was handed out of partitions that the member has no more, and was not committed: it will be handed out again.

use super::super::positions::Entry;
use crate::error::Error;
use crate::position::PartitionOffset;
use levee_types::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Gone {
    /// One for each partition at most: the last.
    entries: BTreeMap<(Arc<str>, u32), Entry>,
    /// Somebody will ask.
    is_kept: bool,
}

impl Gone {
    pub(super) fn new(is_kept: bool) -> Self {
        Self { entries: BTreeMap::new(), is_kept }
    }

    pub(super) fn extend(&mut self, entry: Option<Entry>) {
        if let Some(entry) = entry.filter(|_| self.is_kept) {
            self.entries.insert((Arc::clone(&entry.at.topic), entry.at.partition), entry);
        }
    }

    /// An answer that came late may have said that something is committed after all.
    pub(super) fn uncommitted(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.at.offset > entry.committed.get())
    }

    /// Tells of the first, and forgets all.
    pub(super) fn take(&mut self) -> Option<Error> {
        let error = self.uncommitted().next().map(|entry| fenced(&entry.at));
        self.entries.clear();
        error
    }
}

pub(super) fn fenced(at: &PartitionOffset) -> Error {
    let PartitionOffset { topic, partition, offset } = at;
    Error::refused(
        ErrorCode::MemberFenced,
        format!("{topic}/{partition} is not this consumer's any more: nothing up to {offset} was committed"),
    )
    .with_hint("what was handed out and is not committed is handed out again, to whoever has the partition")
}
