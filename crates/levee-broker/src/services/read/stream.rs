//! A read stream: follows the tails of its positions and sends batches against the client's credit.
//!
//! It is polled as the body of the answer, without a task or a channel of its own: nothing is fetched
//! for a client that does not take what it was sent, and dropping the stream drops everything.

use super::message::Message;
use super::positions::{Named, Resolved, in_position, resolve};
use super::ready::ReadyQueue;
use crate::authorize::{InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::{explain, status};
use crate::fields::{invalid, out_of_range};
use crate::transport::connection::draining;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use levee_proto::v1;
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_storage::{Cached, Fetched, Subscription, Wake};
use levee_types::limits::MAX_READ_CREDIT;
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
        let Some(reading) = &mut self.reading else { return Ok(None) };
        loop {
            // Without it a client that always has credit to give would keep the worker to itself.
            tokio::task::coop::consume_budget().await;
            if self.is_retiring.is_cancelled() {
                return Err(status(&draining()));
            }
            if reading.unfinished == 0 {
                return Ok(None);
            }
            if reading.credit > 0 {
                let batches =
                    reading.fill(&self.permit, &self.blocking).await.map_err(|error| status(&error))?;
                if !batches.is_empty() {
                    return Ok(Some(Answer::Batches(v1::ReadBatches { batches })));
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
                () = reading.ready.arrived(), if reading.credit > 0 => {}
            }
        }
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
            .map(|(token, Resolved { partition, offset, log, .. })| {
                let wake = Arc::clone(&ready) as Arc<dyn Wake>;
                Position {
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

    /// Fetches what fits into one message, position after position. Empty: none has anything to read.
    ///
    /// Dropped while it waits for the disk, it loses nothing but the turn of a position, and with it the
    /// stream is gone.
    async fn fill(
        &mut self,
        permit: &Arc<Permit<InTenant>>,
        blocking: &Blocking,
    ) -> Result<Vec<v1::StoredBatch>, LeveeError> {
        let mut message = Message::default();
        while let Some(room) = message.room(self.credit) {
            let Some(index) = self.ready.pop() else { break };
            let position = &self.positions[index as usize];
            if position.is_finished() {
                continue;
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
                    let (permit, turn) = (Arc::clone(permit), permit.turn(room));
                    let fetched =
                        blocking.run(turn, move || permit.shard().fetch(partition, next, room)).await;
                    let Fetched { batches, end } =
                        fetched.map_err(|error| in_position(index as usize, error))?;
                    (batches, end)
                }
            };
            let sent = message.add(index, batches, end, room);
            self.advance(index, sent, end);
        }
        self.credit -= i64::try_from(message.batch_bytes()).unwrap_or(i64::MAX);
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
