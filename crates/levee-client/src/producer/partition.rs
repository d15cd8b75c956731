//! The batches of one partition, and what may be sent next. What an answer means is in [`answers`].
//!
//! Must hold, when the producer is idempotent:
//! * The broker stores batches in the order of their sequences, and each once. A batch keeps its bytes
//!   and its sequence for as long as a copy of it may be under way: it is never given another sequence
//!   once its outcome may be "stored".
//! * After a batch failed, nothing behind it can be stored under the sequence it has: there is a [`Gap`].
//!   What certainly is not stored goes back to the queue, in order, and gets a new sequence; what may be
//!   stored is asked for once more, and fails if the broker does not know it.
//! * Sequences are used again only if no copy of any batch with such a sequence can be under way.
//!   Otherwise the producer needs a new epoch, which shuts out stray copies.
//! * Nothing new is sent while a batch waits to be sent again, or while there is a gap.

mod answers;

pub(super) use answers::Effect;

use super::batch::{Batch, Encoded, Entry, Stored};
use crate::config::ProducerSettings;
use crate::error::Error;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Generations of the batches that were answered for good, for `flush`.
pub(super) type Settled = Vec<u64>;

/// Whether sequences are missing at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    None,
    /// The broker certainly has nothing from this sequence on, and no copies are under way: go on there.
    Rewind(u64),
    /// What the broker has, or will get from stray copies, is not known: go on with a new epoch.
    Renew,
}

impl Gap {
    fn widen(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, gap) | (gap, Self::None) => gap,
            (Self::Rewind(one), Self::Rewind(other)) => Self::Rewind(one.min(other)),
            (Self::Renew, _) | (_, Self::Renew) => Self::Renew,
        }
    }
}

/// What can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Send {
        encoded: Encoded,
        sequence: u64,
    },
    /// A batch waits to be sent again.
    Later,
    Nothing,
}

pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) number: u32,
    idempotent: bool,
    /// Not sent yet, in order.
    queue: VecDeque<Batch>,
    /// Was sent, certainly is not stored, goes back to the queue when `sent` is empty. In order.
    returned: VecDeque<Batch>,
    /// Sent, outcome open, in order. Without `sent_as` it waits to be sent again.
    sent: VecDeque<Batch>,
    next_sequence: u64,
    gap: Gap,
    /// It is in the machine's list of partitions to look at.
    pub(super) is_ready: bool,
    /// It is in the machine's heap of timeouts.
    pub(super) is_watched: bool,
}

impl Partition {
    pub(super) fn new(topic: Arc<str>, number: u32, idempotent: bool) -> Self {
        Self {
            topic,
            number,
            idempotent,
            queue: VecDeque::new(),
            returned: VecDeque::new(),
            sent: VecDeque::new(),
            next_sequence: 0,
            gap: Gap::None,
            is_ready: false,
            is_watched: false,
        }
    }

    pub(super) fn gap(&self) -> Gap {
        self.gap
    }

    /// Batches whose outcome is open.
    pub(super) fn unresolved(&self) -> usize {
        self.sent.len()
    }

    /// When the oldest record came.
    pub(super) fn oldest(&self) -> Option<Duration> {
        [&self.sent, &self.returned, &self.queue]
            .into_iter()
            .filter_map(|list| list.front())
            .map(|batch| batch.created)
            .min()
    }

    /// Takes a record, into a batch that began at `oldest` or later. Tells whether it began one.
    pub(super) fn push(&mut self, entry: Entry, now: Duration, oldest: Duration, generation: u64) -> bool {
        let batch_bytes = entry.batch_bytes;
        let rejected = match self.queue.back_mut() {
            Some(last) => {
                let rejected = if last.created < oldest { Some(entry) } else { last.add(entry) };
                let Some(entry) = rejected else {
                    last.is_due |= last.is_full(batch_bytes);
                    return false;
                };
                last.is_due = true;
                entry
            }
            None => entry,
        };
        let mut batch = Batch::new(rejected, now, generation);
        batch.is_due = batch.is_full(batch_bytes);
        self.queue.push_back(batch);
        true
    }

    /// Batches that began at `created` or before need not wait for more records.
    pub(super) fn make_due(&mut self, created: Duration) {
        // All but the last are due since it began.
        if let Some(last) = self.queue.back_mut().filter(|last| last.created <= created) {
            last.is_due = true;
        }
    }

    /// What to send now, under the number `request`. `may_begin`: batches that were not sent before may
    /// be; `may_repeat`: those that were may be.
    pub(super) fn next(
        &mut self,
        request: u64,
        may_begin: bool,
        may_repeat: bool,
        settings: &ProducerSettings,
        settled: &mut Settled,
    ) -> Next {
        if let Some(at) = self.sent.iter().position(|batch| batch.sent_as.is_none()) {
            // Answers to earlier copies come first, so that everything is sent again in order.
            if self.idempotent && self.sent.iter().skip(at).any(|batch| batch.sent_as.is_some()) {
                return Next::Nothing;
            }
            if !may_repeat {
                return Next::Later;
            }
            return self.send(at, request, settings, settled);
        }
        while may_begin && self.gap == Gap::None && self.sent.len() < settings.max_in_flight {
            let Some(mut batch) = self.queue.pop_front_if(|batch| batch.is_due) else { break };
            batch.sequence = self.next_sequence;
            let records = batch.records();
            self.sent.push_back(batch);
            let next = self.send(self.sent.len() - 1, request, settings, settled);
            if matches!(next, Next::Send { .. }) {
                self.next_sequence += records;
                return next;
            }
        }
        Next::Nothing
    }

    fn send(&mut self, at: usize, request: u64, settings: &ProducerSettings, settled: &mut Settled) -> Next {
        let batch = &mut self.sent[at];
        match batch.encode(settings.compression) {
            Ok(encoded) => {
                batch.sent_as = Some(request);
                Next::Send { encoded, sequence: batch.sequence }
            }
            // It never had a copy under way, and its sequence is free: the first encoding failed.
            Err(error) => {
                self.settle(at, &Err(error), settled);
                Next::Nothing
            }
        }
    }

    /// Fails what came at `created` or before and has no outcome yet.
    pub(super) fn expire(&mut self, created: Duration, error: &Error, settled: &mut Settled) {
        while self.sent.front().is_some_and(|batch| batch.created <= created) {
            self.give_up(0, error.clone(), settled);
        }
        for list in [&mut self.returned, &mut self.queue] {
            while let Some(batch) = list.pop_front_if(|batch| batch.created <= created) {
                settled.push(batch.generation);
                batch.resolve(self.number, &Err(error.clone()));
            }
        }
        self.close_gap();
    }

    /// Fails everything.
    pub(super) fn abandon(&mut self, error: &Error, settled: &mut Settled) {
        while !self.sent.is_empty() {
            self.give_up(0, error.clone(), settled);
        }
        for batch in self.returned.drain(..).chain(self.queue.drain(..)) {
            settled.push(batch.generation);
            batch.resolve(self.number, &Err(error.clone()));
        }
        self.close_gap();
    }

    /// The producer has a new epoch, in which nothing was sent yet.
    pub(super) fn renewed(&mut self) {
        debug_assert!(self.sent.is_empty() && self.returned.is_empty());
        self.next_sequence = 0;
        self.gap = Gap::None;
    }

    /// Ends a batch without an answer to wait for.
    fn give_up(&mut self, at: usize, error: Error, settled: &mut Settled) {
        let batch = &mut self.sent[at];
        batch.maybe_stored |= batch.sent_as.is_some();
        if self.idempotent {
            self.fail(at, error, settled);
        } else {
            let error = if batch.maybe_stored { error.with_unknown_outcome() } else { error };
            self.settle(at, &Err(error), settled);
        }
    }

    /// Ends a batch that this attempt certainly did not store.
    fn fail(&mut self, at: usize, error: Error, settled: &mut Settled) {
        let batch = &self.sent[at];
        let (error, gap) = if batch.maybe_stored {
            (error.with_unknown_outcome(), Gap::Renew)
        } else {
            (error, Gap::Rewind(batch.sequence))
        };
        self.gap = self.gap.widen(gap);
        self.settle(at, &Err(error), settled);
        self.take_back_idle();
    }

    /// Batches that wait to be sent again and have no copy anywhere need not be, behind a gap.
    fn take_back_idle(&mut self) {
        let is_idle = |batch: &Batch| batch.sent_as.is_none() && !batch.maybe_stored;
        while let Some(at) = self.sent.iter().position(is_idle) {
            self.take_back(at);
        }
    }

    fn take_back(&mut self, at: usize) {
        let Some(mut batch) = self.sent.remove(at) else { return };
        self.gap = self.gap.widen(Gap::Rewind(batch.sequence));
        batch.sent_as = None;
        let place = self.returned.partition_point(|other| other.sequence < batch.sequence);
        self.returned.insert(place, batch);
    }

    /// Once every outcome is known, what came back is sent before anything else.
    fn close_gap(&mut self) {
        if !self.sent.is_empty() {
            return;
        }
        while let Some(batch) = self.returned.pop_back() {
            self.queue.push_front(batch);
        }
        if let Gap::Rewind(sequence) = self.gap {
            self.next_sequence = sequence;
            self.gap = Gap::None;
        }
    }

    fn settle(&mut self, at: usize, outcome: &Result<Stored, Error>, settled: &mut Settled) {
        if let Some(batch) = self.sent.remove(at) {
            settled.push(batch.generation);
            batch.resolve(self.number, outcome);
        }
    }
}
