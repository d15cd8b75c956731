//! Deciding transactions: which one a message belongs to, and how one ends.
//!
//! A transaction is named by its producer, the epoch of that and a number. So a late message never joins another one:
//! it carries the number of its own, which has ended.
//!
//! Must hold: of a producer at most one is open, and it has staged batches; the row of a producer is of its present
//! epoch, because what begins another epoch drops it in the same entry. An end is durable before it is told.

mod commit;
mod stage;

use super::{Draft, Group, Machine};
use crate::command::ProducerSession;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, StagedUseRow, TransactionRow};
use crate::transaction::Deadline;
use levee_types::{ProducerId, TenantId};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The last transaction of a producer, but for what answers a repeated commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Transaction {
    /// 0 before the first.
    number: u64,
    state: TransactionState,
    /// Of an open one: how many batches are staged, and their bytes.
    staged: u32,
    bytes: u64,
    /// Of an open one: when it is aborted, in Unix milliseconds.
    deadline_ms: i64,
}

/// Persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
enum TransactionState {
    Open = 1,
    #[default]
    Committed = 2,
    Aborted = 3,
}

/// What a tenant has in open transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct StagedUse {
    open: u64,
    bytes: u64,
}

impl Transaction {
    fn from_row(row: &TransactionRow) -> Result<Self, BadRow> {
        use TransactionState::{Aborted, Committed, Open};
        let state = [Open, Committed, Aborted].into_iter().find(|known| *known as u32 == row.state);
        let TransactionRow { number, staged, bytes, deadline_ms, .. } = *row;
        Ok(Self { number, state: state.ok_or(BadRow)?, staged, bytes, deadline_ms })
    }

    fn to_row(self) -> TransactionRow {
        let Self { number, state, staged, bytes, deadline_ms } = self;
        TransactionRow {
            number,
            state: state as u32,
            staged,
            bytes,
            deadline_ms,
            ..TransactionRow::default()
        }
    }

    fn ended(number: u64, state: TransactionState) -> Self {
        Self { number, state, ..Self::default() }
    }

    fn is_open(&self) -> bool {
        self.state == TransactionState::Open
    }

    fn is(&self, number: u64, state: TransactionState) -> bool {
        self.number == number && self.state == state
    }

    /// Refuses a number that is neither the open transaction nor, if none is open, the next one.
    fn admit(&self, number: u64) -> Result<(), StorageError> {
        let expected = if self.is_open() { self.number } else { self.number + 1 };
        if number == expected {
            Ok(())
        } else if number > expected {
            Err(StorageError::OutOfOrderTransaction { number, expected })
        } else if self.is(number, TransactionState::Aborted) {
            Err(StorageError::TransactionAborted)
        } else {
            Err(StorageError::TransactionEnded { number })
        }
    }
}

impl Machine {
    /// Aborts a transaction, also one that was not begun: what of it may still be on its way is refused.
    pub(super) fn abort_transaction(
        &mut self,
        tenant: TenantId,
        session: ProducerSession,
        number: u64,
        group: &mut Group,
    ) -> Result<(), StorageError> {
        self.require_session(tenant, session)?;
        let last = self.transaction(tenant, session.producer)?;
        if last.is(number, TransactionState::Aborted) {
            return Ok(());
        }
        last.admit(number)?;
        self.abort(tenant, session.producer, number, group)
    }

    /// Aborts a transaction if it is still the one that has this deadline. A deadline that nothing has any more is
    /// removed, so that nobody looks at it for ever.
    pub(super) fn expire_transaction(
        &mut self,
        deadline: Deadline,
        group: &mut Group,
    ) -> Result<(), StorageError> {
        let Deadline { at_ms, tenant, producer } = deadline;
        let last = self.transaction(tenant, producer)?;
        if last.is_open() && last.deadline_ms == at_ms {
            return self.abort(tenant, producer, last.number, group);
        }
        let key = keys::transaction_deadline(at_ms, tenant, producer);
        if self.index.get(Keyspace::State, &key)?.is_some() {
            let mut draft = Draft::default();
            draft.delete(key);
            draft.finish(group);
        }
        Ok(())
    }

    /// Ends a transaction that is open or comes next.
    fn abort(
        &mut self,
        tenant: TenantId,
        producer: ProducerId,
        number: u64,
        group: &mut Group,
    ) -> Result<(), StorageError> {
        let last = self.transaction(tenant, producer)?;
        self.staged_use(tenant)?;
        let mut draft = Draft::default();
        self.unstage(tenant, producer, last, &mut draft);
        let ended = Transaction::ended(number, TransactionState::Aborted);
        draft.put_row(keys::transaction(tenant, producer), &ended.to_row());
        self.transactions.insert((tenant, producer), ended);
        draft.finish(group);
        Ok(())
    }

    /// Forgets the transactions of producers whose epochs end, with what is staged for them. Nothing fails once
    /// something has changed.
    pub(super) fn drop_transactions(
        &mut self,
        tenant: TenantId,
        producers: &[(ProducerId, Transaction)],
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        self.staged_use(tenant)?;
        for &(producer, last) in producers {
            if last.number > 0 {
                self.unstage(tenant, producer, last, draft);
                draft.delete(keys::transaction(tenant, producer));
                self.transactions.insert((tenant, producer), Transaction::default());
            }
        }
        Ok(())
    }

    /// Removes what is staged for a transaction if it is open. What the tenant has staged must have been asked for
    /// before: then this cannot fail.
    fn unstage(&mut self, tenant: TenantId, producer: ProducerId, open: Transaction, draft: &mut Draft) {
        if !open.is_open() {
            return;
        }
        for index in 0..open.staged {
            draft.delete(keys::staged(tenant, producer, index));
        }
        draft.delete(keys::transaction_deadline(open.deadline_ms, tenant, producer));
        let used = self.staged.entry(tenant).or_default();
        used.open = used.open.saturating_sub(1);
        used.bytes = used.bytes.saturating_sub(open.bytes);
        draft.put_row(keys::staged_use(tenant), &StagedUseRow { open: used.open, bytes: used.bytes });
    }

    /// The last transaction of a producer, with what earlier commands of the group did.
    pub(super) fn transaction(
        &mut self,
        tenant: TenantId,
        producer: ProducerId,
    ) -> Result<Transaction, StorageError> {
        if let Some(last) = self.transactions.get(&(tenant, producer)) {
            return Ok(*last);
        }
        let last = match self.row::<TransactionRow>(&keys::transaction(tenant, producer))? {
            Some(row) => Transaction::from_row(&row)?,
            None => Transaction::default(),
        };
        self.transactions.insert((tenant, producer), last);
        Ok(last)
    }

    /// What a tenant has staged, with what earlier commands of the group did.
    fn staged_use(&mut self, tenant: TenantId) -> Result<StagedUse, StorageError> {
        if let Some(used) = self.staged.get(&tenant) {
            return Ok(*used);
        }
        let StagedUseRow { open, bytes } = self.row(&keys::staged_use(tenant))?.unwrap_or_default();
        self.staged.insert(tenant, StagedUse { open, bytes });
        Ok(StagedUse { open, bytes })
    }

    /// The open transactions of producers within a range of ids: those with staged batches, in the rows or in this
    /// group.
    pub(super) fn open_transactions(
        &mut self,
        tenant: TenantId,
        producers: RangeInclusive<u64>,
    ) -> Result<Vec<(ProducerId, Transaction)>, StorageError> {
        if self.staged_use(tenant)?.open == 0 {
            return Ok(Vec::new());
        }
        let unapplied = self.unapplied.iter().filter(|(of, id)| *of == tenant && producers.contains(&id.0));
        let mut candidates: BTreeSet<ProducerId> = unapplied.map(|(_, producer)| *producer).collect();
        let mut cursor = self.index.cursor(Keyspace::State, keys::staged_of(tenant, producers));
        cursor.first()?;
        while let Some((key, _)) = cursor.item() {
            let producer = keys::staged_producer(key).ok_or(BadRow)?;
            candidates.insert(producer);
            cursor.seek(&keys::staged_of(tenant, producer.0..=producer.0).1)?;
        }
        drop(cursor);
        let mut open = Vec::new();
        for producer in candidates {
            let last = self.transaction(tenant, producer)?;
            if last.is_open() {
                open.push((producer, last));
            }
        }
        Ok(open)
    }

    /// Removes what the system keeps of a tenant's open transactions. The group is empty.
    pub(super) fn drop_deadlines(&mut self, tenant: TenantId, draft: &mut Draft) -> Result<(), StorageError> {
        for (producer, open) in self.open_transactions(tenant, 0..=u64::MAX)? {
            draft.delete(keys::transaction_deadline(open.deadline_ms, tenant, producer));
        }
        Ok(())
    }

    /// Forgets a tenant that is deleted.
    pub(super) fn forget_transactions(&mut self, tenant: TenantId) {
        self.transactions.retain(|(of, _), _| *of != tenant);
        self.staged.remove(&tenant);
    }
}
