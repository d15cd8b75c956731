//! What a read stream reads: its positions, and what fits into the next message.

use super::message::Message;
use super::positions::{Resolved, in_position};
use super::ready::ReadyQueue;
use super::share::EGRESS_SHARE_BYTES;
use crate::admission::Reservation;
use crate::authorize::{InTenant, Permit};
use crate::blocking::Blocking;
use crate::fields::invalid;
use levee_proto::v1;
use levee_storage::{Cached, Fetched, Subscription, Topic, Wake};
use levee_types::limits::MAX_READ_CREDIT;
use levee_types::{LeveeError, PartitionId};
use std::collections::HashSet;
use std::sync::Arc;

/// What is being read.
pub(super) struct Reading {
    positions: Vec<Position>,
    ready: Arc<ReadyQueue>,
    /// Bytes of batches that may be sent; below 0, what was sent in excess.
    credit: i64,
    /// Positions that have not reached where they stop; none ever does without `stop_at_end`.
    unfinished: usize,
}

struct Position {
    topic: Arc<Topic>,
    partition: PartitionId,
    next: u64,
    stop_at: Option<u64>,
    _subscription: Subscription,
}

impl Reading {
    /// # Errors
    /// A partition is named twice.
    pub(super) fn new(
        permit: &Permit<InTenant>,
        resolved: Vec<Resolved>,
        credit: u64,
        stop_at_end: bool,
    ) -> Result<Self, LeveeError> {
        refuse_repeated(&resolved)?;
        let count = u32::try_from(resolved.len()).unwrap_or(u32::MAX);
        // Every position has a turn at first, so what is there already is found without being told.
        let ready = Arc::new(ReadyQueue::full(count));
        let positions: Vec<_> = (0..count)
            .zip(resolved)
            .map(|(token, Resolved { topic, partition, offset, log })| {
                let wake = Arc::clone(&ready) as Arc<dyn Wake>;
                Position {
                    topic,
                    partition,
                    next: offset,
                    stop_at: stop_at_end.then_some(log.end),
                    _subscription: permit.shard().subscribe(partition, wake, token),
                }
            })
            .collect();
        let unfinished = positions.iter().filter(|position| !position.is_finished()).count();
        let mut reading = Self { positions, ready, credit: 0, unfinished };
        reading.grant(credit);
        Ok(reading)
    }

    /// Adds to the credit.
    pub(super) fn grant(&mut self, bytes: u64) {
        let max = i64::try_from(MAX_READ_CREDIT).unwrap_or(i64::MAX);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(bytes).min(max);
    }

    /// Whether anything may be sent.
    pub(super) fn has_credit(&self) -> bool {
        self.credit > 0
    }

    /// Whether every position has reached where it stops.
    pub(super) fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// The topic of the position whose turn it is, if there may be something to read.
    pub(super) fn next_topic(&self) -> Option<&Topic> {
        self.ready.front().map(|index| &*self.positions[index as usize].topic)
    }

    /// Resolves when there may be something to read.
    pub(super) async fn arrived(&self) {
        self.ready.arrived().await;
    }

    /// Whether `permit` allows to read all that is being read.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`
    pub(super) fn require(&self, permit: &Permit<InTenant>) -> Result<(), LeveeError> {
        // Most streams read the partitions of few topics, one after the other.
        let mut last = None;
        for Position { topic, .. } in &self.positions {
            if last != Some(topic.id) {
                permit.require(topic.name.as_str())?;
                last = Some(topic.id);
            }
        }
        Ok(())
    }

    /// Fetches what fits into one message and the share, position after position. Empty: none has anything to read.
    ///
    /// Dropped while it waits for the disk, it loses nothing but the turn of a position, and with it the
    /// stream is gone.
    pub(super) async fn fill(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
        share: Reservation,
    ) -> Result<Vec<v1::StoredBatch>, LeveeError> {
        let allowed = if share.is_limited() { EGRESS_SHARE_BYTES } else { usize::MAX };
        // The share may be that of a topic.
        let only = self.next_topic().filter(|_| share.is_limited()).map(|topic| topic.id);
        let mut message = Message::default();
        while let Some(room) = message.room(self.credit, allowed) {
            let Some(index) = self.ready.pop() else { break };
            let position = &self.positions[index as usize];
            if position.is_finished() {
                continue;
            }
            if only.is_some_and(|only| only != position.topic.id) {
                self.ready.push_front(index);
                break;
            }
            let (partition, next) = (position.partition, position.next);
            let (batches, end) = match permit.shard().fetch_cached(partition, next, room) {
                Cached::Batches(batches, end) => (batches, end),
                Cached::AtEnd(_) => continue,
                Cached::Miss if !message.is_empty() => {
                    // What is there goes out before anything waits for the disk.
                    self.ready.push_front(index);
                    break;
                }
                Cached::Miss => {
                    metrics::counter!("levee_cold_reads_total").increment(1);
                    let (shard, turn) = (permit.shard().clone(), permit.turn(room));
                    let fetched = blocking.run(turn, move || shard.fetch(partition, next, room)).await;
                    let Fetched { batches, end } =
                        fetched.map_err(|error| in_position(index as usize, error))?;
                    (batches, end)
                }
            };
            let sent = message.add(index, batches, end, room);
            self.advance(index, sent, end);
        }
        self.credit -= i64::try_from(message.batch_bytes()).unwrap_or(i64::MAX);
        share.settle(message.batch_bytes() as u64);
        permit.entry().used.sent(message.batch_bytes() as u64, message.records());
        Ok(message.into_batches())
    }

    /// Notes that everything before `sent` is on its way.
    fn advance(&mut self, index: u32, sent: Option<u64>, end: u64) {
        let position = &mut self.positions[index as usize];
        if let Some(sent) = sent {
            position.next = sent;
            if position.is_finished() {
                self.unfinished -= 1;
                return;
            }
        }
        // At the end it waits to be told: growth after the fetch puts it back into the queue.
        if position.next < end {
            self.ready.push(index);
        }
    }
}

impl Position {
    fn is_finished(&self) -> bool {
        self.stop_at.is_some_and(|stop_at| self.next >= stop_at)
    }
}

/// Each position is told of every growth of its partition: once is enough for a stream.
fn refuse_repeated(positions: &[Resolved]) -> Result<(), LeveeError> {
    let mut seen = HashSet::with_capacity(positions.len());
    match positions.iter().position(|position| !seen.insert(position.partition)) {
        Some(index) => {
            let hint = "name each partition once, or open another stream";
            Err(in_position(index, invalid("partition", "it is in the stream already", hint)))
        }
        None => Ok(()),
    }
}
