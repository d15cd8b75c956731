//! Reading what is staged, and when open transactions are aborted.

use super::{Catalog, Topic};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, StagedRow};
use crate::transaction::Deadline;
use levee_types::{ProducerId, TenantId};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Catalog {
    /// The open transactions whose time is over, at most `limit`, and the time of the first one that is left.
    pub(crate) fn due_transactions(
        &self,
        now_ms: i64,
        limit: usize,
    ) -> Result<(Vec<Deadline>, Option<i64>), StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::transaction_deadlines());
        cursor.first()?;
        let mut due = Vec::new();
        while let Some((key, _)) = cursor.item() {
            let (at_ms, tenant, producer) = keys::transaction_deadline_of(key).ok_or(BadRow)?;
            if at_ms > now_ms || due.len() == limit {
                return Ok((due, Some(at_ms)));
            }
            due.push(Deadline { at_ms, tenant, producer });
            cursor.next()?;
        }
        Ok((due, None))
    }

    /// The topics that a producer has staged batches for, of those that there are.
    pub(crate) fn staged_topics(
        &self,
        tenant: TenantId,
        producer: ProducerId,
    ) -> Result<Vec<Arc<Topic>>, StorageError> {
        let ids: BTreeSet<_> = self.staged(tenant, producer)?.into_iter().map(|row| row.topic).collect();
        ids.into_iter().filter_map(|id| self.topic_by_id(tenant, id).transpose()).collect()
    }

    /// What a producer has staged, in its order: at most as many batches as a transaction may have.
    pub(crate) fn staged(
        &self,
        tenant: TenantId,
        producer: ProducerId,
    ) -> Result<Vec<StagedRow>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::staged_of(tenant, producer.0..=producer.0));
        cursor.first()?;
        let mut rows = Vec::new();
        while let Some((_, row)) = cursor.item() {
            rows.push(StagedRow::decode(row)?);
            cursor.next()?;
        }
        Ok(rows)
    }
}
