//! The queue between requests and the committer: fair over tenants, bounded in bytes.
//!
//! Tenants take turns by deficit round robin. Commands of one tenant are taken in the order in which they came.
//! A command takes part from the moment it comes, also when there is no room for it: then its caller waits, until
//! room is free or the command is taken. So a tenant that fills its room, or all of it, holds up only itself.
//!
//! Must hold: what callers do not wait for any more stays within the bounds; a command whose caller went away
//! while it waited is not taken; a tenant without commands takes no memory.

mod rooms;
mod waiting;

use crate::error::StorageError;
use levee_types::TenantId;
use levee_types::fair::DeficitRoundRobin;
use levee_types::limits::MAX_PLAN_WEIGHT;
use rooms::Rooms;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use waiting::Waiting;

/// Commands that wait are looked through for those whose callers went away when so many wait, and then whenever
/// they have doubled: that takes constant time for each, and bounds what those occupy.
const SWEEP_AT: usize = 1024;

/// Commands that wait for the committer. Cheap to clone.
pub(crate) struct Queue<C>(Arc<Shared<C>>);

impl<C> Clone for Queue<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<C> {
    state: Mutex<State<C>>,
    arrived: Condvar,
    group_bytes: u64,
}

struct State<C> {
    commands: DeficitRoundRobin<TenantId, Held<C>>,
    rooms: Rooms<C>,
    sweep_at: usize,
    is_closed: bool,
}

/// What a command claims.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Of the tenant, 1 to 100.
    pub(crate) weight: u32,
    /// Bytes that it holds.
    pub(crate) bytes: usize,
    /// What it adds to a group, in bytes; [`Claim::WHOLE_GROUP`] if none can come behind it.
    pub(crate) cost: u64,
}

impl Claim {
    /// The cost of a command that ends its group: no other shares the sync with those behind it.
    pub(crate) const WHOLE_GROUP: u64 = u64::MAX;
}

/// A command in the queue.
struct Held<C> {
    tenant: TenantId,
    /// Of the room.
    size: usize,
    cost: u64,
    command: Place<C>,
}

enum Place<C> {
    /// There was room at once.
    Here(C),
    /// Its caller waits, or did.
    Waiting(Arc<Waiting<C>>),
}

/// A command with the room that it occupies until the room is dropped.
pub(crate) struct Queued<C> {
    command: C,
    room: Room<C>,
}

impl<C> Queued<C> {
    pub(crate) fn into_parts(self) -> (C, Room<C>) {
        (self.command, self.room)
    }
}

/// Room that is occupied.
pub(crate) struct Room<C> {
    shared: Arc<Shared<C>>,
    tenant: TenantId,
    size: usize,
}

impl<C> Drop for Room<C> {
    fn drop(&mut self) {
        self.shared.lock().rooms.free(self.tenant, self.size);
    }
}

impl<C> Queue<C> {
    /// A queue with room for `capacity` bytes. About `group_bytes` are taken at a time.
    pub(crate) fn new(capacity: u64, group_bytes: u64) -> Self {
        // With the largest weight, a turn is a group: nobody's turn puts off the others by more, and a change, which
        // takes a whole group, leaves no credit behind.
        let quantum = group_bytes.div_ceil(u64::from(MAX_PLAN_WEIGHT));
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                commands: DeficitRoundRobin::new(quantum),
                rooms: Rooms::new(usize::try_from(capacity).unwrap_or(usize::MAX)),
                sweep_at: SWEEP_AT,
                is_closed: false,
            }),
            arrived: Condvar::new(),
            group_bytes,
        }))
    }

    /// Adds a command, behind those of its tenant that were added before, and waits until there is room for it
    /// or until it is taken. When the future is dropped while it waits, nothing is added.
    pub(crate) async fn push(&self, command: C, claim: Claim) -> Result<(), StorageError> {
        let admission = {
            let mut state = self.0.lock();
            if state.is_closed {
                return Err(StorageError::Stopping);
            }
            state.add(command, claim, self.0.group_bytes)
        };
        self.0.arrived.notify_one();
        match admission {
            Some(admission) => admission.await,
            None => Ok(()),
        }
    }

    /// Takes about a group of the commands that wait, those whose turn it is. Waits for one, but no longer than
    /// `patience`. `None`: the queue is closed and empty.
    pub(crate) fn take(&self, patience: Option<Duration>) -> Option<VecDeque<Queued<C>>> {
        let is_idle = |state: &mut State<C>| state.commands.is_empty() && !state.is_closed;
        let state = self.0.lock();
        let mut state = match patience {
            Some(patience) => {
                self.0
                    .arrived
                    .wait_timeout_while(state, patience, is_idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self.0.arrived.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner),
        };
        if state.is_closed && state.commands.is_empty() {
            return None;
        }
        let mut taken = VecDeque::new();
        let mut cost = 0;
        while cost < self.0.group_bytes
            && let Some(held) = state.commands.pop()
        {
            let Held { tenant, size, cost: its_cost, .. } = held;
            if let Some(command) = state.rooms.take(held) {
                cost += its_cost;
                taken.push_back(Queued { command, room: Room { shared: Arc::clone(&self.0), tenant, size } });
            }
        }
        Some(taken)
    }

    /// Refuses further commands, and those that have no room; the others are still taken.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        state.rooms.close();
        state.sweep();
        drop(state);
        self.0.arrived.notify_one();
    }
}

impl<C> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    /// Adds a command; gives what its caller has to wait for.
    fn add(&mut self, command: C, claim: Claim, group_bytes: u64) -> Option<waiting::Admission<C>> {
        let Claim { tenant, weight, bytes, cost } = claim;
        let size = self.rooms.size(bytes);
        let cost = if cost == Claim::WHOLE_GROUP { group_bytes } else { cost };
        let (command, admission) = if self.rooms.occupy(tenant, size) {
            (Place::Here(command), None)
        } else {
            let (waiting, admission) = waiting::new(command, size);
            self.rooms.wait(tenant, Arc::clone(&waiting));
            (Place::Waiting(waiting), Some(admission))
        };
        self.commands.push(tenant, weight, cost, Held { tenant, size, cost, command });
        if self.commands.len() >= self.sweep_at {
            self.sweep();
        }
        admission
    }

    /// Forgets commands whose callers went away.
    fn sweep(&mut self) {
        self.commands.retain(|held| !held.is_withdrawn());
        self.rooms.sweep();
        self.sweep_at = SWEEP_AT.max(self.commands.len() * 2);
    }
}

impl<C> Held<C> {
    fn is_withdrawn(&self) -> bool {
        matches!(&self.command, Place::Waiting(waiting) if waiting.is_withdrawn())
    }
}

#[cfg(test)]
mod tests;
