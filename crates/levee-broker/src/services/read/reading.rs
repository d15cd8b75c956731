//! What a stream reads: its positions, and what fits into the next message.

use super::filling::{Filling, Read, again};
use super::message::Message;
use super::ready::ReadyQueue;
use super::share::EGRESS_SHARE_BYTES;
use crate::admission::{Held, Reservation};
use crate::authorize::{InTenant, Permit};
use crate::blocking::Blocking;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use levee_proto::v1;
use levee_storage::{Cached, Subscription, Topic, Wake};
use levee_types::limits::{MAX_READ_CREDIT, UNHELD_ANSWER_BYTES};
use levee_types::{LeveeError, PartitionId};
use std::collections::HashMap;
use std::sync::Arc;

/// What is being read.
pub(in crate::services) struct Reading {
    positions: HashMap<u32, Position>,
    ready: Arc<ReadyQueue>,
    /// Bytes of batches that may be sent; below 0, what was sent in excess.
    credit: i64,
    /// What a message may have of an egress without a limit.
    message_bytes: usize,
    /// A large batch for which no memory can be held goes out in parts. Until they are out the stream is not asked for
    /// anything, and what it waits for does not go on: only for streams that wait for one thing at a time.
    in_parts: bool,
    /// Positions that have not reached where they stop; none ever does without a stop.
    unfinished: usize,
}

/// Where to read.
pub(in crate::services) struct Place {
    pub(in crate::services) topic: Arc<Topic>,
    pub(in crate::services) partition: PartitionId,
    /// The next record.
    pub(in crate::services) next: u64,
    /// Where it ends; none: never.
    pub(in crate::services) stop_at: Option<u64>,
}

struct Position {
    place: Place,
    _subscription: Subscription,
}

/// What there is for the next message.
pub(in crate::services) enum Filled {
    /// Batches; none: no position has anything to read.
    Batches(Filling),
    /// It has to be waited for the disk: [`Reading::take`] goes on with what comes of it. Dropped meanwhile, it loses
    /// the turn of a position.
    Cold(BoxFuture<'static, Cold>),
}

/// What came from the disk.
pub(in crate::services) struct Cold {
    position: u32,
    next: u64,
    room: usize,
    share: Reservation,
    held: Option<Held>,
    result: Result<Read, LeveeError>,
}

/// A position that cannot be read; it has lost its turn.
pub(in crate::services) struct Failed {
    pub(in crate::services) position: u32,
    pub(in crate::services) error: LeveeError,
}

impl Reading {
    /// Reads nothing yet.
    pub(in crate::services) fn new(credit: u64, message_bytes: usize, in_parts: bool) -> Self {
        let ready = Arc::new(ReadyQueue::default());
        let mut reading =
            Self { positions: HashMap::new(), ready, credit: 0, message_bytes, in_parts, unfinished: 0 };
        reading.grant(credit);
        reading
    }

    /// Reads one more place. `position` names it and its batches.
    pub(in crate::services) fn add(&mut self, permit: &Permit<InTenant>, position: u32, place: Place) {
        // It has a turn at first, so what is there already is found without being told.
        self.ready.insert(position);
        let wake = Arc::clone(&self.ready) as Arc<dyn Wake>;
        let subscription = permit.shard().subscribe(place.partition, wake, position);
        let position_of = Position { place, _subscription: subscription };
        self.unfinished += usize::from(!position_of.is_finished());
        self.positions.insert(position, position_of);
    }

    /// Reads these no more.
    pub(in crate::services) fn remove(&mut self, positions: &[u32]) {
        for position in positions {
            let removed = self.positions.remove(position);
            self.unfinished -= usize::from(removed.is_some_and(|removed| !removed.is_finished()));
        }
        self.ready.remove(positions);
    }

    /// Goes on elsewhere, with the next turn.
    pub(in crate::services) fn jump(&mut self, position: u32, next: u64) {
        if let Some(of) = self.positions.get_mut(&position) {
            of.place.next = next;
            self.ready.push(position);
        }
    }

    /// Adds to the credit.
    pub(in crate::services) fn grant(&mut self, bytes: u64) {
        let max = i64::try_from(MAX_READ_CREDIT).unwrap_or(i64::MAX);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(bytes).min(max);
    }

    /// Whether anything may be sent.
    pub(in crate::services) fn has_credit(&self) -> bool {
        self.credit > 0
    }

    /// Whether every position has reached where it stops.
    pub(in crate::services) fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// The topic of the position whose turn it is, if there may be something to read.
    pub(in crate::services) fn next_topic(&self) -> Option<&Topic> {
        self.ready.front().and_then(|position| Some(&*self.positions.get(&position)?.place.topic))
    }

    /// Resolves when there may be something to read.
    pub(in crate::services) async fn arrived(&self) {
        self.ready.arrived().await;
    }

    /// Whether `permit` allows to read all that is being read.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`
    pub(in crate::services) fn require(&self, permit: &Permit<InTenant>) -> Result<(), LeveeError> {
        let topics: HashMap<_, _> = self
            .positions
            .values()
            .map(|position| (position.place.topic.id, &position.place.topic))
            .collect();
        topics.into_values().try_for_each(|topic| permit.require(topic.name.as_str()))
    }

    /// Takes what fits into one message and the share, position after position.
    pub(in crate::services) fn fill(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
        share: Reservation,
    ) -> Filled {
        let held = permit.entry().admission.hold(self.allowed(&share));
        self.go_on(permit, blocking, share, Message::new(held))
    }

    /// What a message may have.
    fn allowed(&self, share: &Reservation) -> usize {
        if share.is_limited() { EGRESS_SHARE_BYTES } else { self.message_bytes }
    }

    /// Goes on with what came from the disk.
    ///
    /// # Errors
    /// It could not be read.
    pub(in crate::services) fn take(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
        cold: Cold,
    ) -> Result<Filled, Failed> {
        let Cold { position, next, room, share, held, result } = cold;
        let mut message = Message::new(held);
        // It may have been given up meanwhile.
        if self.positions.get(&position).is_some_and(|of| of.place.next == next) {
            let Read { batches, end, absent } = result.map_err(|error| Failed { position, error })?;
            message.absent = absent;
            // Where compaction left nothing up to the end, there is nothing to send.
            let sent = if batches.is_empty() { Some(end) } else { message.add(position, batches, end, room) };
            self.advance(position, sent, end);
        }
        Ok(self.go_on(permit, blocking, share, message))
    }

    fn go_on(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
        share: Reservation,
        mut message: Message,
    ) -> Filled {
        let allowed = self.allowed(&share);
        let allowed = if message.held.is_some() { allowed } else { allowed.min(UNHELD_ANSWER_BYTES) };
        // The share may be that of a topic.
        let only = self.next_topic().filter(|_| share.is_limited()).map(|topic| topic.id);
        while let Some(room) = message.room(self.credit, allowed) {
            let Some(index) = self.ready.pop() else { break };
            let Some(position) = self.positions.get(&index) else { continue };
            if position.is_finished() {
                continue;
            }
            if only.is_some_and(|only| only != position.place.topic.id) {
                self.ready.push_front(index);
                break;
            }
            let (partition, next) = (position.place.partition, position.place.next);
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
                    let (blocking, held) = (blocking.clone(), message.held);
                    let is_kept = held.is_some() || !self.in_parts;
                    let read =
                        move || shard.fetch(partition, next, room).map(|read| Read::new(read, is_kept));
                    let cold = async move {
                        let result = blocking.run(turn, read).await;
                        Cold { position: index, next, room, share, held, result }
                    };
                    return Filled::Cold(cold.boxed());
                }
            };
            let sent = message.add(index, batches, end, room);
            self.advance(index, sent, end);
        }
        self.credit -= i64::try_from(message.batch_bytes()).unwrap_or(i64::MAX);
        share.settle(message.batch_bytes() as u64);
        permit.entry().used.sent(message.batch_bytes() as u64, message.records());
        let again = |batch: &v1::StoredBatch| {
            // It was just added to the message.
            let Position { place, .. } = &self.positions[&batch.position];
            self.in_parts.then(|| again(permit, blocking, place, batch))
        };
        Filled::Batches(Filling::new(&permit.entry().admission, message, again))
    }

    /// Notes that everything before `sent` is on its way.
    fn advance(&mut self, index: u32, sent: Option<u64>, end: u64) {
        let Some(position) = self.positions.get_mut(&index) else { return };
        if let Some(sent) = sent {
            position.place.next = sent;
            if position.is_finished() {
                self.unfinished -= 1;
                return;
            }
        }
        // At the end it waits to be told: growth after the fetch puts it back into the queue.
        if position.place.next < end {
            self.ready.push(index);
        }
    }
}

impl Position {
    fn is_finished(&self) -> bool {
        self.place.stop_at.is_some_and(|stop_at| self.place.next >= stop_at)
    }
}
