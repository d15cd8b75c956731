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
use tokio::sync::watch;

/// The shortest time between two ticks of the pacer: a thread that wakes more often than this has no
/// time for anything else. Records that are due in between are sent this much late.
const TICK: Duration = Duration::from_micros(100);

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
    due: watch::Receiver<u64>,
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

/// Tells producers that sleep what is due. It needs a thread: timers of the async runtime are a
/// millisecond off, which is longer than the latencies to be measured.
#[derive(Debug)]
pub(super) struct Pacer<C: ?Sized> {
    rate: f64,
    start: Duration,
    due: watch::Sender<u64>,
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
        let (sender, due) = watch::channel(0);
        let pacer = rate.map(|rate| {
            let (stop_sender, stop) = channel();
            let pacer = Pacer { rate, start, due: sender, stop, clock: Arc::clone(&clock) };
            (pacer, PacerGuard { _stop: stop_sender })
        });
        (Self { limit, rate, start, next: AtomicU64::new(0), due, clock }, pacer)
    }

    /// When the schedule started.
    pub(super) fn started(&self) -> Duration {
        self.start
    }

    /// How many records the schedule has; none without a rate and a number of records.
    pub(super) fn planned(&self) -> Option<u64> {
        match (self.limit, self.rate) {
            (Limit::Records(records), _) => Some(records),
            (Limit::Duration(duration), Some(rate)) => Some(due_after(duration, rate)),
            (Limit::Duration(_), None) => None,
        }
    }

    /// Waits until something is to be sent, and returns the right to send up to `wish` records; none at the
    /// end. What the schedule has but nobody sent before the end is lost.
    pub(super) async fn claim(&self, wish: u64) -> Option<Claim> {
        if let Limit::Duration(duration) = self.limit
            && self.clock.monotonic() >= self.start + duration
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
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if self.planned().is_some_and(|planned| number >= planned) {
            return None;
        }
        let intended = self.start + due_time(number, rate);
        if self.clock.monotonic() < intended {
            self.due.clone().wait_for(|due| *due > number).await.ok()?;
        }
        Some(Claim { records: 1, intended: Some(intended) })
    }
}

impl<C: Clock + ?Sized> Pacer<C> {
    /// Blocks until the guard is dropped.
    pub(super) fn run(self) {
        loop {
            let now = self.clock.monotonic().saturating_sub(self.start);
            let due = due_after(now, self.rate);
            self.due.send_replace(due);
            let wait = due_time(due, self.rate).saturating_sub(now).max(TICK);
            match self.stop.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// When the record of this number is due, from the start.
fn due_time(number: u64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX)
}

/// How many records are due before this time from the start, or at it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float casts to the nearest u64"
)]
fn due_after(time: Duration, rate: f64) -> u64 {
    let mut due = (time.as_secs_f64() * rate) as u64;
    // Rounding may have put the next one on this side.
    while due_time(due, rate) <= time {
        due += 1;
    }
    due
}

#[cfg(test)]
mod tests;
