//! Walks over the topics of all tenants whose records do not stay for ever.

use super::{Catalog, tenants::Suspension};
use crate::error::StorageError;
use crate::keys::{self, Keyspace, QuotaPart};
use crate::retention::Retention;
use crate::rows::{BadRow, TenantRow, TopicRow};
use levee_types::quota::{Action, Dimension, Effective, Quotas};
use levee_types::topic::Properties;
use levee_types::{PartitionId, TenantId, TopicId};
use prost::Message;

/// Where a walk goes on: with this topic of this tenant, or the first one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    tenant: u32,
    topic: u64,
}

/// A topic whose records do not stay for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retained {
    pub(crate) tenant: TenantId,
    pub(crate) topic: TopicId,
    pub(crate) partitions: u32,
    pub(crate) retention: Retention,
}

/// Whether records of a tenant go when they are old. What is frozen stays as it is; what is being deleted may come back
/// as it was; and what is being imported is nobody's yet. A tenant that is read-only loses old records: they go because
/// of their age, which goes on.
pub(crate) fn lets_go(row: &TenantRow) -> bool {
    let is_open =
        [Suspension::None, Suspension::ReadOnly].iter().any(|state| *state as u32 == row.suspension);
    is_open && row.delete_at_ms.is_none()
}

impl Catalog {
    /// Looks at about so many rows from a place on. Tells where the walk goes on; `None`: it is over.
    pub(crate) fn retained(
        &self,
        from: Place,
        rows: usize,
        server: &Properties,
    ) -> Result<(Vec<Retained>, Option<Place>), StorageError> {
        let mut found = Vec::new();
        let mut seen = 0;
        let mut tenants = self.index.cursor(Keyspace::State, keys::tenants());
        tenants.seek(&keys::tenant(TenantId(from.tenant)))?;
        while let Some((key, row)) = tenants.item() {
            let tenant = keys::tenant_of(key).ok_or(BadRow)?;
            let row = TenantRow::decode(row)?;
            let first = if tenant.0 == from.tenant { from.topic } else { 0 };
            seen += 1;
            if lets_go(&row) {
                let mut topics = self.index.cursor(Keyspace::State, keys::topics(tenant));
                topics.seek(&keys::topic(tenant, TopicId(first)))?;
                while let Some((key, topic)) = topics.item() {
                    let id = keys::last_u64(key).ok_or(BadRow)?;
                    if seen >= rows {
                        return Ok((found, Some(Place { tenant: tenant.0, topic: id })));
                    }
                    seen += 1;
                    let topic = TopicRow::decode(topic)?;
                    if let Some(retention) = Retention::of(&topic, &row.topic_defaults, server)? {
                        let (topic, partitions) = (TopicId(id), topic.partitions);
                        found.push(Retained { tenant, topic, partitions, retention });
                    }
                    topics.next()?;
                }
            }
            tenants.next()?;
            if seen >= rows && tenants.item().is_some() {
                return Ok((found, Some(Place { tenant: tenant.0 + 1, topic: 0 })));
            }
        }
        Ok((found, None))
    }

    /// The storage quota of a tenant, if its oldest records go for it.
    pub(crate) fn trimmed_limit(&self, tenant: TenantId) -> Result<Option<u64>, StorageError> {
        let Some(row) = self.tenant_by_id(tenant)? else { return Ok(None) };
        let Some(named) = self.plan(&row.plan)? else { return Ok(None) };
        let own = self.quotas(tenant)?.into_iter().find(|(part, _)| *part == QuotaPart::Tenant);
        let own = own.map_or_else(Quotas::default, |(_, quotas)| quotas);
        let quota = Effective::of_tenant(Dimension::Storage, &named.plan, &own);
        Ok(quota.limit.filter(|_| quota.action == Action::TrimOldest))
    }

    /// The partitions of a tenant from which old records may go.
    pub(crate) fn trimmable(
        &self,
        tenant: TenantId,
        mut visit: impl FnMut(PartitionId) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut topics = self.index.cursor(Keyspace::State, keys::topics(tenant));
        topics.first()?;
        while let Some((key, row)) = topics.item() {
            let id = TopicId(keys::last_u64(key).ok_or(BadRow)?);
            let topic = super::Topic::from_row(id, TopicRow::decode(row)?)?;
            if topic.config.cleanup_policy.has_retention() {
                for partition in 0..topic.partitions {
                    visit(PartitionId { tenant, topic: id, partition })?;
                }
            }
            topics.next()?;
        }
        Ok(())
    }
}
