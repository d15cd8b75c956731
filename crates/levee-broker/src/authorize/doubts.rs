//! When a permit must be asked for again.

#[cfg(test)]
mod tests;

use crate::tenants::TenantEntry;
use levee_types::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Tells when a permit must be asked for again.
pub struct Doubts {
    tenant: Arc<TenantEntry>,
    changes: watch::Receiver<()>,
    /// The keys that the credential was signed by, if it is one that is signed.
    keys: Option<watch::Receiver<()>>,
    clock: Arc<dyn Clock>,
    expires_ms: Option<i64>,
}

impl Doubts {
    pub(super) fn new(
        tenant: Arc<TenantEntry>,
        keys: Option<watch::Receiver<()>>,
        clock: Arc<dyn Clock>,
        expires_ms: Option<i64>,
    ) -> Self {
        let mut changes = tenant.changes();
        changes.mark_changed();
        Self { tenant, changes, keys, clock, expires_ms }
    }

    /// Whether there are any by now, without waiting. Each change is told once.
    pub fn have_arisen(&mut self) -> bool {
        let is_changed = self.changes.has_changed().unwrap_or_else(|_| {
            // Nobody tells any more. From now on somebody does again.
            self.changes = self.tenant.changes();
            true
        });
        self.changes.borrow_and_update();
        let has_other_keys = self.keys.as_mut().is_some_and(|keys| {
            let is_changed = keys.has_changed().unwrap_or(false);
            keys.borrow_and_update();
            is_changed
        });
        is_changed
            || has_other_keys
            || self.expires_ms.is_some_and(|expires_ms| expires_ms <= self.clock.unix_ms())
    }

    /// Resolves when the tenant was changed since this was called last, or the credential has expired. Cancel-safe.
    pub async fn arise(&mut self) {
        tokio::select! {
            changed = self.changes.changed() => if changed.is_err() {
                // Nobody tells any more. From now on somebody does again.
                self.changes = self.tenant.changes();
            },
            () = changed(&mut self.keys) => {}
            () = expiry(self.expires_ms, &self.clock) => {}
        }
    }
}

/// Resolves when the keys of a credential have changed; never, if it was not signed.
async fn changed(keys: &mut Option<watch::Receiver<()>>) {
    if let Some(keys) = keys
        && keys.changed().await.is_ok()
    {
        return;
    }
    // The sender lives as long as the broker.
    std::future::pending::<()>().await;
}

async fn expiry(expires_ms: Option<i64>, clock: &Arc<dyn Clock>) {
    let Some(expires_ms) = expires_ms else { return std::future::pending().await };
    loop {
        let left_ms = expires_ms.saturating_sub(clock.unix_ms());
        if left_ms <= 0 {
            return;
        }
        // Long sleeps are cut, so that a clock that is set is noticed.
        tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs()).min(MAX_SLEEP)).await;
    }
}

/// The longest sleep until a credential expires.
const MAX_SLEEP: Duration = Duration::from_secs(1);
