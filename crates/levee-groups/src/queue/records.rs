//! The records of a window by the state that they are in.

use super::Lease;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// A record that is not done.
#[derive(Debug)]
pub(super) struct Undone {
    /// What orders it.
    pub(super) key: Option<u64>,
    pub(super) deliver_at_ms: Option<i64>,
    /// How often it was handed out.
    pub(super) deliveries: u32,
    state: State,
}

/// What a record waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Available,
    Leased {
        lease: Lease,
        until: Duration,
    },
    Delayed {
        until: Duration,
    },
    /// For a moment of the calendar.
    Scheduled {
        at_ms: i64,
    },
    /// For another record of its key.
    Waiting,
    /// To be put away.
    Dead,
}

impl Undone {
    /// A record that waits.
    pub(super) fn new(key: Option<u64>, deliver_at_ms: Option<i64>, deliveries: u32) -> Self {
        Self { key, deliver_at_ms, deliveries, state: State::Waiting }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }
}

/// The records that are not done.
#[derive(Debug, Default)]
pub(super) struct Records {
    undone: BTreeMap<u64, Undone>,
    available: BTreeSet<u64>,
    leases: BTreeMap<Lease, u64>,
    /// When leases end and delays are over.
    spans: BTreeSet<(Duration, u64)>,
    /// When records are due, in Unix milliseconds.
    moments: BTreeSet<(i64, u64)>,
}

impl Records {
    pub(super) fn len(&self) -> usize {
        self.undone.len()
    }

    pub(super) fn insert(&mut self, offset: u64, record: Undone) {
        self.undone.insert(offset, record);
    }

    pub(super) fn get(&self, offset: u64) -> Option<&Undone> {
        self.undone.get(&offset)
    }

    pub(super) fn first(&self) -> Option<(u64, &Undone)> {
        self.undone.first_key_value().map(|(offset, record)| (*offset, record))
    }

    pub(super) fn first_within(&self, offsets: &Range<u64>) -> Option<(u64, &Undone)> {
        // An empty range that is the wrong way round would not be one.
        let end = offsets.end.max(offsets.start);
        self.undone.range(offsets.start..end).next().map(|(offset, record)| (*offset, record))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Undone)> {
        self.undone.iter().map(|(offset, record)| (*offset, record))
    }

    /// Takes a record out, which is done.
    pub(super) fn remove(&mut self, offset: u64) -> Option<Undone> {
        self.enter(offset, State::Waiting);
        self.undone.remove(&offset)
    }

    /// Counts that a record is handed out; tells how often it was.
    pub(super) fn count(&mut self, offset: u64) -> u32 {
        self.undone.get_mut(&offset).map_or(0, |record| {
            record.deliveries = record.deliveries.saturating_add(1);
            record.deliveries
        })
    }

    /// Those that are available.
    pub(super) fn available(&self) -> &BTreeSet<u64> {
        &self.available
    }

    /// Those that workers have.
    pub(super) fn leases(&self) -> &BTreeMap<Lease, u64> {
        &self.leases
    }

    /// The lease or delay that is over first, and its record.
    pub(super) fn first_span(&self) -> Option<(Duration, u64)> {
        self.spans.first().copied()
    }

    /// The record that is due first.
    pub(super) fn first_moment(&self) -> Option<(i64, u64)> {
        self.moments.first().copied()
    }

    /// Takes a record from the state that it is in to another one. The only place where states change.
    pub(super) fn enter(&mut self, offset: u64, state: State) {
        let Some(record) = self.undone.get_mut(&offset) else { return };
        match std::mem::replace(&mut record.state, state) {
            State::Available => {
                self.available.remove(&offset);
            }
            State::Leased { lease, until } => {
                self.leases.remove(&lease);
                self.spans.remove(&(until, offset));
            }
            State::Delayed { until } => {
                self.spans.remove(&(until, offset));
            }
            State::Scheduled { at_ms } => {
                self.moments.remove(&(at_ms, offset));
            }
            State::Waiting | State::Dead => {}
        }
        match state {
            State::Available => {
                self.available.insert(offset);
            }
            State::Leased { lease, until } => {
                self.leases.insert(lease, offset);
                self.spans.insert((until, offset));
            }
            State::Delayed { until } => {
                self.spans.insert((until, offset));
            }
            State::Scheduled { at_ms } => {
                self.moments.insert((at_ms, offset));
            }
            State::Waiting | State::Dead => {}
        }
    }
}
