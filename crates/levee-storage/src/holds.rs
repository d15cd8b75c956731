//! Tenants that somebody reads as they were at an earlier moment: meanwhile nothing of them is compacted or erased.
//!
//! Must hold: the committer looks here when it decides a step, and not before. So none is decided while a tenant is
//! held.

use crate::error::StorageError;
use levee_types::TenantId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who is held how often.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds(Arc<Mutex<HashMap<TenantId, usize>>>);

/// Nothing of the tenant is compacted or erased while this is there.
#[derive(Debug)]
pub struct CompactionHold {
    holds: Holds,
    tenant: TenantId,
}

impl Holds {
    /// Holds a tenant. Steps that were decided before may not be applied yet.
    pub(crate) fn hold(&self, tenant: TenantId) -> CompactionHold {
        *self.lock().entry(tenant).or_default() += 1;
        CompactionHold { holds: self.clone(), tenant }
    }

    /// Refuses a tenant that is held.
    pub(crate) fn check(&self, tenant: TenantId) -> Result<(), StorageError> {
        if self.lock().contains_key(&tenant) { Err(StorageError::Held) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CompactionHold {
    fn drop(&mut self) {
        let mut holds = self.holds.lock();
        if let Some(count) = holds.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Holds;
    use levee_types::TenantId;

    #[test]
    fn a_tenant_is_held_until_the_last_one_lets_go() {
        let (holds, one, other) = (Holds::default(), TenantId(1), TenantId(2));
        let (first, second) = (holds.hold(one), holds.hold(one));
        drop(first);
        assert!(holds.check(one).is_err() && holds.check(other).is_ok());
        drop(second);
        assert!(holds.check(one).is_ok());
    }
}
