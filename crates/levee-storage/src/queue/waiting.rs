//! A command that has no room yet, shared by the queue and the caller, who may go away.

use crate::error::StorageError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The queue's side.
pub(super) struct Waiting<C> {
    /// Of the room that it waits for.
    pub(super) size: usize,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// None: it was taken, or withdrawn.
    command: Option<C>,
    /// None: the caller does not wait any more.
    caller: Option<oneshot::Sender<()>>,
}

/// The caller's side: resolves when the command has room or was taken; with an error if it was refused. Dropped
/// before, it withdraws the command.
pub(super) struct Admission<C> {
    waiting: Arc<Waiting<C>>,
    admitted: oneshot::Receiver<()>,
}

/// A command for which `size` bytes of room are needed.
pub(super) fn new<C>(command: C, size: usize) -> (Arc<Waiting<C>>, Admission<C>) {
    let (caller, admitted) = oneshot::channel();
    let state = Mutex::new(State { command: Some(command), caller: Some(caller) });
    let waiting = Arc::new(Waiting { size, state });
    (Arc::clone(&waiting), Admission { waiting, admitted })
}

/// What was taken out of the queue.
pub(super) enum Taken<C> {
    /// A command for which there had been room.
    Admitted(C),
    /// A command whose caller waited until now.
    Unadmitted(C),
    /// Nothing: the caller went away.
    Withdrawn,
}

impl<C> Waiting<C> {
    /// Tells the caller that there is room; false if the command was withdrawn.
    pub(super) fn admit(&self) -> bool {
        let caller = self.lock().caller.take();
        // Who goes away at this moment is too late to withdraw.
        caller.map(|caller| caller.send(())).is_some()
    }

    pub(super) fn take(&self) -> Taken<C> {
        let mut state = self.lock();
        match (state.command.take(), state.caller.take()) {
            (Some(command), None) => Taken::Admitted(command),
            (Some(command), Some(caller)) => {
                // As above.
                let _ = caller.send(());
                Taken::Unadmitted(command)
            }
            (None, _) => Taken::Withdrawn,
        }
    }

    /// Takes the command back, if its caller still waits for room: the caller, if there is one, is refused.
    pub(super) fn withdraw(&self) {
        let mut state = self.lock();
        if state.caller.take().is_some() {
            state.command = None;
        }
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        self.lock().command.is_none()
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Future for Admission<C> {
    type Output = Result<(), StorageError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.admitted).poll(context).map_err(|_| StorageError::Stopping)
    }
}

impl<C> Drop for Admission<C> {
    fn drop(&mut self) {
        self.waiting.withdraw();
    }
}
