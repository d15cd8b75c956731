//! Storage calls that may wait for the disk, kept off the async workers and shared out fairly over tenants.
//!
//! Must hold: a bounded number runs at once, also when the callers that waited for them are gone; tenants whose
//! calls wait take turns by their weight and by what the calls read.

mod slots;

use levee_types::fair::SYSTEM_WEIGHT;
use levee_types::{ErrorCode, LeveeError, TenantId};
use slots::Slots;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Runs blocking calls on threads of their own, a bounded number at a time. Cheap to clone.
#[derive(Clone)]
pub struct Blocking {
    tracker: TaskTracker,
    slots: Arc<Slots>,
}

/// What a look-up in the index may read: a block or two.
pub const LOOKUP_BYTES: usize = 8 * 1024;

/// Whose call it is, and how much it reads.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Whose turn it takes.
    pub tenant: TenantId,
    /// Of the tenant, 1 to 100.
    pub weight: u32,
    /// Bytes that it may read; 0 for very few.
    pub bytes: usize,
}

impl Turn {
    /// A small call of the system, or of an operator.
    pub const SYSTEM: Self = Self { tenant: TenantId::SYSTEM, weight: SYSTEM_WEIGHT, bytes: 0 };
}

impl Blocking {
    /// `limit` calls at once, at least 1; the others wait for their turn.
    #[must_use]
    pub fn new(tracker: TaskTracker, limit: usize) -> Self {
        Self { tracker, slots: Arc::new(Slots::new(limit)) }
    }

    /// Runs `call` when it is its turn, and gives its result. Calls of one tenant begin in their order. One that
    /// is dropped while it waits never runs.
    ///
    /// # Errors
    /// Those of `call`; INTERNAL if it panics.
    pub async fn run<T, E, F>(&self, turn: Turn, call: F) -> Result<T, LeveeError>
    where
        T: Send + 'static,
        E: Into<LeveeError> + Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let slot = self.slots.acquire(turn).await;
        let result = self
            .tracker
            .spawn_blocking(move || {
                // The thread holds the slot, not the caller: a caller that is dropped frees nothing
                // before the thread is free.
                let _slot = slot;
                call()
            })
            .await;
        match result {
            Ok(result) => result.map_err(Into::into),
            Err(error) => {
                tracing::error!(%error, "a storage call panicked");
                Err(LeveeError::new(ErrorCode::Internal, "the broker met a defect of its own"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
