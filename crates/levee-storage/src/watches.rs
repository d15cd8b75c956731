//! Tells those who keep something of a tenant in memory that the tenant was changed.

use levee_types::TenantId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Who watches which tenant.
#[derive(Default)]
pub(crate) struct TenantWatches(Mutex<HashMap<TenantId, watch::Sender<()>>>);

impl TenantWatches {
    /// Is marked as changed by each change from now on, before the change is answered.
    pub(crate) fn watch(&self, tenant: TenantId) -> watch::Receiver<()> {
        let mut watches = self.lock();
        watches.entry(tenant).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// The tenant was changed.
    pub(crate) fn tell(&self, tenant: TenantId) {
        let mut watches = self.lock();
        if let Some(sender) = watches.get(&tenant)
            && sender.send(()).is_err()
        {
            // Nobody watches any more.
            watches.remove(&tenant);
        }
    }

    /// Any tenant may have been changed.
    pub(crate) fn tell_all(&self) {
        self.lock().retain(|_, sender| sender.send(()).is_ok());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
