//! A number of slots, and who gets the next one.

use super::Turn;
use levee_types::TenantId;
use levee_types::fair::DeficitRoundRobin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What a call costs beside what it reads: about what a disk reads while it looks for something.
const CALL_BYTES: u64 = 64 * 1024;
/// Of a tenant of weight 1: with the usual weight, a turn is a small call.
const QUANTUM: u64 = CALL_BYTES / 8;
/// Those that wait are looked through for callers that went away when there are so many, and then whenever they
/// have doubled.
const SWEEP_AT: usize = 1024;

/// Slots for calls.
pub(super) struct Slots(Mutex<State>);

struct State {
    free: usize,
    /// Nobody, while a slot is free.
    waiting: DeficitRoundRobin<TenantId, oneshot::Sender<Slot>>,
    sweep_at: usize,
}

/// A slot that is taken; free when it is dropped. `None`: it was passed on.
pub(super) struct Slot(Option<Arc<Slots>>);

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.pass_on();
        }
    }
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self(Mutex::new(State {
            free: limit.max(1),
            waiting: DeficitRoundRobin::new(QUANTUM),
            sweep_at: SWEEP_AT,
        }))
    }

    /// Waits for a slot.
    pub(super) async fn acquire(self: &Arc<Self>, turn: Turn) -> Slot {
        loop {
            let granted = {
                let mut state = self.lock();
                if state.free > 0 {
                    state.free -= 1;
                    return Slot(Some(Arc::clone(self)));
                }
                state.wait(turn)
            };
            // Nobody is forgotten while the slots are there; and if, then asking again is right.
            if let Ok(slot) = granted.await {
                return slot;
            }
        }
    }

    /// Gives a slot to who is next, or back.
    fn pass_on(self: Arc<Self>) {
        let mut slots = self;
        loop {
            let mut state = slots.lock();
            let Some(next) = state.waiting.pop() else {
                state.free += 1;
                return;
            };
            drop(state);
            // In a loop: many callers may have gone away.
            match next.send(Slot(Some(slots))) {
                Ok(()) => return,
                Err(mut slot) => match slot.0.take() {
                    Some(unwanted) => slots = unwanted,
                    None => return,
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, turn: Turn) -> oneshot::Receiver<Slot> {
        let (grant, granted) = oneshot::channel();
        let cost = CALL_BYTES + turn.bytes as u64;
        self.waiting.push(turn.tenant, turn.weight, cost, grant);
        if self.waiting.len() >= self.sweep_at {
            self.waiting.retain(|grant| !grant.is_closed());
            self.sweep_at = SWEEP_AT.max(self.waiting.len() * 2);
        }
        granted
    }
}

#[cfg(test)]
mod tests;
