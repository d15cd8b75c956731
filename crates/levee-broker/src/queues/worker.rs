//! One worker of a queue: takes records, and settles them.

mod settling;

pub(crate) use settling::{Settled, failure};

use super::Queues;
use super::decoded::Decoded;
use super::live::{LiveQueue, Working};
use super::partition::{LivePartition, Next};
use super::turns::{Place, Turn};
use crate::admission::Reservation;
use crate::authorize::{InTenant, Permit};
use levee_groups::queue::{HandedOut, WorkerId};
use levee_proto::v1;
use levee_storage::{Cached, Fetched, StorageError, Topic};
use levee_types::group::QueueSettings;
use levee_types::limits::{MAX_WORK_CREDIT, READ_MESSAGE_BYTES};
use levee_types::{GroupName, LeveeError};
use prost::Message as _;
use settling::delivery_id;
use std::collections::BTreeSet;
use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a delivery costs in a message beside its record and the name of its topic, at most.
const ENVELOPE_BYTES: usize = 64;

/// A worker of a queue. Dropped, what it has is handed out again at once.
pub(crate) struct Worker {
    queues: Queues,
    queue: Arc<LiveQueue>,
    id: WorkerId,
    working: Arc<Working>,
    place: Place,
    term: Duration,
    /// Partitions of which it has had records.
    touched: BTreeSet<u32>,
    end: watch::Receiver<Option<LeveeError>>,
}

/// Deliveries of one message.
struct Filling {
    deliveries: Vec<v1::Delivery>,
    bytes: usize,
    /// Bytes that there may be, but for a first one that is larger.
    allowed: usize,
    /// Records that there may be.
    most: usize,
    /// What comes next does not fit.
    is_over: bool,
}

/// Where the batch of a record is.
enum Found {
    /// Here, with the end of the log if that is known.
    Batch(Arc<Decoded>, Option<u64>),
    /// The log has no more records from there to its end.
    Nothing(u64),
    /// On the disk, and something is to go out before.
    Later,
    /// It is not there any more.
    Gone,
}

/// Gives the turn of a partition back, if a worker is dropped while it reads.
struct Turning<'a> {
    queue: &'a LiveQueue,
    turn: Option<Turn>,
}

impl Drop for Turning<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.queue.turns.push_front(turn);
        }
    }
}

impl Worker {
    pub(super) fn new(
        queues: Queues,
        queue: Arc<LiveQueue>,
        id: WorkerId,
        user: String,
        term: Duration,
    ) -> Self {
        let place = Place::default();
        let working = Arc::new(Working::new(user, queue.now().unix_ms, place.bell()));
        queue.workers().insert(id, Arc::clone(&working));
        let end = queue.watch_end();
        Self { queues, queue, id, working, place, term, touched: BTreeSet::new(), end }
    }

    /// Its id, which is random.
    pub(crate) fn id(&self) -> u64 {
        self.id.0
    }

    /// What holds for the queue.
    pub(crate) fn settings(&self) -> &QueueSettings {
        &self.queue.settings
    }

    /// The name of the queue.
    pub(crate) fn group(&self) -> &GroupName {
        &self.queue.group.name
    }

    /// How many more records it may have.
    pub(crate) fn room(&self) -> u32 {
        MAX_WORK_CREDIT.saturating_sub(self.working.held())
    }

    /// The topic of the partition whose turn it is, if there may be something.
    pub(crate) fn next_topic(&self) -> Option<Arc<Topic>> {
        let partition = self.queue.partition(self.queue.turns.front()?)?;
        Some(Arc::clone(&partition.topic))
    }

    /// Waits in the line. False: there may be something at once.
    pub(crate) fn stand(&mut self) -> bool {
        self.queue.turns.stand(&mut self.place)
    }

    /// Lets others go first: it cannot take what there is.
    pub(crate) fn pass(&mut self) {
        self.queue.turns.leave(&mut self.place);
    }

    /// Resolves when there may be something for it. Cancel-safe.
    pub(crate) async fn called(&self) {
        self.place.called().await;
    }

    /// Resolves when the queue cannot go on. Cancel-safe.
    pub(crate) async fn over(&self) -> LeveeError {
        let mut end = self.end.clone();
        let error = end.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        match error {
            Some(error) => error,
            // Nobody says so any more.
            None => pending().await,
        }
    }

    /// Takes what there is, up to `credit` records and the share of the egress. Empty: there is nothing.
    ///
    /// Dropped while it waits for the disk, it has taken nothing.
    pub(crate) async fn take(
        &mut self,
        permit: &Permit<InTenant>,
        share: Reservation,
        share_bytes: usize,
        credit: u32,
    ) -> Result<Vec<v1::Delivery>, LeveeError> {
        let is_limited = share.is_limited();
        let allowed = if is_limited { share_bytes } else { READ_MESSAGE_BYTES };
        // The share may be that of a topic.
        let only = self.next_topic().filter(|_| is_limited).map(|topic| topic.id);
        let most = credit.min(self.room()) as usize;
        let mut filling = Filling { deliveries: Vec::new(), bytes: 0, allowed, most, is_over: false };
        let mut visited = BTreeSet::new();
        let queue = Arc::clone(&self.queue);
        while !filling.is_full() {
            let Some(turn) = queue.turns.pop() else { break };
            let mut turning = Turning { queue: &queue, turn: Some(turn) };
            let Some(partition) = queue.partition(turn.partition) else { break };
            if only.is_some_and(|only| only != partition.topic.id) {
                break;
            }
            if !visited.insert(turn.partition) && queue.turns.others(&self.place) > 0 {
                break;
            }
            if let Next::Read(offset) = partition.next(turn) {
                match self.find(&partition, offset, permit, filling.deliveries.is_empty()).await? {
                    Found::Batch(batch, end) => {
                        self.lose(&partition, offset..batch.base_offset);
                        self.hand_out(&partition, &batch, end, &mut filling);
                    }
                    Found::Nothing(end) => {
                        self.lose(&partition, offset..end);
                        queue.change(&partition, |state, now| {
                            state.window.offer([], end, now);
                            state.is_behind = false;
                        });
                    }
                    Found::Gone => {}
                    Found::Later => break,
                }
            }
            turning.turn = None;
        }
        if !filling.deliveries.is_empty() {
            queue.turns.served(&mut self.place);
        }
        share.settle(filling.bytes as u64);
        let records = filling.deliveries.len() as u64;
        permit.entry().used.sent(filling.bytes as u64, records);
        metrics::counter!("levee_queue_deliveries_total").increment(records);
        Ok(filling.deliveries)
    }

    /// Finds the batch that holds a record.
    async fn find(
        &self,
        partition: &LivePartition,
        offset: u64,
        permit: &Permit<InTenant>,
        may_wait: bool,
    ) -> Result<Found, LeveeError> {
        let (shared, id) = (&self.queue.shared, partition.id);
        let group = self.queue.group.id;
        if let Some(batch) = shared.decoded.get(group, id, offset) {
            return Ok(Found::Batch(batch, None));
        }
        // One batch: the first may be larger than that.
        let (batches, end) = match shared.shard.fetch_cached(id, offset, 1) {
            Cached::Batches(batches, end) => (batches, end),
            Cached::AtEnd(end) => return Ok(Found::Nothing(end)),
            Cached::Miss if !may_wait => return Ok(Found::Later),
            Cached::Miss => {
                let (shard, turn) = (shared.shard.clone(), permit.turn(READ_MESSAGE_BYTES));
                let fetched =
                    shared.blocking.run(turn, move || Ok::<_, LeveeError>(shard.fetch(id, offset, 1)));
                match fetched.await? {
                    Ok(Fetched { batches, end }) => (batches, end),
                    Err(StorageError::NoTopic) => {
                        self.queue.lose(partition);
                        return Ok(Found::Gone);
                    }
                    Err(StorageError::OffsetOutOfRange { start, .. }) if offset < start => {
                        let ended = self.queue.change(partition, |state, now| state.window.trim(start, now));
                        self.queue.ended(&ended);
                        return Ok(Found::Gone);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        match batches.first() {
            Some(stored) => Ok(Found::Batch(shared.decoded.decode(group, id, stored)?, Some(end))),
            None => Ok(Found::Nothing(end)),
        }
    }

    /// The log has nothing any more where a record was looked for.
    fn lose(&self, partition: &LivePartition, offsets: Range<u64>) {
        if !offsets.is_empty() {
            let ended = self.queue.change(partition, |state, now| state.window.lose(offsets, now));
            self.queue.ended(&ended);
        }
    }

    /// Looks at a batch, if that is due, and takes of its records.
    fn hand_out(
        &mut self,
        partition: &LivePartition,
        batch: &Decoded,
        end: Option<u64>,
        filling: &mut Filling,
    ) {
        let others = self.queue.turns.others(&self.place);
        let taken = self.queue.change(partition, |state, now| {
            let window = &mut state.window;
            if let Some(first) = window.looks_for().filter(|first| *first < batch.end) {
                window.offer(batch.offered(first), batch.end, now);
            }
            // The others get as much.
            let fair = window.available_len().div_ceil(1 + others);
            let mut taken = Vec::new();
            while taken.len() < fair {
                let Some(offset) = window.available().filter(|offset| *offset >= batch.base_offset) else {
                    break;
                };
                let record = match batch.record(offset) {
                    Some(record) => record,
                    None if batch.covers(offset) => {
                        // Compaction removed it since it was looked at: it is done. Nobody has it.
                        window.lose(offset..offset + 1, now);
                        continue;
                    }
                    None => break,
                };
                let size = record.encoded_len() + partition.topic.name.as_str().len() + ENVELOPE_BYTES;
                if !filling.has_room_for(taken.len(), size) {
                    filling.is_over = true;
                    break;
                }
                let Some(handed) = window.take(self.id, self.term, batch.end, now) else { break };
                filling.bytes += size;
                taken.push((handed, record.clone()));
            }
            if let (Some(end), Some(next)) = (end, window.looks_for()) {
                state.is_behind = next < end;
            }
            taken
        });
        if taken.is_empty() {
            return;
        }
        self.touched.insert(partition.index);
        self.working.got(u32::try_from(taken.len()).unwrap_or(u32::MAX));
        filling.deliveries.extend(taken.into_iter().map(
            |(HandedOut { offset, lease, deliveries }, record)| v1::Delivery {
                delivery_id: delivery_id(partition.index, lease.id),
                topic: partition.topic.name.to_string(),
                partition: partition.id.partition,
                offset,
                append_time_ms: batch.append_time_ms,
                deliveries,
                record: Some(record),
            },
        ));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.workers().remove(&self.id);
        for partition in self.touched.iter().filter_map(|index| self.queue.partition(*index)) {
            self.queue.change(&partition, |state, now| state.window.leave(self.id, now));
        }
        self.queue.turns.leave(&mut self.place);
        self.queues.left(&self.queue);
    }
}

impl Filling {
    fn is_full(&self) -> bool {
        self.is_over || self.deliveries.len() >= self.most || self.bytes >= self.allowed
    }

    /// Whether one more of this size fits, with so many that are not in it yet.
    fn has_room_for(&self, taken: usize, size: usize) -> bool {
        let records = self.deliveries.len() + taken;
        records < self.most && (records == 0 || self.bytes + size <= self.allowed)
    }
}
