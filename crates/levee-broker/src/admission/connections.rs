//! Open connections of a tenant, counted exactly.

use levee_types::quota::{Action, Effective};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of a tenant.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: u64,
    quota: Option<Effective>,
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub struct ConnectionPlace {
    connections: Arc<Connections>,
    /// The limit, if this one is beyond its soft mark.
    near_limit: Option<u64>,
}

impl ConnectionPlace {
    pub(super) fn near_limit(&self) -> Option<u64> {
        self.near_limit
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.connections.lock().open -= 1;
    }
}

impl Connections {
    pub(super) fn limit(&self, quota: Option<Effective>) {
        self.lock().quota = quota;
    }

    pub(super) fn open(&self) -> u64 {
        self.lock().open
    }

    /// Takes a place; the quota if there is none left.
    pub(super) fn take(this: &Arc<Self>) -> Result<ConnectionPlace, Effective> {
        let mut state = this.lock();
        let mut near_limit = None;
        if let Some(quota) = state.quota
            && let Some(limit) = quota.limit
        {
            if state.open >= limit && quota.action != Action::Observe {
                return Err(quota);
            }
            let is_near = quota.soft_mark().is_some_and(|mark| state.open + 1 >= mark);
            near_limit = is_near.then_some(limit);
        }
        state.open += 1;
        drop(state);
        Ok(ConnectionPlace { connections: Arc::clone(this), near_limit })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
