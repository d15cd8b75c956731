//! One tenant: a view of its rows that is renewed when they change, its quotas at work, and what it uses.

#[cfg(test)]
mod tests;

use super::snapshot::Snapshot;
use crate::admission::{NodeAdmission, TenantAdmission};
use levee_storage::{ServiceUse, Shard};
use levee_types::{Clock, LeveeError, TenantId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// One tenant.
pub struct TenantEntry {
    id: TenantId,
    shard: Shard,
    view: Mutex<View>,
    /// What it may use.
    pub admission: Arc<TenantAdmission>,
    /// What it used.
    pub used: TenantUse,
}

struct View<S = Snapshot> {
    changes: watch::Receiver<()>,
    snapshot: Option<Arc<S>>,
}

impl<S> View<S> {
    fn new(changes: watch::Receiver<()>) -> Self {
        Self { changes, snapshot: None }
    }

    /// What was read last, unless it has changed since.
    fn current(
        &mut self,
        read: impl FnOnce() -> Result<Option<Arc<S>>, LeveeError>,
    ) -> Result<Option<Arc<S>>, LeveeError> {
        let is_current = self.snapshot.is_some() && matches!(self.changes.has_changed(), Ok(false));
        if !is_current {
            // Marked as seen before it is read: what changes meanwhile is read again.
            self.changes.borrow_and_update();
            // If it cannot be read, what it was before must not be served.
            self.snapshot = None;
            self.snapshot = read()?;
        }
        Ok(self.snapshot.clone())
    }
}

impl TenantEntry {
    pub(super) fn new(
        id: TenantId,
        shard: &Shard,
        clock: &Arc<dyn Clock>,
        node: &Arc<NodeAdmission>,
    ) -> Self {
        let view = View::new(shard.watch_tenant(id));
        let admission = Arc::new(TenantAdmission::new(Arc::clone(clock), Arc::clone(node)));
        Self { id, shard: shard.clone(), view: Mutex::new(view), admission, used: TenantUse::default() }
    }

    /// Never reused.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.id
    }

    /// The tenant as it is now. None: it is gone.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn snapshot(&self) -> Result<Option<Arc<Snapshot>>, LeveeError> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if view.changes.has_changed().is_err() {
            *view = View::new(self.shard.watch_tenant(self.id));
        }
        view.current(|| {
            let snapshot = Snapshot::read(&self.shard, self.id)?.map(Arc::new);
            if let Some(snapshot) = &snapshot {
                self.admission.apply(snapshot.limits());
            }
            Ok(snapshot)
        })
    }

    /// Resolves at each change of the tenant from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shard.watch_tenant(self.id)
    }
}

/// What a tenant used of the service since that was written down last.
#[derive(Debug, Default)]
pub struct TenantUse {
    bytes_out: AtomicU64,
    records_out: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    peak_connections: AtomicU64,
}

impl TenantUse {
    /// Batches were sent to a reader.
    pub fn sent(&self, bytes: u64, records: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        self.records_out.fetch_add(records, Ordering::Relaxed);
    }

    /// A call, or a message within a stream.
    pub fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection more.
    pub fn connected(&self) {
        let now = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak_connections.fetch_max(now, Ordering::Relaxed);
    }

    /// A connection less.
    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes what is to be written down. None: nothing was used.
    pub fn take(&self) -> Option<ServiceUse> {
        let open = self.connections.load(Ordering::Relaxed);
        let used = ServiceUse {
            bytes_out: self.bytes_out.swap(0, Ordering::Relaxed),
            records_out: self.records_out.swap(0, Ordering::Relaxed),
            requests: self.requests.swap(0, Ordering::Relaxed),
            peak_connections: self.peak_connections.swap(open, Ordering::Relaxed).max(open),
        };
        let is_idle = used.bytes_out == 0 && used.requests == 0 && used.peak_connections == open;
        (!is_idle).then_some(used)
    }

    /// Puts back what could not be written down.
    pub fn put_back(&self, used: ServiceUse) {
        self.sent(used.bytes_out, used.records_out);
        self.requests.fetch_add(used.requests, Ordering::Relaxed);
        self.peak_connections.fetch_max(used.peak_connections, Ordering::Relaxed);
    }
}
