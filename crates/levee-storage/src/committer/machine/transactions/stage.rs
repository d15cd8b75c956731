//! Deciding whether a batch is kept for a transaction.

use super::super::{Draft, Group, Machine};
use super::{StagedUse, Transaction, TransactionState};
use crate::command::Append;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::operation::{Operation, StagedMeta};
use crate::rows::{BadRow, StagedRow, StagedUseRow};
use crate::transaction::{Staged, TransactionSequence};
use levee_types::limits::{MAX_OPEN_TRANSACTIONS, MAX_TRANSACTION_BATCHES};
use levee_types::{ErrorCode, LeveeError};

impl Machine {
    pub(in super::super) fn stage(
        &mut self,
        append: Append,
        sequence: TransactionSequence,
        group: &mut Group,
        now_ms: i64,
    ) -> Result<Staged, StorageError> {
        let TransactionSequence { session, number, index, timeout_ms } = sequence;
        let (tenant, producer) = (append.partition.tenant, session.producer);
        self.require_session(tenant, session)?;
        let last = self.transaction(tenant, producer)?;
        last.admit(number)?;
        let open =
            if last.is_open() { last } else { begin(number, now_ms.saturating_add(timeout_ms.into())) };
        if index < open.staged {
            return self.staged_before(&append, sequence);
        }
        if index > open.staged {
            return Err(StorageError::OutOfOrderBatch { index, expected: open.staged });
        }
        if index as usize >= MAX_TRANSACTION_BATCHES {
            let limit = MAX_TRANSACTION_BATCHES as u64;
            return Err(StorageError::LimitExceeded { what: "batches of this transaction", limit });
        }
        // There must be such a partition.
        self.head(append.partition)?;
        let used = self.staged_use(tenant)?;
        if !last.is_open() && used.open >= MAX_OPEN_TRANSACTIONS {
            let what = "open transactions of this tenant";
            return Err(StorageError::LimitExceeded { what, limit: MAX_OPEN_TRANSACTIONS });
        }
        let batch = staged_meta(&append, sequence)?;
        let bytes = u64::from(batch.length);
        self.require_room(tenant, used.bytes.saturating_add(bytes))?;
        // From here on nothing fails: what is remembered is what is written.
        let mut draft = Draft::default();
        draft.batch(Operation::Stage(batch), append.batch);
        if !last.is_open() {
            draft.put(keys::transaction_deadline(open.deadline_ms, tenant, producer), Vec::new());
        }
        let open = Transaction { staged: open.staged + 1, bytes: open.bytes + bytes, ..open };
        let used = StagedUse { open: used.open + u64::from(!last.is_open()), bytes: used.bytes + bytes };
        draft.put_row(keys::transaction(tenant, producer), &open.to_row());
        draft.put_row(keys::staged_use(tenant), &StagedUseRow { open: used.open, bytes: used.bytes });
        // Its commit is synced with it; what is lost before is missed there.
        draft.relax();
        draft.finish(group);
        self.transactions.insert((tenant, producer), open);
        self.staged.insert(tenant, used);
        self.unapplied.insert((tenant, producer));
        Ok(Staged { duplicate: false })
    }

    /// Whether a batch was staged before, by a command of this group perhaps.
    pub(in super::super) fn is_unapplied_repetition(
        &self,
        append: &Append,
        sequence: &TransactionSequence,
    ) -> bool {
        let key = (append.partition.tenant, sequence.session.producer);
        self.unapplied.contains(&key)
            && self.transactions.get(&key).is_some_and(|last| last.is_open() && sequence.index < last.staged)
    }

    /// The answer to a batch that has a place which is taken: by itself, or by another one, which is a mistake of the
    /// producer.
    fn staged_before(&self, append: &Append, sequence: TransactionSequence) -> Result<Staged, StorageError> {
        let tenant = append.partition.tenant;
        let key = keys::staged(tenant, sequence.session.producer, sequence.index);
        let row = StagedRow::decode(&self.index.get(Keyspace::State, &key)?.ok_or(BadRow)?)?;
        let is_same = row.partition_of(tenant) == append.partition
            && row.records == append.records
            && row.crc == append.crc
            && row.length as usize == append.batch.len();
        if is_same {
            return Ok(Staged { duplicate: true });
        }
        let message = format!("another batch was staged with index {} of the transaction", sequence.index);
        let error = LeveeError::new(ErrorCode::InvalidArgument, message)
            .with_hint("count the batches of a transaction from 0, and repeat each as it was");
        Err(StorageError::Invalid(error))
    }
}

fn begin(number: u64, deadline_ms: i64) -> Transaction {
    Transaction { number, state: TransactionState::Open, staged: 0, bytes: 0, deadline_ms }
}

fn staged_meta(append: &Append, sequence: TransactionSequence) -> Result<StagedMeta, StorageError> {
    let length = u32::try_from(append.batch.len()).map_err(|_| {
        let error = LeveeError::new(ErrorCode::TooLarge, "the batch is too large");
        StorageError::Invalid(error.with_hint("send smaller batches"))
    })?;
    Ok(StagedMeta {
        partition: append.partition,
        producer: sequence.session.producer,
        index: sequence.index,
        records: append.records,
        max_timestamp_ms: append.max_timestamp_ms,
        length,
        crc: append.crc,
    })
}
