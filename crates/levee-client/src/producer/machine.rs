//! What a producer does, without doing it: which batch to send next, what an answer means, when something
//! is late. The task around it ([`super::driver`]) has the connection and the clock.
//!
//! Must hold: every record that was pushed gets exactly one outcome, at the latest after the delivery
//! timeout (and the answer to a request under way is not needed for that); records of a partition are
//! stored in the order in which they were pushed, less those that failed. See [`super::partition`] for
//! how sequences see to this.
//!
//! Times are those of one monotonic clock.

use super::batch::Entry;
use super::partition::{Effect, Gap, Next, Partition, Settled};
use super::session::Session;
use crate::backoff::{Backoff, heeded};
use crate::config::ProducerSettings;
use crate::error::{Error, RequestId};
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Answer;
use levee_types::ErrorCode;
use levee_types::limits::MAX_PRODUCE_IN_FLIGHT;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Requests under way on the stream. Some less than the broker takes, which may count one as open for
/// a moment after it was answered.
pub(super) const MAX_IN_FLIGHT: usize = MAX_PRODUCE_IN_FLIGHT - 16;

/// Calls for another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    /// The next epoch of the same producer.
    Epoch,
    /// The broker has forgotten the producer.
    Producer,
}

pub(super) struct Machine {
    settings: ProducerSettings,
    /// None: not idempotent.
    session: Option<Session>,
    renewal: Option<Renewal>,
    partitions: Vec<Partition>,
    numbers: HashMap<(Arc<str>, u32), usize>,
    /// Partitions that may have something to send, in turn.
    ready: VecDeque<usize>,
    /// Partitions that wait for `retry_at`.
    deferred: Vec<usize>,
    /// When a batch of a partition stops waiting for more records. In the order of time.
    lingering: VecDeque<(Duration, usize)>,
    /// When to look for late batches; one item for each partition that has batches.
    watched: BinaryHeap<Reverse<(Duration, usize)>>,
    /// Requests on the stream, with their partitions, in order.
    requests: VecDeque<(u64, usize)>,
    next_request: u64,
    backoff: Backoff,
    /// No repetition and no connection before.
    retry_at: Duration,
    /// Batches without an outcome, by the number of flushes before them.
    open: BTreeMap<u64, usize>,
    generation: u64,
    flushes: VecDeque<(u64, oneshot::Sender<Result<(), Error>>)>,
    missing: Vec<Arc<str>>,
    failure: Option<Error>,
}

impl Machine {
    pub(super) fn new(settings: ProducerSettings, session: Option<Session>, backoff: Backoff) -> Self {
        Self {
            settings,
            session,
            renewal: None,
            partitions: Vec::new(),
            numbers: HashMap::new(),
            ready: VecDeque::new(),
            deferred: Vec::new(),
            lingering: VecDeque::new(),
            watched: BinaryHeap::new(),
            requests: VecDeque::new(),
            next_request: 0,
            backoff,
            retry_at: Duration::ZERO,
            open: BTreeMap::new(),
            generation: 0,
            flushes: VecDeque::new(),
            missing: Vec::new(),
            failure: None,
        }
    }

    /// Takes a record.
    pub(super) fn push(&mut self, now: Duration, topic: Arc<str>, number: u32, entry: Entry) {
        if let Some(failure) = &self.failure {
            let _ = entry.reply.send(Err(failure.clone()));
            return;
        }
        let idempotent = self.settings.idempotent;
        let id = *self.numbers.entry((topic, number)).or_insert_with_key(|(topic, number)| {
            self.partitions.push(Partition::new(Arc::clone(topic), *number, idempotent));
            self.partitions.len() - 1
        });
        let partition = &mut self.partitions[id];
        let oldest = now.saturating_sub(self.settings.longest_sharing());
        if partition.push(entry, now, oldest, self.generation) {
            *self.open.entry(self.generation).or_default() += 1;
            self.lingering.push_back((now + self.settings.linger, id));
            self.watch(id);
        }
        self.wake(id);
    }

    /// Answers when all that was pushed before has its outcome.
    pub(super) fn flush(&mut self, reply: oneshot::Sender<Result<(), Error>>) {
        for (due, id) in std::mem::take(&mut self.lingering) {
            self.partitions[id].make_due(due);
            self.wake(id);
        }
        self.flushes.push_back((self.generation, reply));
        self.generation += 1;
        self.answer_flushes();
    }

    /// Something has no outcome yet.
    pub(super) fn has_work(&self) -> bool {
        !self.open.is_empty()
    }

    /// There is something to do for a connection, and it is time to make one.
    pub(super) fn wants_connection(&self, now: Duration) -> bool {
        self.has_work() && now >= self.retry_at
    }

    /// What time brings.
    pub(super) fn tick(&mut self, now: Duration) {
        while let Some((_, id)) = self.lingering.pop_front_if(|(due, _)| *due <= now) {
            self.partitions[id].make_due(now.saturating_sub(self.settings.linger));
            self.wake(id);
        }
        if now >= self.retry_at {
            for id in std::mem::take(&mut self.deferred) {
                self.wake(id);
            }
        }
        let timeout = self.settings.delivery_timeout;
        let mut settled = Settled::new();
        while let Some(Reverse((_, id))) = self.watched.peek().filter(|late| late.0.0 <= now).copied() {
            self.watched.pop();
            self.partitions[id].is_watched = false;
            let error =
                Error::timeout(format!("record was not acknowledged within {} ms", timeout.as_millis()));
            self.partitions[id].expire(now.saturating_sub(timeout), &error, &mut settled);
            self.watch(id);
            self.touched(id);
        }
        self.account(&settled);
    }

    /// When [`Machine::tick`] has something to do.
    pub(super) fn next_tick(&self, now: Duration) -> Option<Duration> {
        let retry = (self.retry_at > now && self.has_work()).then_some(self.retry_at);
        let linger = self.lingering.front().map(|(due, _)| *due);
        let late = self.watched.peek().map(|Reverse((late, _))| *late);
        [retry, linger, late].into_iter().flatten().min()
    }

    /// The next request for the stream, if one may be sent.
    pub(super) fn next(&mut self, now: Duration) -> Option<v1::ProduceStreamRequest> {
        if self.requests.len() >= MAX_IN_FLIGHT {
            return None;
        }
        let (may_begin, may_repeat) = (self.renewal.is_none(), now >= self.retry_at);
        let mut settled = Settled::new();
        let mut request = None;
        while let Some(id) = self.ready.pop_front() {
            let partition = &mut self.partitions[id];
            partition.is_ready = false;
            match partition.next(self.next_request, may_begin, may_repeat, &self.settings, &mut settled) {
                Next::Send { encoded, sequence } => {
                    let producer = self.session.map(|Session { producer_id, epoch }| v1::ProducerSequence {
                        producer_id,
                        epoch,
                        sequence,
                    });
                    request = Some(v1::ProduceStreamRequest {
                        correlation_id: self.next_request,
                        request: Some(v1::ProduceRequest {
                            topic: partition.topic.to_string(),
                            partition: partition.number,
                            batch: encoded.bytes,
                            batch_crc32c: Some(encoded.crc),
                            producer,
                            ..v1::ProduceRequest::default()
                        }),
                    });
                    self.requests.push_back((self.next_request, id));
                    self.next_request += 1;
                    // Behind the others, for its next batch.
                    self.wake(id);
                    break;
                }
                Next::Later => self.deferred.push(id),
                Next::Nothing => {}
            }
        }
        self.account(&settled);
        request
    }

    /// The stream, which the broker calls `id`, answered a request.
    ///
    /// # Errors
    /// It is not the answer to the oldest request: the stream cannot be used any more.
    pub(super) fn answered(
        &mut self,
        now: Duration,
        response: v1::ProduceStreamResponse,
        id: Option<&RequestId>,
    ) -> Result<(), Error> {
        let expected = self.requests.pop_front();
        let Some((request, at)) = expected.filter(|(request, _)| *request == response.correlation_id) else {
            return Err(Error::protocol("the broker answered a request that is not the next one"));
        };
        let partition = &mut self.partitions[at];
        let mut settled = Settled::new();
        let mut asked = None;
        let effect = match response.result {
            Some(Answer::Response(stored)) => partition.stored(request, &stored, &mut settled),
            Some(Answer::Error(detail)) => {
                let error = Error::from(detail).of_request(id);
                asked = error.retry_after();
                partition.refused(request, error, &mut settled)
            }
            None => {
                let error = Error::protocol("the broker's answer is empty");
                partition.refused(request, error.of_request(id), &mut settled)
            }
        };
        self.account(&settled);
        match effect {
            Effect::None => {}
            Effect::Progress => self.backoff.reset(),
            Effect::Backoff => self.back_off(now, asked),
            Effect::Forgotten => self.renewal = Some(Renewal::Producer),
            Effect::Missing => self.missing.push(Arc::clone(&self.partitions[at].topic)),
            Effect::Fatal(error) => self.fail(&error),
        }
        self.touched(at);
        Ok(())
    }

    /// The stream is gone, or could not be opened.
    pub(super) fn disconnected(&mut self, now: Duration, error: &Error) {
        self.requests.clear();
        if error.code() == Some(ErrorCode::ProducerFenced) {
            self.fail(error);
            return;
        }
        let mut settled = Settled::new();
        for id in 0..self.partitions.len() {
            let partition = &mut self.partitions[id];
            partition.disconnected(error, &mut settled);
            if !error.is_retryable() {
                partition.abandon(error, &mut settled);
            }
            self.touched(id);
        }
        self.account(&settled);
        self.back_off(now, error.retry_after());
    }

    /// The session to ask the next epoch for (none: a new producer), if it is time to. It is the same until
    /// the answer is there: the broker knows a repeated request by it.
    #[expect(clippy::option_option, reason = "whether to ask, and what for")]
    pub(super) fn wants_session(&self, now: Duration) -> Option<Option<Session>> {
        let is_quiet = || self.partitions.iter().all(|partition| partition.unresolved() == 0);
        let renewal = self.renewal.filter(|_| now >= self.retry_at && is_quiet())?;
        Some(match renewal {
            Renewal::Epoch => self.session,
            Renewal::Producer => None,
        })
    }

    /// A new session, or why there is none.
    pub(super) fn renewed(&mut self, now: Duration, session: Result<Session, Error>) {
        match session {
            Ok(session) => {
                self.session = Some(session);
                self.renewal = None;
                for id in 0..self.partitions.len() {
                    self.partitions[id].renewed();
                    self.wake(id);
                }
            }
            Err(error) if error.code() == Some(ErrorCode::UnknownProducer) => {
                self.renewal = Some(Renewal::Producer);
                self.back_off(now, error.retry_after());
            }
            Err(error) if error.is_retryable() => self.back_off(now, error.retry_after()),
            Err(error) => self.fail(&error),
        }
    }

    /// Topics that the broker did not find.
    pub(super) fn take_missing(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.missing)
    }

    /// Ends everything: this producer can do nothing more.
    fn fail(&mut self, error: &Error) {
        self.failure = Some(error.clone());
        let mut settled = Settled::new();
        for partition in &mut self.partitions {
            partition.abandon(error, &mut settled);
        }
        self.renewal = None;
        self.account(&settled);
    }

    fn back_off(&mut self, now: Duration, asked: Option<Duration>) {
        // Whatever else fails in the meantime does so for the same reason. The broker may ask for more.
        let wait = if now < self.retry_at { heeded(asked) } else { self.backoff.next(asked) };
        self.retry_at = self.retry_at.max(now + wait);
    }

    /// After anything that may have changed what a partition can send.
    fn touched(&mut self, id: usize) {
        if self.partitions[id].gap() == Gap::Renew && self.failure.is_none() {
            self.renewal.get_or_insert(Renewal::Epoch);
        }
        self.wake(id);
    }

    fn wake(&mut self, id: usize) {
        let partition = &mut self.partitions[id];
        if !partition.is_ready && partition.oldest().is_some() {
            partition.is_ready = true;
            self.ready.push_back(id);
        }
    }

    fn watch(&mut self, id: usize) {
        let partition = &mut self.partitions[id];
        if let Some(oldest) = partition.oldest().filter(|_| !partition.is_watched) {
            partition.is_watched = true;
            self.watched.push(Reverse((oldest + self.settings.delivery_timeout, id)));
        }
    }

    fn account(&mut self, settled: &Settled) {
        for generation in settled {
            if let Some(batches) = self.open.get_mut(generation) {
                *batches -= 1;
                if *batches == 0 {
                    self.open.remove(generation);
                }
            }
        }
        if !settled.is_empty() {
            self.answer_flushes();
        }
    }

    fn answer_flushes(&mut self) {
        let oldest = self.open.first_key_value().map_or(u64::MAX, |(generation, _)| *generation);
        while let Some((_, reply)) = self.flushes.pop_front_if(|(generation, _)| *generation < oldest) {
            let outcome = self.failure.clone().map_or(Ok(()), Err);
            let _ = reply.send(outcome);
        }
    }
}

#[cfg(test)]
mod tests;
