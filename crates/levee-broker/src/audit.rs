//! The audit log: who changed what, and what was refused.
//!
//! A change and its event are one entry of the journal, so a change is never answered without its event, and where
//! no event can be written nothing is changed. A refusal is written a moment later, because strangers must not be
//! able to keep the disk busy; what is refused is refused whether its event can be written or not.
//!
//! Must hold: every refusal is counted in the log of its tenant, and no tenant's flood takes the room of another's; a
//! flood costs bounded memory and disk: beyond [`LISTED_AT_ONCE`] of a tenant within [`INTERVAL`], those of one caller
//! and call become one event that says how many there were.

mod asked;
mod refusals;

#[cfg(test)]
mod tests;

pub use asked::Asked;

use levee_storage::{AuditEvent, Shard};
use levee_types::TenantId;
use refusals::Refusals;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often refusals are written.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// Refusals of one tenant that are written one by one in that time.
pub const LISTED_AT_ONCE: usize = 100;

/// Takes refusals. Cheap to clone.
#[derive(Clone)]
pub struct AuditSink {
    waiting: Arc<Waiting>,
}

/// Writes refusals down.
pub struct AuditWriter {
    shard: Shard,
    waiting: Arc<Waiting>,
}

/// Refusals that are not written yet.
#[derive(Default)]
struct Waiting {
    refusals: Mutex<Refusals>,
    /// There are some.
    some: Notify,
}

/// What takes refusals, and what writes them.
#[must_use]
pub fn channel(shard: Shard) -> (AuditSink, AuditWriter) {
    let waiting = Arc::<Waiting>::default();
    (AuditSink { waiting: Arc::clone(&waiting) }, AuditWriter { shard, waiting })
}

impl AuditSink {
    /// Something was refused to somebody of this tenant; of the system: to an operator or a stranger.
    pub fn denied(&self, log: TenantId, asked: &Asked, resource: &str, reason: &str) {
        metrics::counter!("levee_audit_denials_total").increment(1);
        let event = AuditEvent { refusal: Some(reason.to_owned()), ..asked.event(resource) };
        self.waiting.refusals.lock().unwrap_or_else(PoisonError::into_inner).add(log, event);
        self.waiting.some.notify_one();
    }
}

impl AuditWriter {
    /// Writes until `closing`, and then what is left.
    pub async fn run(self, closing: CancellationToken) {
        while !closing.is_cancelled() {
            tokio::select! {
                () = self.waiting.some.notified() => {}
                () = closing.cancelled() => {}
            }
            // What comes close behind is written with it.
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = closing.cancelled() => {}
            }
            self.write().await;
        }
        // What came while the last ones were written.
        self.write().await;
    }

    async fn write(&self) {
        let refusals =
            std::mem::take(&mut *self.waiting.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        for (log, events) in refusals.into_logs() {
            // A tenant that is gone has no log; a shard that fails ends the broker.
            if let Err(error) = self.shard.audit_refusals(log, events).await {
                tracing::debug!(%log, %error, "refusals were not written down");
            }
        }
    }
}
