//! The queue between requests and the committer: bounded in bytes, in the order of arrival.

use crate::error::StorageError;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a command occupies beside its batch.
const OVERHEAD: usize = 1024;

/// Commands that wait for the committer.
pub(crate) struct Queue<C> {
    state: Mutex<State<C>>,
    arrived: Condvar,
    room: Arc<Semaphore>,
    capacity: usize,
}

struct State<C> {
    commands: VecDeque<Queued<C>>,
    is_closed: bool,
}

/// A command with the room that it occupies until the permit is dropped.
pub(crate) struct Queued<C> {
    command: C,
    room: OwnedSemaphorePermit,
}

impl<C> Queued<C> {
    pub(crate) fn into_parts(self) -> (C, OwnedSemaphorePermit) {
        (self.command, self.room)
    }
}

impl<C> Queue<C> {
    /// A queue for `capacity` bytes, at most 4 GiB.
    pub(crate) fn new(capacity: u64) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX).min(u32::MAX as usize);
        Self {
            state: Mutex::new(State { commands: VecDeque::new(), is_closed: false }),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(capacity)),
            capacity,
        }
    }

    /// Waits for room and adds a command of `bytes`. Nothing is added when the future is dropped before.
    pub(crate) async fn push(&self, command: C, bytes: usize) -> Result<(), StorageError> {
        let size = u32::try_from((bytes + OVERHEAD).min(self.capacity)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(size).await;
        let room = room.map_err(|_| StorageError::Stopping)?;
        let mut state = self.lock();
        if state.is_closed {
            return Err(StorageError::Stopping);
        }
        state.commands.push_back(Queued { command, room });
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes everything that waits. Waits for a command, but no longer than `patience`. `None`: the queue
    /// is closed and empty.
    pub(crate) fn take(&self, patience: Option<Duration>) -> Option<VecDeque<Queued<C>>> {
        let is_idle = |state: &mut State<C>| state.commands.is_empty() && !state.is_closed;
        let state = self.lock();
        let mut state = match patience {
            Some(patience) => {
                self.arrived
                    .wait_timeout_while(state, patience, is_idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self.arrived.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner),
        };
        if state.is_closed && state.commands.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut state.commands))
    }

    /// Refuses further commands; those that wait are still taken.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.room.close();
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
