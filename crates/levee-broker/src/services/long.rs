//! What a call begins and what takes long: it goes on when the caller leaves, and beside all other calls.
//!
//! Must hold: few go on at once, whoever began them; tenants whose calls wait take turns; a stop of the broker ends
//! them where they wait, or where they ask.

use crate::blocking::{Blocking, Turn};
use levee_types::{ErrorCode, LeveeError};
use std::future::Future;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many go on at once. What they read and write is paced by the disk: more would only take turns there.
const AT_ONCE: usize = 2;

/// Runs what takes long. Cheap to clone.
#[derive(Clone)]
pub(super) struct Long {
    slots: Blocking,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Long {
    /// `stop`: the broker begins to stop.
    pub(super) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { slots: Blocking::new(tasks.clone(), AT_ONCE), tasks, stop }
    }

    /// Whether `work` that has nothing to wait for is to end.
    ///
    /// # Errors
    /// UNAVAILABLE: the broker stops.
    pub(super) fn goes_on(&self) -> Result<(), LeveeError> {
        if self.stop.is_cancelled() { Err(stopping()) } else { Ok(()) }
    }

    /// Begins `work`, which may block between its steps, when it is its turn. It is done also if nobody waits for it.
    ///
    /// # Errors
    /// Those of `work`; UNAVAILABLE: the broker stops.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl Future<Output = Result<T, LeveeError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, LeveeError>> + Send + 'static {
        let (slots, stop, runtime) = (self.slots.clone(), self.stop.clone(), Handle::current());
        let until_stop = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => Err(stopping()),
                done = work => done,
            }
        };
        let begun =
            self.tasks.spawn(async move { slots.run(turn, move || runtime.block_on(until_stop)).await });
        async move {
            begun.await.unwrap_or_else(|error| {
                tracing::error!(%error, "what a call began panicked");
                Err(LeveeError::new(ErrorCode::Internal, "the broker met a defect of its own"))
            })
        }
    }
}

fn stopping() -> LeveeError {
    LeveeError::new(ErrorCode::Unavailable, "the broker stops, and it was not done to the end")
        .with_hint("ask for it again; what was done is done")
}
