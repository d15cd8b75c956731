//! How a shard is: shown by the committer, read by everybody.

use crate::error::StorageError;
use crate::journal::Journal;
use crate::segments::SegmentStore;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Whether a shard works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShardState {
    /// Reads and writes go on.
    Serving,
    /// The disk is full: reads go on, writes need free space and a restart.
    Full,
    /// A write or sync failed: the process must exit.
    Failed,
}

/// How a shard is, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStatus {
    /// Whether it works.
    pub state: ShardState,
    /// Why it does not; empty otherwise.
    pub reason: String,
    /// How many tenants there are.
    pub tenants: u64,
    /// How many topics there are.
    pub topics: u64,
    /// How many segments the journal has.
    pub segments: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// The last entry that is durable.
    pub durable_sequence: u64,
    /// The last entry that the index on disk covers.
    pub flushed_sequence: u64,
    /// Free bytes of the file system of the data directory.
    pub disk_free_bytes: u64,
    /// Bytes of recent batches in memory.
    pub tail_cache_bytes: u64,
}

/// Where the committer shows how it is.
pub(crate) struct StatusBoard {
    state: watch::Sender<ShardState>,
    reason: Mutex<String>,
    pub(crate) segments: AtomicU64,
    /// Of what the segments before this one have, everything is in the rows.
    pub(crate) segment: AtomicU64,
    pub(crate) journal_bytes: AtomicU64,
    pub(crate) durable_sequence: AtomicU64,
}

impl StatusBoard {
    pub(crate) fn new() -> Self {
        Self {
            state: watch::Sender::new(ShardState::Serving),
            reason: Mutex::default(),
            segments: AtomicU64::new(0),
            segment: AtomicU64::new(0),
            journal_bytes: AtomicU64::new(0),
            durable_sequence: AtomicU64::new(0),
        }
    }

    pub(crate) fn set_journal<S: SegmentStore>(&self, journal: &Journal<S>) {
        // Whoever sees it sees the rows that were applied before.
        self.segment.store(journal.segment(), Ordering::Release);
        self.segments.store(journal.segments(), Ordering::Relaxed);
        self.journal_bytes.store(journal.bytes(), Ordering::Relaxed);
        self.durable_sequence.store(journal.durable_sequence(), Ordering::Relaxed);
    }

    /// Shows that the shard is full or failed. A failed shard stays failed.
    pub(crate) fn set_state(&self, state: ShardState, reason: String) {
        if self.state() != ShardState::Failed {
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
            self.state.send_replace(state);
        }
    }

    pub(crate) fn state(&self) -> ShardState {
        *self.state.borrow()
    }

    pub(crate) fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ShardState> {
        self.state.subscribe()
    }

    /// Why no command is accepted, if none is.
    pub(crate) fn refusal(&self) -> Option<StorageError> {
        match self.state() {
            ShardState::Serving => None,
            ShardState::Full => Some(StorageError::Full { reason: self.reason(), is_certain: true }),
            ShardState::Failed => Some(StorageError::Failed { reason: self.reason() }),
        }
    }
}
