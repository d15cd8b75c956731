//! The end of the broker: because it was told to, or because storage failed.
//!
//! Must hold: a stop takes at most 30 s; after a failed write or sync the broker ends within 1 s, also when
//! that happens during a stop; the outcome is an error whenever storage failed.

use crate::health::Readiness;
use crate::running_shard::RunningShard;
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a cut connection may still take to go.
const CUT_GRACE: Duration = Duration::from_secs(1);
/// What it may take to write down what is left.
const BOOKS_GRACE: Duration = Duration::from_millis(500);
/// What the shard may take to stop.
const STOP_GRACE: Duration = Duration::from_millis(3_500);
/// What answers may take to go out after storage failed.
const FAILURE_GRACE: Duration = Duration::from_millis(500);

/// Why the broker ended without being told to, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The plan of new tenants has no name.
    #[error("tenants.default_plan: {0}")]
    DefaultPlan(levee_types::NameError),
    /// A write or sync failed.
    #[error("storage failed, so nothing more is acknowledged: {0}")]
    StorageFailed(String),
    /// The committer's thread ended.
    #[error("the committer ended by itself; see the log above")]
    CommitterEnded,
    /// The shard did not stop.
    #[error("storage did not stop within {} ms; nothing that was acknowledged is lost", STOP_GRACE.as_millis())]
    StopTimeout,
}

/// How the broker ends.
pub(super) struct Stop {
    /// Cancelled first: connections are asked to go.
    pub(super) drain: CancellationToken,
    /// Cancelled last: connections are cut.
    pub(super) cut: CancellationToken,
    /// What must end: connections, and calls that wait for the disk.
    pub(super) tracker: TaskTracker,
    /// Cancelled when no request is left: the books are closed.
    pub(super) closing: CancellationToken,
    /// What keeps the books.
    pub(super) books: TaskTracker,
    /// What it may take to end by itself.
    pub(super) patience: Duration,
}

impl Stop {
    /// Waits for `shutdown` or a failure of storage, and ends everything.
    pub(super) async fn run(
        self,
        mut storage: RunningShard,
        mut readiness: Readiness,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let stopped = async {
            shutdown.await;
            self.drain().await;
        };
        let failure = tokio::select! {
            // After a failure the committer ends too: its reason comes first.
            biased;
            () = readiness.failed() => Some(ServeError::StorageFailed(storage.shard.status().reason)),
            () = storage.ended() => Some(ServeError::CommitterEnded),
            () = stopped => None,
        };
        match failure {
            None => stop(storage, &readiness).await,
            Some(failure) => {
                self.fail().await;
                Err(failure)
            }
        }
    }

    /// Lets what runs come to its end, for a while.
    async fn drain(&self) {
        tracing::info!("draining");
        self.drain.cancel();
        self.tracker.close();
        if timeout(self.patience, self.tracker.wait()).await.is_err() {
            tracing::warn!("cut the connections that did not end");
        }
        self.cut.cancel();
        if timeout(CUT_GRACE, self.tracker.wait()).await.is_err() {
            tracing::warn!("some calls did not end");
        }
        self.closing.cancel();
        if timeout(BOOKS_GRACE, self.books.wait()).await.is_err() {
            tracing::warn!("the last second of what tenants used was not written down");
        }
    }

    /// Lets the answers that are on their way go out.
    async fn fail(&self) {
        self.drain.cancel();
        self.tracker.close();
        // What is cut here are calls whose answers did not come; their clients do not know the outcome, and
        // neither does the broker.
        let _ = timeout(FAILURE_GRACE, self.tracker.wait()).await;
        self.cut.cancel();
    }
}

/// Stops the shard, whose last sync and flush may fail like any other.
async fn stop(storage: RunningShard, readiness: &Readiness) -> Result<(), ServeError> {
    let shard = storage.shard.clone();
    let is_whole = timeout(STOP_GRACE, storage.stop()).await.map_err(|_| ServeError::StopTimeout)?;
    if readiness.has_failed() {
        return Err(ServeError::StorageFailed(shard.status().reason));
    }
    if is_whole { Ok(()) } else { Err(ServeError::CommitterEnded) }
}
