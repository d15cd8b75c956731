//! A group: what is written and synced at once.

use crate::command::{Command, Reply};
use crate::error::StorageError;
use crate::journal::Entry;
use crate::log::StoredBatch;
use crate::operation::Operation;
use levee_types::{PartitionId, TenantId, TopicName};

/// What becomes visible when a group is applied.
pub(crate) enum Effect {
    Appended(PartitionId, StoredBatch),
    /// Up to an offset, by batches that are in the log only.
    Extended(PartitionId, u64),
    TopicChanged(TenantId, TopicName),
    /// Deleted or trimmed.
    PartitionChanged(PartitionId),
    TenantDeleted(TenantId),
    /// Its state, plan, users, tokens, access rules or quotas.
    TenantChanged(TenantId),
    /// Some tenants have other quotas now.
    PlanChanged,
    /// They are deleted: nothing reads them any more.
    SegmentsDeleted(Vec<u64>),
}

/// Sends the answer to a command; with an error if the group failed.
pub(super) type Answer = Box<dyn FnOnce(Option<&StorageError>) + Send>;

/// Entries with what follows from them.
#[derive(Default)]
pub(super) struct GroupChanges {
    pub(super) entries: Vec<Entry>,
    pub(super) effects: Vec<Effect>,
    /// Of the payloads, with an allowance for each entry.
    pub(super) bytes: u64,
    pub(super) needs_sync: bool,
    /// It must be the first one in its segment of the journal.
    pub(super) begins_segment: bool,
}

/// Commands that were decided and wait for the sync.
#[derive(Default)]
pub(crate) struct Group {
    changes: GroupChanges,
    answers: Vec<Answer>,
}

/// What an entry without payload counts for.
pub(crate) const ENTRY_BYTES: u64 = 256;

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.changes.bytes
    }

    /// Adds what a command does.
    pub(super) fn add(&mut self, entry: Entry, needs_sync: bool) {
        let payload: usize = entry.payload.iter().map(bytes::Bytes::len).sum();
        self.changes.bytes += payload as u64 + ENTRY_BYTES;
        self.changes.needs_sync |= needs_sync;
        self.changes.entries.push(entry);
    }

    /// Adds to what the command before this does.
    pub(super) fn extend_last(&mut self, operation: Operation) {
        if let Some(entry) = self.changes.entries.last_mut() {
            entry.operations.push(operation);
        }
    }

    /// Begins another segment of the journal with it.
    pub(super) fn begin_segment(&mut self) {
        self.changes.begins_segment = true;
    }

    /// What an answer says was stored before, perhaps not durably yet.
    pub(super) fn require_sync(&mut self) {
        self.changes.needs_sync = true;
    }

    /// How many entries it has.
    pub(super) fn entries(&self) -> usize {
        self.changes.entries.len()
    }

    /// Adds what becomes visible.
    pub(super) fn add_effect(&mut self, effect: Effect) {
        self.changes.effects.push(effect);
    }

    /// Adds an answer. All wait for the group, and fail with it, also refusals: they may refer to an earlier
    /// command of the group, and what they say is true only when that is durable.
    pub(crate) fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, result: Result<T, StorageError>) {
        self.answers.push(Box::new(move |failure| {
            let answer = match failure {
                Some(failure) => Err(failure.clone()),
                None => result,
            };
            // Whoever asked may be gone; what was done stays done.
            let _ = reply.send(answer);
        }));
    }

    /// Answers a command that is not even looked at.
    pub(super) fn refuse(&mut self, command: Command, refusal: &StorageError) {
        match command {
            Command::Append(_, reply) => self.answer(reply, Err(refusal.clone())),
            Command::CommitDead(_, reply) => self.answer(reply, Err(refusal.clone())),
            Command::Commit(_, _, reply) => self.answer(reply, Err(refusal.clone())),
            Command::Import(_, _, reply) => self.answer(reply, Err(refusal.clone())),
            Command::InitProducer(_, _, reply) | Command::RenewProducer(_, _, reply) => {
                self.answer(reply, Err(refusal.clone()));
            }
            Command::Stage(_, _, reply) => self.answer(reply, Err(refusal.clone())),
            Command::CommitTransaction(_, _, _, reply) => self.answer(reply, Err(refusal.clone())),
            Command::AbortTransaction(_, _, _, reply) | Command::ExpireTransaction(_, reply) => {
                self.answer(reply, Err(refusal.clone()));
            }
            Command::Stand(_, reply) => self.answer(reply, Err(refusal.clone())),
            Command::Change(_, change) => change(Err(refusal), self),
        }
    }

    pub(super) fn split(self) -> (GroupChanges, Vec<Answer>) {
        (self.changes, self.answers)
    }
}
