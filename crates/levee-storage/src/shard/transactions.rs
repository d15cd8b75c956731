//! Transactions.

use super::{Receipt, Shard, unwrap_answer};
use crate::catalog::Topic;
use crate::command::{Append, Command, Commit, ProducerSession};
use crate::error::StorageError;
use crate::keyed::Keys;
use crate::rows::StagedRow;
use crate::segments::SegmentStore;
use crate::transaction::{Staged, StagedKeys, TransactionCommit, TransactionCommitted, TransactionSequence};
use levee_types::limits::MAX_TRANSACTION_KEY_BYTES;
use levee_types::{ErrorCode, LeveeError, ProducerId, TenantId, TopicId};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Transactions that are aborted at once.
const EXPIRED_AT_ONCE: usize = 100;

impl<S: SegmentStore> Shard<S> {
    /// Hands a batch to the committer that is kept for a transaction, as [`Shard::submit`] does. The receipt resolves
    /// when it is written, which is before it is durable: [`Shard::commit_transaction`] tells whether all is there.
    /// The batch's producer, expected offset and durability are ignored.
    ///
    /// # Errors
    /// `Stopping`; with the receipt `ProducerFenced`, `UnknownProducer`, `OutOfOrderTransaction`, `OutOfOrderBatch`,
    /// `TransactionAborted`, `TransactionEnded`, `NoTopic`, `LimitExceeded`, `Invalid`, or the shard does not work.
    pub async fn stage(
        &self,
        append: Append,
        sequence: TransactionSequence,
    ) -> Result<Receipt<Staged>, StorageError> {
        let (reply, receipt) = oneshot::channel();
        let bytes = append.batch.len();
        self.push(Command::Stage(append, sequence, reply), bytes).await?;
        Ok(Receipt(receipt))
    }

    /// Commits a transaction: all of it is durable and readable when this returns, or nothing of it ever is. Asking
    /// again gives the same answer.
    ///
    /// # Errors
    /// `TransactionAborted`, also when not as many batches are staged as the commit says, which is then the end of
    /// the transaction. After `NoTopic`, `NoGroup`, `MemberFenced`, `OffsetOutOfRange`, `LimitExceeded` and `Invalid`
    /// it is as open as before.
    /// `ProducerFenced`, `UnknownProducer`, `OutOfOrderTransaction`, `TransactionEnded`, or the shard does not work.
    /// After `TopicChanged` it is as open as before, and may be committed when it is asked again.
    ///
    /// Blocks while it reads what is staged for tables.
    pub async fn commit_transaction(
        &self,
        tenant: TenantId,
        commit: TransactionCommit,
    ) -> Result<TransactionCommitted, StorageError> {
        // What was staged before may still be on its way, and is not seen. If it is for a table, the committer misses
        // its keys; and when it says so, everything is there. The order of what is asked must stay, so nothing waits
        // for that before.
        let first = self.try_commit(tenant, commit.clone()).await;
        match first {
            Err(StorageError::TopicChanged) if commit.staged > 0 => self.try_commit(tenant, commit).await,
            first => first,
        }
    }

    async fn try_commit(
        &self,
        tenant: TenantId,
        commit: TransactionCommit,
    ) -> Result<TransactionCommitted, StorageError> {
        let keys = self.staged_keys(tenant, &commit)?;
        let bytes = commit.batches.iter().map(|append| append.batch.len()).sum::<usize>()
            + commit.commits.iter().map(Commit::size).sum::<usize>()
            + keys.iter().flat_map(|(_, keys)| keys).map(|keys| keys.bytes().len()).sum::<usize>();
        self.ask_with(bytes, |reply| Command::CommitTransaction(tenant, commit, keys, reply)).await
    }

    /// Where the staged batches of a transaction lie, and the keys of those that are for tables: the committer must not
    /// read and decode them. It checks that they are those that it commits.
    fn staged_keys(&self, tenant: TenantId, commit: &TransactionCommit) -> Result<StagedKeys, StorageError> {
        let mut staged = StagedKeys::new();
        if commit.staged == 0 {
            return Ok(staged);
        }
        let mut tables: BTreeMap<TopicId, bool> = BTreeMap::new();
        let mut bytes = 0;
        for row in self.inner.catalog.staged(tenant, commit.session.producer)? {
            let is_table = match tables.get(&row.topic) {
                Some(is_table) => *is_table,
                None => {
                    let topic = self.topic_by_id(tenant, row.topic)?;
                    let is_table = topic.is_some_and(|topic| topic.config.cleanup_policy.is_table());
                    tables.insert(row.topic, is_table);
                    is_table
                }
            };
            let keys = if is_table { Some(self.keys_of_staged(tenant, &row)?) } else { None };
            bytes += keys.as_ref().map_or(0, |keys| keys.bytes().len());
            if bytes > MAX_TRANSACTION_KEY_BYTES {
                let limit = MAX_TRANSACTION_KEY_BYTES as u64;
                return Err(StorageError::LimitExceeded { what: "bytes of keys in this transaction", limit });
            }
            staged.push((row.place, keys));
        }
        Ok(staged)
    }

    fn keys_of_staged(&self, tenant: TenantId, row: &StagedRow) -> Result<Keys, StorageError> {
        let batch = self.inner.log.read_staged(tenant, row)?;
        self.inner.codec.keys(&batch).map_err(|error| {
            // The topic became a table when the batch had been staged.
            let error = LeveeError::new(
                ErrorCode::InvalidArgument,
                format!("a staged batch is none for a table: {error}"),
            )
            .with_hint("abort the transaction, and send records with keys");
            StorageError::Invalid(error)
        })
    }

    /// How a transaction was committed, when everything that was asked for the tenant before is decided; none: it was
    /// not, or another one came behind it.
    ///
    /// # Errors
    /// `ProducerFenced`, `UnknownProducer`, or the shard does not work.
    pub async fn committed_transaction(
        &self,
        tenant: TenantId,
        session: ProducerSession,
        number: u64,
    ) -> Result<Option<TransactionCommitted>, StorageError> {
        self.change_in_turn_of(tenant, 0, None, move |machine, _, _| {
            machine.committed_transaction(tenant, session, number)
        })
        .await
    }

    /// Drops what was staged for a transaction, and refuses what comes of it later. Asking again is asking once.
    ///
    /// # Errors
    /// `ProducerFenced`, `UnknownProducer`, `OutOfOrderTransaction`, `TransactionEnded`, or the shard does not work.
    pub async fn abort_transaction(
        &self,
        tenant: TenantId,
        session: ProducerSession,
        number: u64,
    ) -> Result<(), StorageError> {
        self.ask(|reply| Command::AbortTransaction(tenant, session, number, reply)).await
    }

    /// The topics that a producer has staged batches for, of those that there are. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn staged_topics(
        &self,
        tenant: TenantId,
        producer: ProducerId,
    ) -> Result<Vec<Arc<Topic>>, StorageError> {
        self.inner.catalog.staged_topics(tenant, producer)
    }

    /// Aborts the transactions whose time is over. Tells when that of the next one is, in Unix milliseconds.
    ///
    /// # Errors
    /// The index cannot be read, or the shard does not work.
    pub async fn abort_expired_transactions(&self, now_ms: i64) -> Result<Option<i64>, StorageError> {
        loop {
            let (due, next) = self.inner.catalog.due_transactions(now_ms, EXPIRED_AT_ONCE)?;
            if due.is_empty() {
                return Ok(next);
            }
            // All are asked for before the first answer, so that they share a sync.
            let mut answers = Vec::with_capacity(due.len());
            for deadline in due {
                let (reply, answer) = oneshot::channel();
                self.push(Command::ExpireTransaction(deadline, reply), 0).await?;
                answers.push(answer);
            }
            for answer in answers {
                unwrap_answer(answer.await)?;
            }
        }
    }
}
