//! Gathers the acknowledgements of one producer.
//!
//! Those of one partition come in the order of sending and a batch at a time, so that only the first of
//! each partition is waited for; when it resolves, those behind it are looked at. A wait therefore costs
//! once a batch, and a latency never includes the wait for another partition.

use super::progress::Progress;
use crate::failure::Failure;
use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use hdrhistogram::Histogram;
use levee_client::{Acked, Delivery, Error};
use levee_types::Clock;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::unconstrained;

/// Latencies are kept in microseconds, up to an hour, with 3 significant digits.
const MAX_LATENCY_US: u64 = 3_600_000_000;

/// A record that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// To which partition.
    pub(super) partition: u32,
    /// From when its latency counts.
    pub(super) since: Duration,
    /// Its outcome.
    pub(super) delivery: Delivery,
}

/// What became of records.
#[derive(Debug)]
pub(super) struct Tally {
    /// Records acknowledged, or read.
    pub(super) done: u64,
    /// Records that failed.
    pub(super) failed: u64,
    /// Why the first of them failed.
    pub(super) first_failure: Option<Failure>,
    /// Latencies in microseconds.
    pub(super) latency: Histogram<u64>,
    /// When the last one was done.
    pub(super) last: Duration,
}

impl Tally {
    /// Nothing yet.
    #[expect(clippy::expect_used, reason = "the bounds are constants, and a test makes a tally")]
    pub(super) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, MAX_LATENCY_US, 3).expect("valid bounds");
        Self { done: 0, failed: 0, first_failure: None, latency, last: Duration::ZERO }
    }

    /// Notes the outcome of a record whose latency counts from `since`.
    fn note(&mut self, since: Duration, result: Result<Acked, Error>, now: Duration) {
        match result {
            Ok(_) => {
                self.done += 1;
                self.last = now;
                self.note_latency(now.saturating_sub(since), 1);
            }
            Err(error) => self.fail(|| error.into()),
        }
    }

    /// Notes the latency of some records.
    pub(super) fn note_latency(&mut self, latency: Duration, records: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record_n(micros, records);
    }

    /// Notes a failure.
    pub(super) fn fail(&mut self, failure: impl FnOnce() -> Failure) {
        self.failed += 1;
        if self.first_failure.is_none() {
            self.first_failure = Some(failure());
        }
    }

    /// Takes over what another one noted.
    pub(super) fn merge(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.last = self.last.max(other.last);
        // The bounds are the same, which is the only thing that can be wrong.
        let _ = self.latency.add(other.latency);
    }
}

/// The records of one partition whose outcome is open.
#[derive(Debug, Default)]
struct Lane {
    /// The first of them is being waited for.
    busy: bool,
    /// The others, in the order of sending.
    behind: VecDeque<Sent>,
}

/// Waits for the outcome of everything that comes out of `sent`, until its senders are gone. Partitions
/// are below `partitions`.
pub(super) async fn collect(
    mut sent: Receiver<Sent>,
    partitions: u32,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
) -> Tally {
    const CHUNK: usize = 1024;
    let mut tally = Tally::new();
    let mut lanes: Vec<Lane> = (0..partitions).map(|_| Lane::default()).collect();
    let mut first = FuturesUnordered::new();
    let mut incoming = Vec::with_capacity(CHUNK);
    let mut open = true;
    while open || !first.is_empty() {
        tokio::select! {
            received = sent.recv_many(&mut incoming, CHUNK), if open => {
                open = received > 0;
                for sent in incoming.drain(..) {
                    let lane = &mut lanes[sent.partition as usize];
                    if lane.busy {
                        lane.behind.push_back(sent);
                    } else {
                        lane.busy = true;
                        first.push(outcome(sent));
                    }
                }
            }
            Some((partition, since, result)) = first.next(), if !first.is_empty() => {
                let now = clock.monotonic();
                tally.note(since, result, now);
                let lane = &mut lanes[partition as usize];
                lane.busy = false;
                while let Some(mut next) = lane.behind.pop_front() {
                    // A batch may have more records than a task of the runtime may look at in one go.
                    if let Some(result) = unconstrained(&mut next.delivery).now_or_never() {
                        tally.note(next.since, result, now);
                    } else {
                        lane.busy = true;
                        first.push(outcome(next));
                        break;
                    }
                }
                progress.set(&tally);
            }
        }
    }
    tally
}

async fn outcome(sent: Sent) -> (u32, Duration, Result<Acked, Error>) {
    (sent.partition, sent.since, sent.delivery.await)
}
