//! Work that nobody waits for: records whose time is over go, tables are compacted, and the journal gives space back.
//!
//! It reads beside the committer and asks it for each change, a small one at a time, in the turn of the tenant. So it
//! is fair over tenants, and a change that does not fit any more is refused by whoever decides.

mod compaction;
mod retention;
mod room;
mod space;

pub use room::RoomMaker;

use crate::error::StorageError;
use crate::segments::SegmentStore;
use crate::shard::Shard;
use crate::status::ShardState;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::watch;

/// Between two looks at all topics.
const INTERVAL: Duration = Duration::from_secs(2);
/// The same when the one before has found something to do: then there may soon be more. And between two looks at how
/// much the journal has grown, which cost nothing.
const SHORT_INTERVAL: Duration = Duration::from_millis(200);

/// Between two attempts on what has a damaged batch.
const DAMAGED: Duration = Duration::from_secs(600);

/// What one thread of maintenance does. Each has its own, because space must come back while a pass over a table goes
/// on, which makes more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Records go: by their age, and by compaction.
    Records,
    /// The journal gives space back.
    Space,
}

/// Does the work. Give it a thread of its own.
pub struct Maintenance<S> {
    upkeep: Upkeep,
    shard: Shard<S>,
    state: watch::Receiver<ShardState>,
    stopped: Receiver<()>,
    /// This look has found something to do.
    is_busy: bool,
    space: space::Space,
    compaction: compaction::Schedule,
    looks: retention::Looks,
}

/// Keeps [`Maintenance::run`] going until it is dropped.
#[derive(Debug)]
pub struct MaintenanceStop(#[expect(dead_code, reason = "dropping it is the signal")] Sender<()>);

impl<S: SegmentStore> Maintenance<S> {
    /// For a shard. Dropping the other half ends it after the step that it is at.
    #[must_use]
    pub fn new(shard: Shard<S>, upkeep: Upkeep) -> (Self, MaintenanceStop) {
        let (sender, stopped) = channel();
        let maintenance = Self {
            upkeep,
            is_busy: false,
            state: shard.watch_state(),
            stopped,
            looks: retention::Looks::new(&**shard.clock()),
            space: space::Space::default(),
            compaction: compaction::Schedule::default(),
            shard,
        };
        (maintenance, MaintenanceStop(sender))
    }

    /// Works until it is told to stop.
    ///
    /// # Errors
    /// The system has no resources for it.
    pub fn run(mut self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().build()?;
        // At once: after a full disk there may be room only now, before much is written.
        loop {
            runtime.block_on(self.look());
            let is_soon = std::mem::take(&mut self.is_busy) || self.upkeep == Upkeep::Space;
            if !self.waits(if is_soon { SHORT_INTERVAL } else { INTERVAL }) {
                return Ok(());
            }
        }
    }

    /// One look at everything that is its work.
    pub(crate) async fn look(&mut self) {
        match self.upkeep {
            Upkeep::Records => {
                self.report("retention", Self::retention).await;
                self.report("compaction", Self::compaction).await;
            }
            Upkeep::Space => self.report("space", Self::space).await,
        }
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&mut self) -> bool {
        !std::mem::take(&mut self.is_busy)
    }

    /// Does a part of a look, if it is to go on. What fails is tried again at the next look.
    async fn report(
        &mut self,
        part: &'static str,
        work: impl AsyncFnOnce(&mut Self) -> Result<(), StorageError>,
    ) {
        if self.goes_on()
            && let Err(error) = work(self).await
            && self.goes_on()
        {
            tracing::error!(part, %error, "maintenance failed; it is tried again");
        }
    }

    /// Whether there is anything to do: asked before each step.
    fn goes_on(&self) -> bool {
        *self.state.borrow() == ShardState::Serving && self.stopped.try_recv() == Err(TryRecvError::Empty)
    }

    /// Waits, but not when it is told to stop. Tells whether it goes on.
    fn waits(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}
