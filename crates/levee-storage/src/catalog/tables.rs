//! Walks over the tables of all tenants.

use super::tenants::Suspension;
use super::{Catalog, Topic};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, TenantRow, TopicRow};
use levee_types::{TenantId, TopicId};
use prost::Message;

/// Where a walk has come to: behind this topic of this tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Walked {
    tenant: u32,
    topic: u64,
}

/// Some tables, and where a walk goes on; `None`: it is over.
pub(crate) type Tables = (Vec<(TenantId, Topic)>, Option<Walked>);

impl Catalog {
    /// The tables among the next topics, of which it looks at about so many.
    pub(crate) fn tables(&self, behind: Walked, rows: usize) -> Result<Tables, StorageError> {
        let mut found = Vec::new();
        let mut seen = 0;
        let mut tenants = self.index.cursor(Keyspace::State, keys::tenants());
        tenants.seek(&keys::tenant(TenantId(behind.tenant)))?;
        while let Some((key, row)) = tenants.item() {
            let tenant = keys::tenant_of(key).ok_or(BadRow)?;
            let is_importing = TenantRow::decode(row)?.suspension == Suspension::Importing as u32;
            let first = if tenant.0 == behind.tenant { behind.topic + 1 } else { 0 };
            let mut topics = self.index.cursor(Keyspace::State, keys::topics(tenant));
            topics.seek(&keys::topic(tenant, TopicId(first)))?;
            while let Some((key, row)) = topics.item() {
                let id = TopicId(keys::last_u64(key).ok_or(BadRow)?);
                let topic = Topic::from_row(id, TopicRow::decode(row)?)?;
                // What is being imported is nobody's yet.
                if topic.config.cleanup_policy.is_table() && !is_importing {
                    found.push((tenant, topic));
                }
                seen += 1;
                if seen >= rows {
                    return Ok((found, Some(Walked { tenant: tenant.0, topic: id.0 })));
                }
                topics.next()?;
            }
            seen += 1;
            tenants.next()?;
        }
        Ok((found, None))
    }
}
