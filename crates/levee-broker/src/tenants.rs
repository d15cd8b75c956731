//! What the broker keeps of each tenant in memory: what requests are decided on, and what is counted of them.
//!
//! Must hold: what was changed is seen by every request that begins after the change was answered; one tenant's
//! requests take no lock that another's hold while they look something up.

mod entry;
mod snapshot;
mod used;

pub use entry::{OpenStream, TenantEntry};
pub use snapshot::Snapshot;
pub use used::{Counters, TenantUse};

use crate::admission::NodeAdmission;
use levee_storage::Shard;
use levee_types::{Clock, LeveeError, TenantId, TenantName};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// All tenants that were asked for. Cheap to clone.
#[derive(Clone)]
pub struct Tenants(Arc<Inner>);

struct Inner {
    shard: Shard,
    clock: Arc<dyn Clock>,
    node: Arc<NodeAdmission>,
    entries: RwLock<HashMap<TenantId, Arc<TenantEntry>>>,
}

impl Tenants {
    /// The tenants of a shard; `node` is what all of them may use together.
    #[must_use]
    pub fn new(shard: Shard, clock: Arc<dyn Clock>, node: Arc<NodeAdmission>) -> Self {
        Self(Arc::new(Inner { shard, clock, node, entries: RwLock::default() }))
    }

    /// Storage.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.0.shard
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// A tenant; the system is one. None: there is no such tenant.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn get(&self, id: TenantId) -> Result<Option<Arc<TenantEntry>>, LeveeError> {
        let known = self.0.entries.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let entry = match known {
            Some(entry) => entry,
            None => {
                // Only those that there are get an entry: ids that somebody makes up cost nothing.
                if id != TenantId::SYSTEM && self.0.shard.tenant_by_id(id)?.is_none() {
                    return Ok(None);
                }
                let mut entries = self.0.entries.write().unwrap_or_else(PoisonError::into_inner);
                let entry = entries.entry(id).or_insert_with(|| {
                    Arc::new(TenantEntry::new(id, &self.0.shard, &self.0.clock, &self.0.node))
                });
                Arc::clone(entry)
            }
        };
        if entry.snapshot()?.is_none() {
            self.0.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
            return Ok(None);
        }
        Ok(Some(entry))
    }

    /// A tenant by its name.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn named(&self, name: &TenantName) -> Result<Option<Arc<TenantEntry>>, LeveeError> {
        match self.0.shard.tenant(name)? {
            Some(tenant) => self.get(tenant.id),
            None => Ok(None),
        }
    }

    /// A tenant that is in memory.
    #[must_use]
    pub fn known_one(&self, id: TenantId) -> Option<Arc<TenantEntry>> {
        self.0.entries.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// All that are in memory.
    #[must_use]
    pub fn known(&self) -> Vec<Arc<TenantEntry>> {
        self.0.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
