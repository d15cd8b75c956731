//! What is written down beside the requests: what tenants used of the service, what was refused, and the end of
//! tenants and transactions whose time has come.

use crate::audit::AuditWriter;
use crate::tenants::Tenants;
use levee_storage::AuditEvent;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often use is written down: what a crash loses of it at most.
const USE_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is looked for tenants that are to be deleted.
const PURGE_INTERVAL: Duration = Duration::from_secs(5);

/// How often it is looked for transactions that have been open for too long: one key is read.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(250);

/// Keeps the books.
pub struct Bookkeeping {
    /// The tenants.
    pub tenants: Tenants,
    /// Writes refusals.
    pub refusals: AuditWriter,
}

impl Bookkeeping {
    /// Keeps them until `closing`, and then writes what is left.
    pub async fn run(self, closing: CancellationToken) {
        let Self { tenants, refusals } = self;
        tokio::join!(
            refusals.run(closing.clone()),
            write_use(&tenants, &closing),
            purge(&tenants, &closing),
            expire(&tenants, &closing)
        );
    }
}

async fn write_use(tenants: &Tenants, closing: &CancellationToken) {
    let mut interval = tokio::time::interval(USE_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_open = true;
    while is_open {
        tokio::select! {
            _ = interval.tick() => {}
            () = closing.cancelled() => is_open = false,
        }
        let known = tenants.known();
        known.iter().for_each(|tenant| tenant.sample());
        let used: Vec<_> =
            known.iter().filter_map(|tenant| Some((tenant.id(), tenant.used.take()?))).collect();
        if used.is_empty() {
            continue;
        }
        if let Err(error) = tenants.shard().use_service(used.clone()).await {
            tracing::debug!(%error, "what tenants used was not written down");
            for tenant in known {
                let unwritten = used.iter().find(|(id, _)| *id == tenant.id());
                unwritten.iter().for_each(|(_, used)| tenant.used.put_back(*used));
            }
        }
    }
}

async fn purge(tenants: &Tenants, closing: &CancellationToken) {
    let receipt = AuditEvent {
        principal: "system".to_owned(),
        action: "PurgeTenant".to_owned(),
        count: 1,
        ..AuditEvent::default()
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
            () = closing.cancelled() => return,
        }
        if let Err(error) = tenants.shard().purge_tenants(tenants.clock().unix_ms(), &receipt).await {
            tracing::warn!(%error, "tenants whose time has come were not deleted; trying again");
        }
    }
}

async fn expire(tenants: &Tenants, closing: &CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_INTERVAL) => {}
            () = closing.cancelled() => return,
        }
        if let Err(error) = tenants.shard().abort_expired_transactions(tenants.clock().unix_ms()).await {
            tracing::debug!(%error, "transactions whose time is over were not aborted; trying again");
        }
    }
}
