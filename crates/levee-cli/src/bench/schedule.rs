//! When records are sent.
//!
//! With a rate the load is an open loop: record number n is due n intervals after the start, whatever
//! became of those before it, and its latency counts from there. Producers draw from one schedule, so
//! that one that is held up does not hold up the others.

use levee_types::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The shortest time between two ticks of the pacer: a thread that wakes more often than this has no
/// time for anything else. Records that are due in between are sent this much late.
const TICK: Duration = Duration::from_micros(100);

/// What is due before the end is sent up to this long after it. Whatever waits longer shows that the rate
/// is not reached.
const GRACE: Duration = Duration::from_secs(1);

/// More producers than there can be.
const MAX_CLAIMANTS: u64 = 1 << 20;

/// How much is to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// This many records.
    Records(u64),
    /// Until this long after the start.
    Duration(Duration),
}

/// Hands out the right to send.
#[derive(Debug)]
pub(super) struct Schedule<C: ?Sized> {
    limit: Limit,
    /// Records a second.
    rate: Option<f64>,
    start: Duration,
    next: AtomicU64,
    /// One permit for each record that is due and that nobody claimed.
    due: Arc<Semaphore>,
    clock: Arc<C>,
}

/// The right to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// How many records, at least 1.
    pub(super) records: u64,
    /// When they were to be sent; absent: now.
    pub(super) intended: Option<Duration>,
}

/// Ends the pacer when it is dropped.
#[derive(Debug)]
pub(super) struct PacerGuard {
    _stop: Sender<()>,
}

/// Wakes a producer for each record that is due. It needs a thread: timers of the async runtime are a
/// millisecond off, which is longer than the latencies to be measured.
#[derive(Debug)]
pub(super) struct Pacer<C: ?Sized> {
    rate: f64,
    planned: u64,
    start: Duration,
    due: Arc<Semaphore>,
    stop: Receiver<()>,
    clock: Arc<C>,
}

impl<C: Clock + ?Sized> Schedule<C> {
    /// A schedule that starts now. With a rate there is a pacer, to be run on a thread until the guard is
    /// dropped.
    pub(super) fn start(
        limit: Limit,
        rate: Option<f64>,
        clock: Arc<C>,
    ) -> (Self, Option<(Pacer<C>, PacerGuard)>) {
        let start = clock.monotonic();
        let due = Arc::new(Semaphore::new(0));
        let schedule = Self { limit, rate, start, next: AtomicU64::new(0), due, clock };
        let pacer = rate.zip(schedule.planned()).map(|(rate, planned)| {
            let (guard, stop) = channel();
            let (due, clock) = (Arc::clone(&schedule.due), Arc::clone(&schedule.clock));
            (Pacer { rate, planned, start, due, stop, clock }, PacerGuard { _stop: guard })
        });
        (schedule, pacer)
    }

    /// When the schedule started.
    pub(super) fn started(&self) -> Duration {
        self.start
    }

    /// How many records the schedule has; none without a rate and a number of records.
    pub(super) fn planned(&self) -> Option<u64> {
        match (self.limit, self.rate) {
            (Limit::Records(records), _) => Some(records),
            (Limit::Duration(duration), Some(rate)) => Some(due_before(duration, rate)),
            (Limit::Duration(_), None) => None,
        }
    }

    /// Waits until something is to be sent, and returns the right to send up to `wish` records; none at the
    /// end. What the schedule has but nobody sent before the end is lost.
    pub(super) async fn claim(&self, wish: u64) -> Option<Claim> {
        let grace = if self.rate.is_some() { GRACE } else { Duration::ZERO };
        if let Limit::Duration(duration) = self.limit
            && self.clock.monotonic() >= self.start + duration + grace
        {
            return None;
        }
        match self.rate {
            None => self.claim_now(wish),
            Some(rate) => self.claim_due(rate).await,
        }
    }

    fn claim_now(&self, wish: u64) -> Option<Claim> {
        let Limit::Records(limit) = self.limit else { return Some(Claim { records: wish, intended: None }) };
        let first = self.next.fetch_add(wish, Ordering::Relaxed);
        let records = limit.saturating_sub(first).min(wish);
        (records > 0).then_some(Claim { records, intended: None })
    }

    async fn claim_due(&self, rate: f64) -> Option<Claim> {
        self.due.acquire().await.ok()?.forget();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let intended = self.start + due_time(number, rate);
        let is_planned = self.planned().is_some_and(|planned| number < planned);
        is_planned.then_some(Claim { records: 1, intended: Some(intended) })
    }
}

impl<C: Clock + ?Sized> Pacer<C> {
    /// Blocks until everything was due, or the guard is dropped.
    pub(super) fn run(self) {
        let mut issued = 0;
        while issued < self.planned {
            let now = self.clock.monotonic().saturating_sub(self.start);
            // What is due at this very moment counts too.
            let due = due_before(now + Duration::from_nanos(1), self.rate).min(self.planned);
            self.issue(due - issued);
            issued = due;
            let wait = due_time(due, self.rate).saturating_sub(now).max(TICK);
            match self.stop.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // Whoever comes now is told that this is the end.
        self.issue(MAX_CLAIMANTS);
    }

    fn issue(&self, records: u64) {
        self.due.add_permits(usize::try_from(records).unwrap_or(Semaphore::MAX_PERMITS));
    }
}

/// When the record of this number is due, from the start.
fn due_time(number: u64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX)
}

/// How many records are due before this time from the start.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float casts to the nearest u64"
)]
fn due_before(time: Duration, rate: f64) -> u64 {
    let mut due = (time.as_secs_f64() * rate) as u64;
    // Rounding may have put it on the wrong side.
    while due_time(due, rate) < time {
        due += 1;
    }
    while due > 0 && due_time(due - 1, rate) >= time {
        due -= 1;
    }
    due
}

#[cfg(test)]
mod tests;
