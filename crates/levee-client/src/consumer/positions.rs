//! How far a consumer has come, for whoever commits it elsewhere.

use crate::position::PartitionOffset;
use levee_proto::v1;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The offset that is known to be committed for an assignment; it only grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Committed(Arc<AtomicU64>);

impl Committed {
    pub(super) fn at(offset: u64) -> Self {
        Self(Arc::new(AtomicU64::new(offset)))
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn raise(&self, offset: u64) {
        self.0.fetch_max(offset, Ordering::Relaxed);
    }
}

/// What was handed out by a consumer and is not committed, at one moment: for
/// [`Transaction::commit_offsets`](crate::Transaction::commit_offsets).
///
/// It has partitions in it that the consumer has lost since. A transaction with those is refused, as it must be: what
/// was handed out of them is handed out again.
#[derive(Debug, Clone)]
pub struct Positions {
    pub(super) group: Arc<str>,
    pub(super) entries: Vec<Entry>,
}

/// One partition.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) member_id: u64,
    pub(super) assignment: u32,
    pub(super) at: PartitionOffset,
    pub(super) committed: Committed,
}

impl Positions {
    /// The group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The partitions, and where each goes on.
    pub fn offsets(&self) -> impl Iterator<Item = &PartitionOffset> {
        self.entries.iter().map(|entry| &entry.at)
    }

    /// Nothing is there to be committed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Those of several consumers, and of several moments: of each assignment the last.
    pub(crate) fn merged(all: &[Self]) -> Vec<v1::TransactionOffset> {
        let messages = all.iter().flat_map(Self::to_messages);
        let keyed =
            messages.map(|offset| ((offset.group.clone(), offset.member_id, offset.assignment), offset));
        keyed.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    pub(crate) fn to_messages(&self) -> impl Iterator<Item = v1::TransactionOffset> {
        self.entries.iter().map(|entry| v1::TransactionOffset {
            group: self.group.to_string(),
            member_id: entry.member_id,
            assignment: entry.assignment,
            offset: entry.at.offset,
        })
    }

    /// All of it is committed.
    pub(crate) fn committed(&self) {
        for entry in &self.entries {
            entry.committed.raise(entry.at.offset);
        }
    }
}
