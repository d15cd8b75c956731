//! The shard of this process, and the threads that commit for it and look after what it keeps.

use crate::codec::ProtocolCodec;
use futures::future::join_all;
use levee_storage::{Maintenance, MaintenanceStop, OpenError, RoomMaker, Shard, ShardSettings, Upkeep};
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
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// A running shard: its handle, its committer's thread, and the threads of what nobody waits for.
pub struct RunningShard {
    /// The handle.
    pub shard: Shard,
    committer: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
    maintenance: [MaintenanceStop; 2],
    maintenance_ended: [oneshot::Receiver<()>; 2],
    room_ended: oneshot::Receiver<()>,
}

impl RunningShard {
    /// Opens the shard in `dir` and starts its committer, its maintenance, and what makes room for tenants whose
    /// storage quota is used up, each on a thread of its name.
    ///
    /// # Errors
    /// When the directory cannot be opened or the thread not be started.
    pub fn start(
        dir: &Path,
        settings: ShardSettings,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Result<Self, StartError> {
        let (shard, committer) = Shard::open(dir, settings, Arc::new(ProtocolCodec), clock, random)?;
        let (running, ended) = oneshot::channel();
        let committer = thread::Builder::new().name("committer".to_owned()).spawn(move || {
            // Dropped when the thread ends, also by a panic: that is how the others hear of it.
            let _running = running;
            committer.run();
        })?;
        let (records, records_ended) = maintain(&shard, "records", Upkeep::Records)?;
        let (space, space_ended) = maintain(&shard, "space", Upkeep::Space)?;
        let room = RoomMaker::new(shard.clone());
        let (running, room_ended) = oneshot::channel();
        thread::Builder::new().name("room".to_owned()).spawn(move || {
            let _running = running;
            if let Err(error) = room.run() {
                tracing::error!(%error, "no room can be made for tenants: restart the broker");
            }
        })?;
        let maintenance = [records, space];
        let maintenance_ended = [records_ended, space_ended];
        Ok(Self { shard, committer, ended, maintenance, maintenance_ended, room_ended })
    }

    /// Resolves when the committer's thread has ended, however it did. Cancel-safe.
    pub async fn ended(&mut self) {
        // A value is never sent; what counts is that the sender is gone.
        let _ = (&mut self.ended).await;
    }

    /// Stops the shard: maintenance ends with the step that it is at, everything queued is answered and synced, the
    /// index is flushed, the thread ends. The state of the shard says whether all that succeeded; `false`: the thread
    /// panicked.
    pub async fn stop(self) -> bool {
        let Self { shard, committer, mut ended, maintenance, maintenance_ended, room_ended } = self;
        drop(maintenance);
        let committer_ended = tokio::select! {
            _ = join_all(maintenance_ended) => false,
            // Without a committer its step may never be answered.
            _ = &mut ended => true,
        };
        shard.stop();
        if !committer_ended {
            let _ = ended.await;
        }
        let _ = room_ended.await;
        committer.join().is_ok()
    }
}

/// Starts one thread of maintenance. The second half tells when it has ended.
fn maintain(
    shard: &Shard,
    name: &str,
    upkeep: Upkeep,
) -> io::Result<(MaintenanceStop, oneshot::Receiver<()>)> {
    let (worker, stop) = Maintenance::new(shard.clone(), upkeep);
    let (running, ended) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _running = running;
        if let Err(error) = worker.run() {
            tracing::error!(?upkeep, %error, "maintenance cannot start: the disk will fill up; restart the broker");
        }
    })?;
    Ok((stop, ended))
}
