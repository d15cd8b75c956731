//! The audit log: who changed what, and what was refused.
//!
//! A change and its event are one entry of the journal, so a change is never answered without its event, and where
//! no event can be written nothing is changed. A refusal is written a moment later, because strangers must not be
//! able to keep the disk busy; what is refused is refused whether its event can be written or not.
//!
//! Must hold: a flood of refusals costs bounded memory and disk: beyond [`LISTED_AT_ONCE`] of a tenant within
//! [`INTERVAL`] those of one caller and call become one event that says how many there were.

mod asked;

#[cfg(test)]
mod tests;

pub use asked::Asked;

use levee_storage::{AuditEvent, Shard};
use levee_types::TenantId;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often refusals are written.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// Refusals of one tenant that are written one by one in that time.
pub const LISTED_AT_ONCE: usize = 100;
/// Refusals that wait to be written, of all tenants.
const WAITING: usize = 10_000;

/// Takes refusals. Cheap to clone.
#[derive(Clone)]
pub struct AuditSink {
    waiting: mpsc::Sender<(TenantId, AuditEvent)>,
    /// Refusals for which there was no room.
    lost: Arc<AtomicU64>,
}

/// Writes refusals down.
pub struct AuditWriter {
    shard: Shard,
    waiting: mpsc::Receiver<(TenantId, AuditEvent)>,
    lost: Arc<AtomicU64>,
}

/// What takes refusals, and what writes them.
#[must_use]
pub fn channel(shard: Shard) -> (AuditSink, AuditWriter) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    (AuditSink { waiting: sender, lost: Arc::clone(&lost) }, AuditWriter { shard, waiting: receiver, lost })
}

impl AuditSink {
    /// Something was refused to somebody of this tenant; of the system: to an operator or a stranger.
    pub fn denied(&self, log: TenantId, asked: &Asked, resource: &str, reason: &str) {
        metrics::counter!("levee_audit_denials_total").increment(1);
        let event = AuditEvent { refusal: Some(reason.to_owned()), ..asked.event(resource) };
        if self.waiting.try_send((log, event)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl AuditWriter {
    /// Writes until `closing`, and then what is left.
    pub async fn run(mut self, closing: CancellationToken) {
        let mut events = Vec::new();
        let mut is_open = true;
        while is_open {
            tokio::select! {
                count = self.waiting.recv_many(&mut events, WAITING) => is_open = count > 0,
                () = closing.cancelled() => is_open = false,
            }
            if is_open {
                // What comes close behind is written with it.
                tokio::select! {
                    () = tokio::time::sleep(INTERVAL) => {}
                    () = closing.cancelled() => {}
                }
            }
            while let Ok(event) = self.waiting.try_recv() {
                events.push(event);
            }
            self.write(std::mem::take(&mut events)).await;
        }
    }

    async fn write(&self, events: Vec<(TenantId, AuditEvent)>) {
        let mut logs: HashMap<TenantId, Vec<AuditEvent>> = HashMap::new();
        for (log, event) in events {
            logs.entry(log).or_default().push(event);
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            logs.entry(TenantId::SYSTEM).or_default().push(AuditEvent {
                principal: "system".to_owned(),
                action: "audit".to_owned(),
                refusal: Some("more was refused than could be written down one by one".to_owned()),
                count: lost,
                ..AuditEvent::default()
            });
        }
        for (log, events) in logs {
            // A tenant that is gone has no log; a shard that fails ends the broker.
            if let Err(error) = self.shard.audit_refusals(log, gathered(events)).await {
                tracing::debug!(%log, %error, "refusals were not written down");
            }
        }
    }
}

/// The first ones as they are, and one for each caller and call of the others.
fn gathered(events: Vec<AuditEvent>) -> Vec<AuditEvent> {
    let mut listed = events;
    if listed.len() <= LISTED_AT_ONCE {
        return listed;
    }
    let mut floods: HashMap<(String, String), AuditEvent> = HashMap::new();
    for event in listed.split_off(LISTED_AT_ONCE) {
        let key = (event.principal.clone(), event.action.clone());
        match floods.get_mut(&key) {
            Some(flood) => flood.count += event.count,
            // How many callers and calls there are is bounded by what waits.
            None => {
                floods.insert(key, event);
            }
        }
    }
    listed.extend(floods.into_values());
    listed
}
