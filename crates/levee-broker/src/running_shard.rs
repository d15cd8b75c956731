//! The shard of this process and the thread that commits for it.

use levee_storage::{OpenError, Shard, ShardSettings};
use levee_types::{Clock, Random};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// Why the shard could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("cannot open the data directory: {0}")]
    Open(#[from] OpenError),
    /// There is no thread to be had.
    #[error("cannot start the committer thread: {0}")]
    Thread(#[from] io::Error),
}

/// A running shard: its handle, and its committer's thread.
pub struct RunningShard {
    /// The handle.
    pub shard: Shard,
    committer: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

impl RunningShard {
    /// Opens the shard in `dir` and starts its committer on a thread named `committer`.
    ///
    /// # Errors
    /// When the directory cannot be opened or the thread not be started.
    pub fn start(
        dir: &Path,
        settings: ShardSettings,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Result<Self, StartError> {
        let (shard, committer) = Shard::open(dir, settings, clock, random)?;
        let (running, ended) = oneshot::channel();
        let committer = thread::Builder::new().name("committer".to_owned()).spawn(move || {
            // Dropped when the thread ends, also by a panic: that is how the others hear of it.
            let _running = running;
            committer.run();
        })?;
        Ok(Self { shard, committer, ended })
    }

    /// Resolves when the committer's thread has ended, however it did. Cancel-safe.
    pub async fn ended(&mut self) {
        // A value is never sent; what counts is that the sender is gone.
        let _ = (&mut self.ended).await;
    }

    /// Stops the shard: everything queued is answered and synced, the index is flushed, the thread ends. The
    /// state of the shard says whether all that succeeded; `false`: the thread panicked.
    pub async fn stop(mut self) -> bool {
        self.shard.stop();
        self.ended().await;
        self.committer.join().is_ok()
    }
}
