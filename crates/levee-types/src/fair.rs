//! Sharing out work that waits: deficit round robin.
//!
//! After M. Shreedhar and G. Varghese, "Efficient Fair Queueing using Deficit Round Robin", SIGCOMM 1995.

use crate::limits::MAX_PLAN_WEIGHT;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What work weighs that is not the traffic of a tenant: as much as that of any tenant can.
pub const SYSTEM_WEIGHT: u32 = MAX_PLAN_WEIGHT;

/// Items that wait, in a queue for each key. The keys take turns: in each, a key gets credit by its weight,
/// spends it on items at their costs, and keeps what is not enough for the next one.
///
/// While keys have items, what they get is in the proportion of their weights, but for one turn and the most
/// that an item costs. Items of one key stay in order; none waits for ever. A key without items is forgotten,
/// so that nobody saves up credit, and idle keys take no memory. Whoever pushes bounds how much waits.
///
/// Pushing takes constant time; so does popping, as long as a turn is worth the cost of an item, and it never
/// looks at each key more than a few times.
#[derive(Debug)]
pub struct DeficitRoundRobin<K, T> {
    quantum: u64,
    queues: HashMap<K, Queue<T>>,
    /// The keys that have items. The first has its turn.
    turns: VecDeque<K>,
    /// The first has got the credit of its turn.
    is_granted: bool,
    len: usize,
}

#[derive(Debug)]
struct Queue<T> {
    credit: u64,
    /// Never empty.
    items: VecDeque<Item<T>>,
}

#[derive(Debug)]
struct Item<T> {
    weight: u32,
    cost: u64,
    value: T,
}

impl<K: Copy + Eq + Hash, T> DeficitRoundRobin<K, T> {
    /// `quantum`: the cost that a key of weight 1 can spend in a turn, at least 1. The smaller it is, the less
    /// keys wait for each other, and the longer popping takes.
    #[must_use]
    pub fn new(quantum: u64) -> Self {
        Self {
            quantum: quantum.max(1),
            queues: HashMap::new(),
            turns: VecDeque::new(),
            is_granted: false,
            len: 0,
        }
    }

    /// Adds an item behind all others of its key. `weight`, at least 1, says what a turn is worth when this item
    /// is the next one; it may differ from item to item.
    pub fn push(&mut self, key: K, weight: u32, cost: u64, value: T) {
        let queue = match self.queues.entry(key) {
            Entry::Occupied(queue) => queue.into_mut(),
            Entry::Vacant(none) => {
                self.turns.push_back(key);
                none.insert(Queue { credit: 0, items: VecDeque::new() })
            }
        };
        queue.items.push_back(Item { weight: weight.max(1), cost, value });
        self.len += 1;
    }

    /// Takes the item whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let mut passed = 0;
        loop {
            let key = *self.turns.front()?;
            let queue = self.queues.get_mut(&key)?;
            if !self.is_granted {
                queue.credit = queue.credit.saturating_add(queue.turn(self.quantum));
                self.is_granted = true;
            }
            if let Some(item) = queue.items.pop_front_if(|item| item.cost <= queue.credit) {
                queue.credit -= item.cost;
                if queue.items.is_empty() {
                    self.queues.remove(&key);
                    self.turns.pop_front();
                    self.is_granted = false;
                }
                self.len -= 1;
                return Some(item.value);
            }
            self.turns.rotate_left(1);
            self.is_granted = false;
            passed += 1;
            if passed == self.turns.len() {
                self.skip_rounds();
                passed = 0;
            }
        }
    }

    /// Keeps the items of which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let first = self.turns.front().copied();
        self.len = 0;
        self.queues.retain(|_, queue| {
            queue.items.retain(|item| keep(&item.value));
            self.len += queue.items.len();
            !queue.items.is_empty()
        });
        self.turns.retain(|key| self.queues.contains_key(key));
        self.is_granted &= self.turns.front().copied() == first;
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When nobody can afford its next item: gives all of them the credit of as many turns as nobody could use.
    fn skip_rounds(&mut self) {
        let quantum = self.quantum;
        let rounds = self.queues.values().map(|queue| queue.turns_to_wait(quantum)).min();
        let rounds = rounds.unwrap_or(0).saturating_sub(1);
        for queue in self.queues.values_mut() {
            queue.credit = queue.credit.saturating_add(queue.turn(quantum).saturating_mul(rounds));
        }
    }
}

impl<T> Queue<T> {
    /// What a turn is worth.
    fn turn(&self, quantum: u64) -> u64 {
        let weight = self.items.front().map_or(1, |item| item.weight);
        quantum.saturating_mul(weight.into())
    }

    /// Turns until the next item can be afforded.
    fn turns_to_wait(&self, quantum: u64) -> u64 {
        let cost = self.items.front().map_or(0, |item| item.cost);
        cost.saturating_sub(self.credit).div_ceil(self.turn(quantum))
    }
}

#[cfg(test)]
mod tests;
