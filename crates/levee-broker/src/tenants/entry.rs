//! One tenant: a view of its rows that is renewed when they change, its quotas at work, and what it uses.

#[cfg(test)]
mod tests;

use super::snapshot::Snapshot;
use super::used::{Counters, Recent, TenantUse};
use crate::admission::{NodeAdmission, TenantAdmission};
use levee_storage::Shard;
use levee_types::{Clock, LeveeError, TenantId};
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
    recent: Recent,
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
        Self {
            id,
            shard: shard.clone(),
            view: Mutex::new(view),
            admission,
            used: TenantUse::default(),
            recent: Recent::default(),
        }
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
    /// What it used since the broker started.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            throttled_us: self.admission.throttled_us(),
            soft_marks: self.admission.soft_marks(),
            ..self.used.counters()
        }
    }

    /// Notes what it used in the last second. To be called every second.
    pub fn sample(&self) {
        self.recent.sample(self.counters());
    }

    /// What it used in the last seconds: no amount, but it tells the busy from the idle.
    #[must_use]
    pub fn recent(&self) -> Counters {
        self.recent.weighted()
    }

    /// A stream that counts until this is dropped.
    #[must_use]
    pub fn open_stream(self: &Arc<Self>) -> OpenStream {
        self.used.stream_opened();
        OpenStream(Arc::clone(self))
    }
}

/// An open stream of a tenant.
pub struct OpenStream(Arc<TenantEntry>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.used.stream_closed();
    }
}
