//! The committer: one per shard, and the only one that decides and writes.
//!
//! It takes commands as the queue hands them out, about a group at a time, decides each against the state
//! ([`machine`]), writes a group of entries at once, syncs, applies them to the index, publishes and answers.
//! While it syncs, the next group gathers in the queue. Given the same journal and commands it reaches the same
//! state.
//!
//! Must hold: nothing is answered before its group is durable under its durability and readable; after a
//! failed write, sync or apply nothing succeeds any more.

mod group;
mod machine;

pub(crate) use group::Group;
pub(crate) use machine::{Draft, Machine, Move, NewBatch, Replacement, Tombstones};
pub use machine::{NewToken, QuotaChange, QuotaTarget};

use crate::catalog::Catalog;
use crate::command::{Command, Reply};
use crate::error::StorageError;
use crate::index::{FLUSH_RANGES, FLUSH_ROWS_BYTES, Index};
use crate::journal::{Journal, JournalError};
use crate::pressure::Pressure;
use crate::queue::{Queue, Queued};
use crate::rows::Checkpoint;
use crate::segments::{SegmentStore, is_full};
use crate::settings::ShardSettings;
use crate::shard::Stand;
use crate::status::{ShardState, StatusBoard};
use crate::tail::TailWriter;
use crate::watches::TenantWatches;
pub(crate) use group::ENTRY_BYTES;
use group::Effect;
use levee_types::Clock;
use prost::Message as _;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Decides and writes everything. Give it a thread of its own.
pub struct Committer<S> {
    pub(crate) queue: Queue<Command>,
    pub(crate) board: Arc<StatusBoard>,
    pub(crate) clock: Arc<dyn Clock>,
    machine: Machine,
    journal: Journal<S>,
    index: Arc<Index>,
    catalog: Arc<Catalog>,
    watches: Arc<TenantWatches>,
    tails: TailWriter,
    settings: ShardSettings,
    /// When what was written without a sync must be durable.
    sync_due: Option<Duration>,
    /// Bytes of the journal behind the flush that was begun last.
    unflushed_journal: u64,
    /// Bytes of rows in memory.
    unflushed_rows: u64,
    /// Deleted ranges in memory.
    unflushed_ranges: u64,
    /// The checkpoint that the index on disk has once the flush that was begun last is over.
    flushing: Option<Vec<u8>>,
}

/// What the index on disk does not cover at the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unflushed {
    /// Bytes of the journal.
    pub(crate) journal: u64,
    /// Bytes of rows.
    pub(crate) rows: u64,
}

/// Why the committer takes no more commands.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
}

impl CommitError {
    /// What the requests of the group are told.
    fn to_answer(&self) -> StorageError {
        let reason = self.to_string();
        match self {
            Self::Journal(JournalError::Full(_)) => StorageError::Full { reason, is_certain: true },
            _ if self.is_full() => StorageError::Full { reason, is_certain: false },
            _ => StorageError::Failed { reason },
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Journal(JournalError::Full(_)) => true,
            Self::Journal(JournalError::Failed { source, .. }) => is_full(source),
            Self::Journal(JournalError::TooLarge { .. }) => false,
            Self::Index(error) => error.is_full(),
        }
    }
}

/// The parts of a shard that the committer shares with its handle.
pub(crate) struct Shared {
    pub(crate) queue: Queue<Command>,
    pub(crate) board: Arc<StatusBoard>,
    pub(crate) index: Arc<Index>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) watches: Arc<TenantWatches>,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<S: SegmentStore> Committer<S> {
    pub(crate) fn new(
        shared: Shared,
        journal: Journal<S>,
        tails: TailWriter,
        settings: ShardSettings,
        unflushed: Unflushed,
    ) -> Self {
        let Shared { queue, board, index, catalog, watches, pressure, clock } = shared;
        let committer = Self {
            machine: Machine::new(Arc::clone(&index), pressure),
            queue,
            board,
            clock,
            journal,
            index,
            catalog,
            watches,
            tails,
            settings,
            sync_due: None,
            unflushed_journal: unflushed.journal,
            unflushed_rows: unflushed.rows,
            unflushed_ranges: 0,
            flushing: None,
        };
        committer.board.set_journal(&committer.journal);
        committer
    }

    /// Works until the shard is stopped or fails. The state of the shard tells which.
    pub fn run(mut self) {
        while let Some(commands) = self.queue.take(self.patience()) {
            self.work(commands);
        }
        self.finish();
    }

    /// Decides and commits commands in groups.
    pub(crate) fn work(&mut self, commands: VecDeque<Queued<Command>>) {
        // The room of a command is freed when its group is done, which bounds what is in memory.
        let mut rooms = Vec::new();
        let mut group = Group::default();
        let mut commands = commands.into_iter();
        while let Some(queued) = commands.next() {
            let (command, room) = queued.into_parts();
            if !group.is_empty() && self.machine.needs_applied_rows(&command) {
                self.commit_or_fail(std::mem::take(&mut group));
            }
            let command = match command {
                Command::Stand(directory, reply) => {
                    self.stand_or_fail(directory.as_deref(), reply);
                    continue;
                }
                command => command,
            };
            let shares_a_group = command.shares_a_group();
            let entries = group.entries();
            self.decide(command, &mut group);
            rooms.push(room);
            let changed_catalog = !shares_a_group && group.entries() > entries;
            if changed_catalog || group.bytes() >= self.settings.group_bytes || commands.len() == 0 {
                self.commit_or_fail(std::mem::take(&mut group));
                rooms.clear();
            }
        }
        self.sync_if_due();
        self.board.set_journal(&self.journal);
    }

    /// How long the committer may wait for commands.
    fn patience(&self) -> Option<Duration> {
        self.sync_due.map(|due| due.saturating_sub(self.clock.monotonic()))
    }

    fn decide(&mut self, command: Command, group: &mut Group) {
        if let Some(refusal) = self.board.refusal() {
            group.refuse(command, &refusal);
        } else {
            self.machine.set_segment(self.journal.segment());
            self.machine.decide(command, group, self.clock.unix_ms());
        }
    }

    fn commit_or_fail(&mut self, group: Group) {
        let (mut changes, answers) = group.split();
        match self.commit(&mut changes) {
            Ok(()) => {
                answers.into_iter().for_each(|answer| answer(None));
            }
            Err(error) => {
                let answer_error = error.to_answer();
                self.fail(&error);
                answers.into_iter().for_each(|answer| answer(Some(&answer_error)));
            }
        }
        // Also after a failure: what it comes behind may be readable, and nothing else will tell.
        self.tails.wake();
        self.sync_if_due();
    }

    fn stand_or_fail(&mut self, directory: Option<&Path>, reply: Reply<Stand>) {
        let result = match self.board.refusal() {
            Some(refusal) => Err(refusal),
            None => self.stand(directory).unwrap_or_else(|error| {
                self.fail(&error);
                Err(error.to_answer())
            }),
        };
        // Whoever asked may be gone.
        let _ = reply.send(result);
    }

    /// Has the disk hold all that was done. That a directory cannot be made is a matter of whoever asked for it, and
    /// the rest works as before.
    fn stand(&mut self, directory: Option<&Path>) -> Result<Result<Stand, StorageError>, CommitError> {
        self.begin_flush()?;
        if let Some(directory) = directory {
            self.index.flush()?;
            if let Err(error) = self.index.link_to(directory) {
                return Ok(Err(error.into()));
            }
        }
        let (segment, end) = self.journal.end();
        let row = self.index.checkpoint()?;
        let at = match row.as_deref().map(Checkpoint::decode).transpose() {
            Ok(at) => at,
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(Ok(Stand { at, segment, end, now_ms: self.clock.unix_ms() }))
    }

    /// Makes a group durable and readable.
    fn commit(&mut self, group: &mut group::GroupChanges) -> Result<(), CommitError> {
        if group.entries.is_empty() {
            return if group.needs_sync { Ok(self.sync()?) } else { Ok(()) };
        }
        let started = self.clock.monotonic();
        if group.begins_segment {
            self.journal.end_segment()?;
        }
        let journal_bytes = self.journal.bytes();
        let written = self.journal.append(&group.entries)?;
        let appended = self.journal.bytes() - journal_bytes;
        if group.needs_sync || self.index.expects_flushes() {
            self.sync()?;
        } else if self.sync_due.is_none() {
            let interval = Duration::from_millis(self.settings.sync_interval_ms);
            self.sync_due = Some(self.clock.monotonic() + interval);
        }
        let mut changes = self.index.changes();
        for (entry, written) in group.entries.iter().zip(&written) {
            changes.add(&entry.operations, entry.keys(), written.at.segment, written.payload);
            changes.set_checkpoint(&written.at);
        }
        self.unflushed_rows += changes.size();
        self.unflushed_journal += appended;
        self.unflushed_ranges += changes.ranges();
        self.index.apply(changes)?;
        for effect in group.effects.drain(..) {
            self.publish(effect);
        }
        if self.unflushed_rows >= FLUSH_ROWS_BYTES
            || self.unflushed_journal >= self.settings.replay_bytes / 2
            || self.unflushed_ranges >= FLUSH_RANGES
        {
            self.begin_flush()?;
        }
        self.board.set_journal(&self.journal);
        metrics::histogram!("levee_commit_seconds").record(self.clock.monotonic().saturating_sub(started));
        metrics::counter!("levee_journal_entries_total").increment(group.entries.len() as u64);
        metrics::counter!("levee_journal_bytes_total").increment(appended);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        let started = self.clock.monotonic();
        self.journal.sync()?;
        self.sync_due = None;
        metrics::histogram!("levee_sync_seconds").record(self.clock.monotonic().saturating_sub(started));
        Ok(())
    }

    fn publish(&mut self, effect: Effect) {
        match effect {
            Effect::Appended(partition, batch) => self.tails.publish(partition, batch),
            Effect::Extended(partition, end) => self.tails.skip_to(partition, end),
            Effect::TopicChanged(tenant, name) => self.catalog.forget(tenant, &name),
            Effect::PartitionChanged(partition) => self.tails.forget(partition),
            Effect::TenantDeleted(tenant) => {
                self.catalog.forget_tenant(tenant);
                self.tails.forget_tenant(tenant);
                self.watches.tell(tenant);
            }
            Effect::TenantChanged(tenant) => self.watches.tell(tenant),
            Effect::PlanChanged => self.watches.tell_all(),
            Effect::SegmentsDeleted(ids) => self.journal.forget(&ids),
        }
    }

    fn begin_flush(&mut self) -> Result<(), CommitError> {
        // Rows of entries that are not durable must not reach the disk before them.
        self.sync()?;
        // A restart replays what gathers and, until it is over, what the flush before covers: each may be half
        // of `replay_bytes`, so that flush must be over now. After a start it is what was replayed.
        if self.index.flushed_checkpoint()? == self.flushing {
            self.index.begin_flush()?;
        } else {
            self.index.flush()?;
        }
        self.flushing = self.index.checkpoint()?;
        self.unflushed_rows = 0;
        self.unflushed_journal = 0;
        self.unflushed_ranges = 0;
        Ok(())
    }

    fn sync_if_due(&mut self) {
        if self.sync_due.is_some_and(|due| due <= self.clock.monotonic())
            && let Err(error) = self.sync()
        {
            self.fail(&error.into());
        }
    }

    fn fail(&mut self, error: &CommitError) {
        // Relaxed records are owed their sync also when nothing more can be written; but after a failed
        // write or sync there is no other one.
        let is_owed = self.sync_due.take().is_some();
        let may_sync = !matches!(error, CommitError::Journal(JournalError::Failed { .. }));
        let is_synced = !(is_owed && may_sync) || self.journal.sync().is_ok();
        if error.is_full() && is_synced {
            tracing::error!(%error, "the disk is full: reading goes on, writing needs free space and a restart");
            self.board.set_state(ShardState::Full, error.to_string());
        } else {
            tracing::error!(%error, "storage failed: nothing is acknowledged any more");
            self.board.set_state(ShardState::Failed, error.to_string());
            self.queue.close();
        }
    }

    /// Leaves as little as possible to the next start.
    pub(crate) fn finish(mut self) {
        if self.board.state() != ShardState::Serving {
            return;
        }
        let flushed = self.sync().map_err(CommitError::from).and_then(|()| Ok(self.index.flush()?));
        if let Err(error) = flushed {
            self.fail(&error);
        }
        self.board.set_journal(&self.journal);
    }
}
