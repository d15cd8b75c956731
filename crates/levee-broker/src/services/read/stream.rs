//! A read stream: follows the tails of its positions and sends batches against the client's credit.
//!
//! It is polled as the body of the answer, without a task or a channel of its own: nothing is fetched
//! for a client that does not take what it was sent, and dropping the stream drops everything.

use super::message::Message;
use super::positions::{Named, Resolved, in_position, resolve};
use super::ready::ReadyQueue;
use crate::admission::Reservation;
use crate::authorize::{Doubts, InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::{explain, status};
use crate::fields::{invalid, out_of_range};
use crate::transport::connection::draining;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use levee_proto::v1;
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_storage::{Cached, Fetched, Subscription, Topic, Wake};
use levee_types::limits::MAX_READ_CREDIT;
use levee_types::quota::Dimension;
use levee_types::{LeveeError, PartitionId};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, Streaming};

/// A client must say within this what it wants to read.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// What one message takes of a limited egress, but for a batch that is larger. Small, so that many readers take
/// turns; large enough for a usual batch.
const EGRESS_SHARE_BYTES: usize = 128 * 1024;
/// When to ask again for a share that was refused without a time.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const START_HINT: &str = "send a ReadStart first, with the positions to read from";

/// A stream that is being served.
pub(super) struct ReadStream {
    permit: Arc<Permit<InTenant>>,
    blocking: Blocking,
    requests: Streaming<v1::ReadRequest>,
    /// The client may still send credit.
    is_open: bool,
    retire: Pin<Box<WaitForCancellationFutureOwned>>,
    is_retiring: CancellationToken,
    /// None until the client has said what it wants to read.
    reading: Option<Reading>,
    doubts: Doubts,
    share: Share,
}

/// A share of the tenant's egress, for one message. It is had before anything is fetched, so that what waits for its
/// turn holds nothing.
enum Share {
    /// There is none yet.
    None,
    /// It is waited for; or, when too many wait already, for the time to ask again.
    Waiting(BoxFuture<'static, Option<Reservation>>),
    /// It is there.
    Had(Reservation),
}

/// What is being read.
struct Reading {
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

impl ReadStream {
    /// Serves `requests`. `retire`: the connection is to go.
    pub(super) fn new(
        permit: Arc<Permit<InTenant>>,
        blocking: Blocking,
        requests: Streaming<v1::ReadRequest>,
        retire: CancellationToken,
    ) -> Self {
        Self {
            doubts: permit.doubts(),
            share: Share::None,
            permit,
            blocking,
            requests,
            is_open: true,
            is_retiring: retire.clone(),
            retire: Box::pin(retire.cancelled_owned()),
            reading: None,
        }
    }

    /// The messages, and at last how the stream ended.
    pub(super) fn into_messages(self) -> BoxStream<'static, Result<v1::ReadResponse, Status>> {
        stream::unfold(Some(self), |stream| async move {
            let mut stream = stream?;
            match stream.next().await {
                Ok(Some(answer)) => Some((Ok(v1::ReadResponse { kind: Some(answer) }), Some(stream))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Answer>, Status> {
        match self.reading {
            Some(_) => self.follow().await,
            None => self.start().await.map(|started| Some(Answer::Started(started))),
        }
    }

    /// Takes the first message.
    async fn start(&mut self) -> Result<v1::ReadStarted, Status> {
        let first = tokio::select! {
            biased;
            () = &mut self.retire => return Err(status(&draining())),
            first = timeout(START_TIMEOUT, self.requests.message()) => first,
        };
        let first = match first {
            Ok(first) => first.map_err(told)?,
            Err(_) => {
                let seconds = START_TIMEOUT.as_secs();
                let problem = format!("it did not come within {seconds} s");
                return Err(status(&invalid("start", problem, START_HINT)));
            }
        };
        let Some(v1::ReadRequest { kind: Some(Sent::Start(start)) }) = first else {
            return Err(status(&invalid("start", "it must be in the first message", START_HINT)));
        };
        self.begin(start).await.map_err(|error| status(&error))
    }

    async fn begin(&mut self, start: v1::ReadStart) -> Result<v1::ReadStarted, LeveeError> {
        let v1::ReadStart { positions, credit_bytes, stop_at_end } = start;
        if !(1..=MAX_READ_CREDIT).contains(&credit_bytes) {
            return Err(out_of_range("credit_bytes", credit_bytes, 1, MAX_READ_CREDIT));
        }
        let positions = Named::new(positions)?;
        // The client may have taken its time.
        if self.doubts.have_arisen() {
            self.renew()?;
        }
        let permit = Arc::clone(&self.permit);
        let turn = permit.turn(positions.len() * LOOKUP_BYTES);
        let resolved = self.blocking.run(turn, move || resolve(&permit, positions)).await?;
        refuse_repeated(&resolved)?;
        let started = v1::ReadStarted { positions: resolved.iter().map(Resolved::to_proto).collect() };
        self.reading = Some(Reading::new(&self.permit, resolved, credit_bytes, stop_at_end));
        Ok(started)
    }

    /// The next batches.
    async fn follow(&mut self) -> Result<Option<Answer>, Status> {
        loop {
            // A reader that is behind waits for nothing below.
            if self.doubts.have_arisen() {
                self.renew().map_err(|error| status(&error))?;
            }
            let Some(reading) = &mut self.reading else { return Ok(None) };
            // Without it a client that always has credit to give would keep the worker to itself.
            tokio::task::coop::consume_budget().await;
            if self.is_retiring.is_cancelled() {
                return Err(status(&draining()));
            }
            if reading.unfinished == 0 {
                return Ok(None);
            }
            if reading.credit > 0 {
                if matches!(self.share, Share::None) {
                    self.share = reading.ask_for_share(&self.permit);
                }
                if let Share::Had(reservation) = &mut self.share {
                    let reservation = std::mem::take(reservation);
                    self.share = Share::None;
                    let batches = reading
                        .fill(&self.permit, &self.blocking, reservation)
                        .await
                        .map_err(|error| status(&error))?;
                    if !batches.is_empty() {
                        return Ok(Some(Answer::Batches(v1::ReadBatches { batches })));
                    }
                    // Those that had their turn had nothing; there may be others.
                    if reading.unfinished > 0 && reading.ready.front().is_some() {
                        continue;
                    }
                }
                // A position may have turned out to be at its stop.
                if reading.unfinished == 0 {
                    return Ok(None);
                }
            } else if !self.is_open {
                // There will be no more credit: the client has what it wanted.
                return Ok(None);
            }
            tokio::select! {
                biased;
                () = &mut self.retire => return Err(status(&draining())),
                sent = self.requests.message(), if self.is_open => match sent.map_err(told)? {
                    Some(v1::ReadRequest { kind: Some(Sent::Credit(v1::ReadCredit { bytes })) }) => {
                        reading.grant(bytes);
                    }
                    Some(_) => return Err(status(&not_credit())),
                    None => self.is_open = false,
                },
                () = self.doubts.arise() => self.renew().map_err(|error| status(&error))?,
                share = turn(&mut self.share), if matches!(self.share, Share::Waiting(_)) => {
                    self.share = share.map_or(Share::None, Share::Had);
                }
                () = reading.ready.arrived(), if reading.credit > 0 => {}
            }
        }
    }

    /// Decides again whether the caller may read what it reads.
    fn renew(&mut self) -> Result<(), LeveeError> {
        let permit = self.permit.renew()?;
        if let Some(reading) = &self.reading {
            let mut last = None;
            for position in &reading.positions {
                // Most streams read the partitions of few topics, one after the other.
                if last != Some(position.topic.id) {
                    permit.require(position.topic.name.as_str())?;
                    last = Some(position.topic.id);
                }
            }
        }
        self.permit = Arc::new(permit);
        Ok(())
    }
}

/// Resolves when the share that is waited for is there, or may be asked for again. Cancel-safe.
async fn turn(share: &mut Share) -> Option<Reservation> {
    match share {
        Share::Waiting(wait) => wait.as_mut().await,
        Share::None | Share::Had(_) => std::future::pending().await,
    }
}

/// A second start, or nothing.
fn not_credit() -> LeveeError {
    invalid(
        "credit",
        "every message after the first must be one",
        "open another stream to read from elsewhere",
    )
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

/// A failure on the way in, in our words.
fn told(error: Status) -> Status {
    explain(&error).map_or(error, |error| status(&error))
}

impl Reading {
    fn new(permit: &Permit<InTenant>, resolved: Vec<Resolved>, credit: u64, stop_at_end: bool) -> Self {
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
        reading
    }

    fn grant(&mut self, bytes: u64) {
        let max = i64::try_from(MAX_READ_CREDIT).unwrap_or(i64::MAX);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(bytes).min(max);
    }

    /// Asks for a share of the tenant's egress, if there may be something to read.
    fn ask_for_share(&self, permit: &Permit<InTenant>) -> Share {
        let Some(index) = self.ready.front() else { return Share::None };
        let topic = &self.positions[index as usize].topic;
        let reservation = match permit.reserve(Dimension::Egress, EGRESS_SHARE_BYTES as u64, Some(topic)) {
            Ok(reservation) => reservation,
            // A reader waits as long as it takes: it is held up, and not broken off.
            Err(error) => {
                let again = error.retry_after.unwrap_or(ASK_AGAIN);
                return Share::Waiting(tokio::time::sleep(again).map(|()| None).boxed());
            }
        };
        if reservation.delay().is_zero() {
            return Share::Had(reservation);
        }
        let wait = async move {
            tokio::time::sleep(reservation.delay()).await;
            Some(reservation)
        };
        Share::Waiting(wait.boxed())
    }

    /// Fetches what fits into one message and the share, position after position. Empty: none has anything to read.
    ///
    /// Dropped while it waits for the disk, it loses nothing but the turn of a position, and with it the
    /// stream is gone.
    async fn fill(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
        share: Reservation,
    ) -> Result<Vec<v1::StoredBatch>, LeveeError> {
        let allowed = if share.is_limited() { EGRESS_SHARE_BYTES } else { usize::MAX };
        // The share may be that of a topic.
        let only = self.ready.front().filter(|_| share.is_limited());
        let only = only.map(|index| self.positions[index as usize].topic.id);
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

#[cfg(test)]
mod tests;
