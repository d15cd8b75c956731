//! Which partitions of a queue may have something to hand out, and which workers wait for it.
//!
//! Must hold: a partition that grew after it was taken out is in the queue again; as long as one is, whoever may take
//! from it is awake or takes from another one; a worker keeps its place in the line until it is served.

use levee_storage::Wake;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Partitions in the order of their turns, and workers in the order in which they came to wait.
#[derive(Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    ready: VecDeque<u32>,
    marks: Vec<Mark>,
    line: BTreeMap<u64, Arc<Notify>>,
    next_number: u64,
    /// How many have a place, whether they stand in the line or were called.
    unserved: usize,
}

#[derive(Default, Clone, Copy)]
struct Mark {
    is_ready: bool,
    has_grown: bool,
}

/// A partition whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) partition: u32,
    /// It grew since its last turn.
    pub(super) has_grown: bool,
}

/// A worker's place in the line.
#[derive(Default)]
pub(super) struct Place {
    number: Option<u64>,
    called: Arc<Notify>,
}

impl Place {
    /// Resolves when there may be something for the worker. Cancel-safe.
    pub(super) async fn called(&self) {
        self.called.notified().await;
    }

    /// Calls the worker, for another reason.
    pub(super) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.called)
    }
}

impl State {
    fn add(&mut self, partition: u32, has_grown: bool, to: impl FnOnce(&mut VecDeque<u32>, u32)) {
        let Some(mark) = self.marks.get_mut(partition as usize) else { return };
        mark.has_grown |= has_grown;
        if !mark.is_ready {
            mark.is_ready = true;
            to(&mut self.ready, partition);
        }
    }

    fn call(&mut self) {
        if !self.ready.is_empty()
            && let Some((_, first)) = self.line.pop_first()
        {
            first.notify_one();
        }
    }
}

impl Turns {
    /// Makes room for a partition, which has no turn yet. Numbers come in their order.
    pub(super) fn add_partition(&self) -> u32 {
        let mut state = self.lock();
        state.marks.push(Mark::default());
        u32::try_from(state.marks.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes the partition whose turn it is.
    pub(super) fn pop(&self) -> Option<Turn> {
        let mut state = self.lock();
        let partition = state.ready.pop_front()?;
        let Mark { has_grown, .. } = std::mem::take(&mut state.marks[partition as usize]);
        Some(Turn { partition, has_grown })
    }

    /// The partition whose turn it is.
    pub(super) fn front(&self) -> Option<u32> {
        self.lock().ready.front().copied()
    }

    /// Gives a partition a turn, after all that wait, and calls the worker that waits longest.
    pub(super) fn push(&self, partition: u32) {
        let mut state = self.lock();
        state.add(partition, false, VecDeque::push_back);
        state.call();
    }

    /// Gives a partition that was taken out its turn back.
    pub(super) fn push_front(&self, turn: Turn) {
        let mut state = self.lock();
        state.add(turn.partition, turn.has_grown, VecDeque::push_front);
        state.call();
    }

    /// Puts a worker in the line, at the place that it had if it was not served since. False: there may be something
    /// for it at once.
    pub(super) fn stand(&self, place: &mut Place) -> bool {
        let mut state = self.lock();
        if !state.ready.is_empty() {
            return false;
        }
        let number = match place.number {
            Some(number) => number,
            None => {
                state.unserved += 1;
                state.next_number += 1;
                state.next_number
            }
        };
        place.number = Some(number);
        state.line.insert(number, Arc::clone(&place.called));
        true
    }

    /// A worker got something: its next place is behind the others.
    pub(super) fn served(&self, place: &mut Place) {
        if let Some(number) = place.number.take() {
            let mut state = self.lock();
            state.unserved -= 1;
            state.line.remove(&number);
        }
    }

    /// A worker is gone, or cannot take what there is: it gives up its place, and the next one is called.
    pub(super) fn leave(&self, place: &mut Place) {
        self.served(place);
        self.lock().call();
    }

    /// How many others are before a worker that takes now.
    pub(super) fn others(&self, place: &Place) -> usize {
        self.lock().unserved - usize::from(place.number.is_some())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Turns {
    fn wake(&self, token: u32) {
        let mut state = self.lock();
        state.add(token, true, VecDeque::push_back);
        state.call();
    }
}

#[cfg(test)]
mod tests;
