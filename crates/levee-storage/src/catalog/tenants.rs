//! Tenants: what they are, and reading them.

use super::{Catalog, Page, tenant_id};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, TenantCounters, TenantRow};
use crate::usage::Totals;
use levee_types::quota::Plan;
use levee_types::topic::Properties;
use levee_types::{PlanName, TenantId, TenantName};
use prost::Message;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Never reused.
    pub id: TenantId,
    /// Its name.
    pub name: TenantName,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// Whose quotas it has.
    pub plan: PlanName,
    /// What it must not do for now.
    pub suspension: Suspension,
    /// When it is deleted, in Unix milliseconds, if it is being deleted.
    pub delete_at_ms: Option<i64>,
    /// How many topics it has.
    pub topics: u64,
    /// How many partitions they have.
    pub partitions: u64,
    /// Bytes of the batches that are stored.
    pub stored_bytes: u64,
    /// Properties that its topics have unless they have their own.
    pub topic_defaults: Properties,
}

/// What a suspended tenant must not do. Persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Suspension {
    /// It is not suspended.
    None = 0,
    /// Write.
    ReadOnly = 1,
    /// Anything.
    Frozen = 2,
    /// Anything, and nobody may change that: it is half of a tenant, which becomes whole or is deleted.
    Importing = 3,
}

impl Suspension {
    fn of_row(number: u32) -> Option<Self> {
        let all = [Self::None, Self::ReadOnly, Self::Frozen, Self::Importing];
        all.into_iter().find(|known| *known as u32 == number)
    }
}

/// What is to change; the rest stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantChange {
    /// Another name.
    pub name: Option<TenantName>,
    /// Another plan.
    pub plan: Option<PlanName>,
    /// Another suspension, or none.
    pub suspension: Option<Suspension>,
    /// Defaults of its topics that are set, out of [`levee_types::topic::INHERITED`].
    pub set_topic_defaults: Properties,
    /// Those that return to what the server says.
    pub unset_topic_defaults: Vec<String>,
}

impl Tenant {
    pub(crate) fn from_rows(
        id: TenantId,
        row: &TenantRow,
        counters: &TenantCounters,
        stored_bytes: u64,
    ) -> Result<Self, BadRow> {
        let plan = if row.plan.is_empty() { Plan::DEFAULT } else { &row.plan };
        Ok(Self {
            id,
            name: TenantName::new(&row.name).map_err(|_| BadRow)?,
            created_ms: row.created_ms,
            plan: PlanName::new(plan).map_err(|_| BadRow)?,
            suspension: Suspension::of_row(row.suspension).ok_or(BadRow)?,
            delete_at_ms: row.delete_at_ms,
            topics: counters.topics,
            partitions: counters.partitions.unwrap_or(0),
            stored_bytes,
            topic_defaults: row.topic_defaults.clone(),
        })
    }
}

impl Catalog {
    pub(crate) fn tenant(&self, name: &TenantName) -> Result<Option<Tenant>, StorageError> {
        match self.index.get(Keyspace::State, &keys::tenant_by_name(name))? {
            Some(id) => self.tenant_by_id(tenant_id(&id)?),
            None => Ok(None),
        }
    }

    pub(crate) fn tenant_by_id(&self, id: TenantId) -> Result<Option<Tenant>, StorageError> {
        let Some(row) = self.index.get(Keyspace::State, &keys::tenant(id))? else { return Ok(None) };
        let row = TenantRow::decode(&row[..])?;
        let counters = self.index.get(Keyspace::State, &keys::tenant_counters(id))?.unwrap_or_default();
        let counters = TenantCounters::decode(&counters[..])?;
        let stored_bytes = self.totals(id)?.map_or(0, |totals: Totals| totals.stored_bytes);
        Ok(Some(Tenant::from_rows(id, &row, &counters, stored_bytes)?))
    }

    /// Up to `limit` tenants in the order of their names, from behind `after` on.
    pub(crate) fn list_tenants(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Tenant>, StorageError> {
        let prefix = keys::tenants_from("");
        let start = after.map(keys::tenants_from);
        let Page { items, next } = self.names(prefix, start.as_deref(), limit, tenant_id)?;
        let items = items.into_iter().filter_map(|id| self.tenant_by_id(id).transpose());
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }

    /// The tenants whose deletion is due, at most `limit`.
    pub(crate) fn due_deletions(&self, now_ms: i64, limit: usize) -> Result<Vec<TenantId>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::deletions());
        cursor.first()?;
        let mut due = Vec::new();
        while let Some((key, _)) = cursor.item() {
            let (at_ms, tenant) = keys::deletion_of(key).ok_or(BadRow)?;
            if at_ms > now_ms || due.len() == limit {
                break;
            }
            due.push(tenant);
            cursor.next()?;
        }
        Ok(due)
    }
}
