//! Storage calls that may wait for the disk, kept off the async workers.
//!
//! Must hold: a bounded number runs at once, also when the callers that waited for them are gone.

use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Runs blocking calls on threads of their own, a bounded number at a time. Cheap to clone.
#[derive(Clone)]
pub struct Blocking {
    tracker: TaskTracker,
    slots: Arc<Semaphore>,
}

impl Blocking {
    /// `limit` calls at once; the others wait in the order of their arrival.
    #[must_use]
    pub fn new(tracker: TaskTracker, limit: usize) -> Self {
        Self { tracker, slots: Arc::new(Semaphore::new(limit)) }
    }

    /// Runs `call` and gives its result.
    ///
    /// # Errors
    /// Those of `call`; INTERNAL if it panics.
    pub async fn run<T, E, F>(&self, call: F) -> Result<T, LeveeError>
    where
        T: Send + 'static,
        E: Into<LeveeError> + Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
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
