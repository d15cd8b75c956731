//! Transactions, as those who ask for them see them.
//!
//! The batches of an open transaction are *staged*: in the journal, without an offset, and nobody reads them. One
//! entry commits them all. So there are no markers and no aborted records in logs, an open transaction holds up
//! nobody, and a late message cannot join another transaction, because it carries the number of its own.

use crate::command::{Append, Commit, ProducerSession};
use crate::keyed::Keys;
use crate::operation::BatchPlace;

/// The place of a batch in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionSequence {
    /// Whose transaction it is.
    pub session: ProducerSession,
    /// Counts the transactions of the session, from 1. The first batch of a number opens the transaction.
    pub number: u64,
    /// Counts the staged batches of the transaction, from 0.
    pub index: u32,
    /// How long the transaction may be open. Only that of the first batch counts.
    pub timeout_ms: u32,
}

/// A batch was staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    /// It had been staged before.
    pub duplicate: bool,
}

/// What a transaction does, all or nothing.
#[derive(Debug, Clone)]
pub struct TransactionCommit {
    /// Whose transaction it is.
    pub session: ProducerSession,
    /// Its number.
    pub number: u64,
    /// How many batches were staged.
    pub staged: u32,
    /// Batches that come behind those. Their producers, expected offsets and durability are ignored.
    pub batches: Vec<Append>,
    /// How far groups have come with it. One that is behind what was committed changes nothing.
    pub commits: Vec<Commit>,
    /// Of the tenant among others, 1 to 100.
    pub weight: u32,
}

/// A transaction was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionCommitted {
    /// The offset of the first record of each batch: of those that were staged in the order of their index, then of
    /// the others.
    pub base_offsets: Vec<u64>,
    /// The append time of all its batches, in Unix milliseconds.
    pub commit_time_ms: i64,
    /// It had been committed before.
    pub duplicate: bool,
}

/// Of each staged batch of a transaction where it lies, and its keys if it is for a table. They were read before the
/// commit is decided.
pub(crate) type StagedKeys = Vec<(BatchPlace, Option<Keys>)>;

/// An open transaction that may have been open for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// In Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) tenant: levee_types::TenantId,
    pub(crate) producer: levee_types::ProducerId,
}
