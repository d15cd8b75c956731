//! A tenant as it is at one moment: what it has, and where its logs begin and end.

use super::groups::{self, Group, Progress};
use super::plans::quotas;
use super::tenants::Tenant;
use super::users::User;
use super::{Topic, acl};
use crate::error::StorageError;
use crate::index::{Rows, View};
use crate::keys::{self, KeyRange, Keyspace, QuotaPart};
use crate::log;
use crate::rows::{AclRuleRow, BadRow, GroupRow, QuotasRow, TenantCounters, TenantRow, TopicRow, UserRow};
use crate::usage::Totals;
use levee_types::acl::AclRule;
use levee_types::quota::Quotas;
use levee_types::{GroupId, PartitionId, TenantId, TopicId, UserId};
use prost::Message;

/// Where a log begins and ends, with the batch that its first record lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBounds {
    /// The first offset that is stored.
    pub start: u64,
    /// Offset of the first batch: at most `start`; `end` if there is no batch.
    pub first: u64,
    /// The offset that the next record gets.
    pub end: u64,
}

/// A tenant at one moment. Every method may block. Do not keep it for long: it holds up the removal of what was
/// changed since.
pub struct TenantView<'a> {
    view: View<'a>,
    id: TenantId,
}

impl<'a> TenantView<'a> {
    pub(crate) fn new(view: View<'a>, id: TenantId) -> Self {
        Self { view, id }
    }

    /// The tenant.
    ///
    /// # Errors
    /// `NoTenant`, or the index cannot be read.
    pub fn tenant(&self) -> Result<Tenant, StorageError> {
        let row = self.view.get(Keyspace::State, &keys::tenant(self.id))?.ok_or(StorageError::NoTenant)?;
        let counters = self.view.get(Keyspace::State, &keys::tenant_counters(self.id))?.unwrap_or_default();
        let mut usage = self.view.cursor(Keyspace::State, keys::usage_hours(self.id));
        usage.last()?;
        let totals = usage.item().map(|(_, row)| Totals::decode(row)).transpose()?.unwrap_or_default();
        let (row, counters) = (TenantRow::decode(&row[..])?, TenantCounters::decode(&counters[..])?);
        Ok(Tenant::from_rows(self.id, &row, &counters, totals.stored_bytes)?)
    }

    /// Visits the users, in the order of their creation.
    ///
    /// # Errors
    /// That of `visit`, or the index cannot be read.
    pub fn users<E: From<StorageError>>(
        &self,
        mut visit: impl FnMut(User) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(keys::users(self.id), |id, row| {
            let row = UserRow::decode(row).map_err(StorageError::from)?;
            visit(User::from_row(UserId(id), row).map_err(StorageError::from)?)
        })
    }

    /// Visits the access rules, in the order of their ids.
    ///
    /// # Errors
    /// That of `visit`, or the index cannot be read.
    pub fn acl_rules<E: From<StorageError>>(
        &self,
        mut visit: impl FnMut(AclRule) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(keys::acl_rules(self.id), |id, row| {
            let row = AclRuleRow::decode(row).map_err(StorageError::from)?;
            visit(acl::from_row(id, &row).map_err(StorageError::from)?)
        })
    }

    /// Visits the topics, in the order of their creation.
    ///
    /// # Errors
    /// That of `visit`, or the index cannot be read.
    pub fn topics<E: From<StorageError>>(
        &self,
        mut visit: impl FnMut(Topic) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(keys::topics(self.id), |id, row| {
            let row = TopicRow::decode(row).map_err(StorageError::from)?;
            visit(Topic::from_row(TopicId(id), row)?)
        })
    }

    /// Visits the groups, in the order of their creation.
    ///
    /// # Errors
    /// That of `visit`, or the index cannot be read.
    pub fn groups<E: From<StorageError>>(
        &self,
        mut visit: impl FnMut(Group) -> Result<(), E>,
    ) -> Result<(), E> {
        self.scan(keys::groups(self.id), |id, row| {
            let row = GroupRow::decode(row).map_err(StorageError::from)?;
            visit(Group::from_row(GroupId(id), row).map_err(StorageError::from)?)
        })
    }

    /// Visits how far a group has come, in the order of the partitions.
    ///
    /// # Errors
    /// That of `visit`, or the index cannot be read.
    pub fn progress<E: From<StorageError>>(
        &self,
        group: GroupId,
        mut visit: impl FnMut(PartitionId, Progress) -> Result<(), E>,
    ) -> Result<(), E> {
        let range = keys::progress_of_group(self.id, group);
        let mut cursor = self.view.cursor(Keyspace::State, range);
        cursor.first().map_err(StorageError::from)?;
        while let Some((key, row)) = cursor.item() {
            let (partition, progress) = groups::progress(self.id, key, row)?;
            visit(partition, progress)?;
            cursor.next().map_err(StorageError::from)?;
        }
        Ok(())
    }

    /// The quotas that were set for the tenant, its users and its topics.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn quotas(&self) -> Result<Vec<(QuotaPart, Quotas)>, StorageError> {
        let mut cursor = self.view.cursor(Keyspace::State, keys::all_quotas(self.id));
        cursor.first()?;
        let mut all = Vec::new();
        while let Some((key, row)) = cursor.item() {
            all.push((keys::quota_part(key).ok_or(BadRow)?, quotas(QuotasRow::decode(row)?)?));
            cursor.next()?;
        }
        Ok(all)
    }

    /// Where the log of a partition begins and ends.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn bounds(&self, partition: PartitionId) -> Result<LogBounds, StorageError> {
        let mut cursor = self.view.cursor(Keyspace::Index, keys::batches(partition));
        cursor.first()?;
        let first = log::item(&cursor)?.map(|(base, _)| base);
        let head = log::head(&self.view, partition)?;
        Ok(LogBounds { start: head.start, first: first.unwrap_or(head.end), end: head.end })
    }

    fn scan<E: From<StorageError>>(
        &self,
        range: KeyRange,
        mut visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut cursor = self.view.cursor(Keyspace::State, range);
        cursor.first().map_err(StorageError::from)?;
        while let Some((key, row)) = cursor.item() {
            let id = keys::last_u64(key).ok_or(BadRow).map_err(StorageError::from)?;
            visit(id, row)?;
            cursor.next().map_err(StorageError::from)?;
        }
        Ok(())
    }
}
