//! Deciding a commit: all batches of a transaction get their offsets, in one entry, or nothing happens.

use super::super::append::{Arrival, batch_meta, set_keys};
use super::super::{Draft, Effect, Group, Machine};
use super::{Transaction, TransactionState};
use crate::command::{Commit, ProducerSession};
use crate::error::StorageError;
use crate::keys;
use crate::log::{Head, StoredBatch};
use crate::operation::{BatchMeta, Operation};
use crate::rows::{BadRow, StagedRow, TransactionRow};
use crate::transaction::{StagedKeys, TransactionCommit, TransactionCommitted};
use crate::usage::Totals;
use levee_types::limits::MAX_TRANSACTION_BATCHES;
use levee_types::{GroupId, PartitionId, ProducerId, TenantId};
use std::collections::{BTreeMap, HashMap};

/// What a commit leaves behind, until it is certain.
struct Plan {
    heads: HashMap<PartitionId, Head>,
    totals: Totals,
    base_offsets: Vec<u64>,
    draft: Draft,
}

impl Machine {
    pub(in super::super) fn commit_transaction(
        &mut self,
        tenant: TenantId,
        commit: TransactionCommit,
        staged_keys: StagedKeys,
        group: &mut Group,
        now_ms: i64,
    ) -> Result<TransactionCommitted, StorageError> {
        let TransactionCommit { session, number, staged, batches, commits, .. } = commit;
        let producer = session.producer;
        if let Some(before) = self.committed_transaction(tenant, session, number)? {
            return Ok(before);
        }
        let last = self.transaction(tenant, producer)?;
        last.admit(number)?;
        let there = if last.is_open() { last.staged } else { 0 };
        if staged != there {
            // A crash took what was not synced. That is the end of it: what comes again is another transaction.
            self.abort(tenant, producer, number, group)?;
            return Err(StorageError::TransactionAborted);
        }
        if there as usize + batches.len() > MAX_TRANSACTION_BATCHES {
            let limit = MAX_TRANSACTION_BATCHES as u64;
            return Err(StorageError::LimitExceeded { what: "batches of this transaction", limit });
        }
        let totals = self.totals(tenant)?;
        let mut plan =
            Plan { heads: HashMap::new(), totals, base_offsets: Vec::new(), draft: Draft::default() };
        let mut staged_keys = staged_keys.into_iter();
        for row in self.staged_batches(tenant, producer, there)? {
            let batch = self.place(&mut plan, &Arrival::of_staged(tenant, &row), now_ms)?;
            plan.draft.operation(Operation::AppendStaged(batch, row.place));
            let keys = staged_keys.next().filter(|(place, _)| *place == row.place).and_then(|(_, keys)| keys);
            if let Some((operation, bytes)) = set_keys(plan.heads[&batch.partition], keys.as_ref(), &batch)? {
                plan.draft.batch(operation, bytes);
            }
        }
        for (partition, head) in &plan.heads {
            plan.draft.effect(Effect::Extended(*partition, head.end));
        }
        for append in batches {
            let batch = self.place(&mut plan, &Arrival::of(&append), now_ms)?;
            let stored = StoredBatch {
                base_offset: batch.base_offset,
                records: batch.records,
                append_time_ms: now_ms,
                crc: batch.crc,
                bytes: append.batch.clone(),
            };
            let keys = set_keys(plan.heads[&append.partition], append.keys.as_ref(), &batch)?;
            plan.draft.effect(Effect::Appended(append.partition, stored));
            plan.draft.batch(Operation::Append(batch), append.batch);
            if let Some((operation, bytes)) = keys {
                plan.draft.batch(operation, bytes);
            }
        }
        let stored = self.totals(tenant)?.stored_bytes;
        self.require_room(tenant, plan.totals.stored_bytes.saturating_sub(stored))?;
        let news = self.news(tenant, commits)?;
        self.staged_use(tenant)?;
        // From here on nothing fails: what is remembered is what is written.
        let Plan { heads, totals, base_offsets, mut draft } = plan;
        for commit in news {
            draft.operation(self.advance(commit, now_ms));
        }
        self.unstage(tenant, producer, last, &mut draft);
        let ended = Transaction::ended(number, TransactionState::Committed);
        let row =
            TransactionRow { base_offsets: base_offsets.clone(), commit_time_ms: now_ms, ..ended.to_row() };
        draft.put_row(keys::transaction(tenant, producer), &row);
        draft.finish(group);
        self.heads.extend(heads);
        self.set_totals(tenant, totals);
        self.transactions.insert((tenant, producer), ended);
        self.unapplied.insert((tenant, producer));
        Ok(TransactionCommitted { base_offsets, commit_time_ms: now_ms, duplicate: false })
    }

    /// Of the commits of groups those that change something; of several for one partition, the one that goes furthest.
    fn news(&mut self, tenant: TenantId, commits: Vec<Commit>) -> Result<Vec<Commit>, StorageError> {
        let mut furthest: BTreeMap<(GroupId, PartitionId), Commit> = BTreeMap::new();
        for commit in commits {
            if !self.check_commit(tenant, &commit)? {
                continue;
            }
            let key = (commit.group, commit.partition);
            if furthest.get(&key).is_none_or(|other| other.offset <= commit.offset) {
                furthest.insert(key, commit);
            }
        }
        Ok(furthest.into_values().collect())
    }

    /// Gives a batch the next offset of its partition.
    fn place(&mut self, plan: &mut Plan, arrival: &Arrival, now_ms: i64) -> Result<BatchMeta, StorageError> {
        let head = match plan.heads.get(&arrival.partition) {
            Some(head) => *head,
            None => self.head(arrival.partition)?,
        };
        let batch = batch_meta(arrival, head, now_ms)?;
        plan.totals = plan.totals.append(u64::from(batch.length), u64::from(batch.records), now_ms);
        plan.heads.insert(arrival.partition, head.behind(&batch));
        plan.base_offsets.push(batch.base_offset);
        Ok(BatchMeta { totals: Some(plan.totals), ..batch })
    }

    /// What is staged for a transaction. All of it is among the rows: see [`Machine::needs_applied_rows`].
    fn staged_batches(
        &self,
        tenant: TenantId,
        producer: ProducerId,
        count: u32,
    ) -> Result<Vec<StagedRow>, StorageError> {
        let mut rows = Vec::with_capacity(count as usize);
        self.scan(keys::staged_of(tenant, producer.0..=producer.0), |_, row| {
            rows.push(StagedRow::decode(row)?);
            Ok(())
        })?;
        if rows.len() == count as usize { Ok(rows) } else { Err(BadRow.into()) }
    }

    /// How a transaction was committed, if it was and is the last one of its producer.
    pub(crate) fn committed_transaction(
        &mut self,
        tenant: TenantId,
        session: ProducerSession,
        number: u64,
    ) -> Result<Option<TransactionCommitted>, StorageError> {
        self.require_session(tenant, session)?;
        let last = self.transaction(tenant, session.producer)?;
        if last.number > 0 && last.is(number, TransactionState::Committed) {
            return self.committed_before(tenant, session.producer).map(Some);
        }
        Ok(None)
    }

    fn committed_before(
        &self,
        tenant: TenantId,
        producer: ProducerId,
    ) -> Result<TransactionCommitted, StorageError> {
        let row: TransactionRow = self.row(&keys::transaction(tenant, producer))?.ok_or(BadRow)?;
        let TransactionRow { base_offsets, commit_time_ms, .. } = row;
        Ok(TransactionCommitted { base_offsets, commit_time_ms, duplicate: true })
    }
}
