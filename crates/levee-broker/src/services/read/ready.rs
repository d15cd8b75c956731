//! Which positions of a stream may have something to read.
//!
//! Must hold: a position that grew after it was taken out is in the queue again, so that no growth is
//! missed; it is there once at most, so that the queue is as long as there are positions.

use levee_storage::Wake;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Positions in the order of their turns.
#[derive(Default)]
pub(in crate::services) struct ReadyQueue {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<u32>,
    is_queued: HashMap<u32, bool>,
}

impl ReadyQueue {
    /// Adds a position, which has its turn.
    pub(in crate::services) fn insert(&self, position: u32) {
        self.lock().is_queued.insert(position, false);
        self.push(position);
    }

    /// Forgets positions.
    pub(in crate::services) fn remove(&self, positions: &[u32]) {
        let mut state = self.lock();
        let removed: HashSet<_> =
            positions.iter().filter(|position| state.is_queued.remove(position) == Some(true)).collect();
        if !removed.is_empty() {
            state.queue.retain(|position| !removed.contains(position));
        }
    }

    /// Takes the position whose turn it is.
    pub(in crate::services) fn pop(&self) -> Option<u32> {
        let mut state = self.lock();
        let position = state.queue.pop_front()?;
        state.is_queued.insert(position, false);
        Some(position)
    }

    /// The position whose turn it is.
    pub(in crate::services) fn front(&self) -> Option<u32> {
        self.lock().queue.front().copied()
    }

    /// Gives a position another turn, after all that wait.
    pub(in crate::services) fn push(&self, position: u32) {
        if self.add(position, VecDeque::push_back) {
            self.arrived.notify_one();
        }
    }

    /// Gives a position that was taken out its turn back.
    pub(in crate::services) fn push_front(&self, position: u32) {
        self.add(position, VecDeque::push_front);
    }

    /// Resolves when something was pushed since the last call. Cancel-safe.
    pub(in crate::services) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    fn add(&self, position: u32, to: impl FnOnce(&mut VecDeque<u32>, u32)) -> bool {
        let mut state = self.lock();
        // A token that is not a position is not ours, or not any more.
        match state.is_queued.get_mut(&position) {
            Some(is_queued) if !*is_queued => {
                *is_queued = true;
                to(&mut state.queue, position);
                true
            }
            _ => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for ReadyQueue {
    fn wake(&self, token: u32) {
        self.push(token);
    }
}

#[cfg(test)]
mod tests {
    use super::ReadyQueue;
    use levee_storage::Wake as _;

    fn full(positions: u32) -> ReadyQueue {
        let queue = ReadyQueue::default();
        (0..positions).for_each(|position| queue.insert(position));
        queue
    }

    fn drain(queue: &ReadyQueue) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn positions_take_turns_and_wait_once() {
        let queue = full(3);
        queue.wake(1);
        assert_eq!(queue.pop(), Some(0));
        queue.push(0);
        queue.wake(0);
        assert_eq!(drain(&queue), [1, 2, 0]);
        queue.wake(2);
        queue.push_front(1);
        queue.wake(99);
        assert_eq!(drain(&queue), [1, 2]);
    }

    #[test]
    fn positions_that_are_gone_have_no_turn() {
        let queue = full(4);
        assert_eq!(queue.pop(), Some(0));
        queue.remove(&[0, 2, 77]);
        queue.wake(0);
        queue.wake(2);
        assert_eq!(drain(&queue), [1, 3]);
        queue.insert(2);
        assert_eq!(drain(&queue), [2]);
    }

    #[tokio::test]
    async fn growth_before_the_wait_is_not_missed() {
        let queue = full(1);
        assert_eq!(drain(&queue), [0]);
        queue.wake(0);
        queue.arrived().await;
        assert_eq!(drain(&queue), [0]);
    }
}
