//! One bucket, by virtual scheduling: it knows the time at which all that was charged will be paid back
//! (the generic cell rate algorithm, ITU-T I.371, without its limit on the size of a charge).

use levee_types::quota::Effective;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const SECOND_NS: u128 = 1_000_000_000;

/// A bucket. Charges wait in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    quota: RwLock<Option<Effective>>,
    /// Nanoseconds of the monotonic clock at which what was charged is paid back.
    paid_at: AtomicU64,
}

/// A charge that was made.
#[derive(Debug)]
pub(super) struct Charged {
    bucket: Arc<Bucket>,
    cost_ns: u64,
    /// How long to wait.
    pub(super) delay: Duration,
}

impl Charged {
    /// Gives it back.
    pub(super) fn refund(self) {
        self.settle(0);
    }

    /// Makes it a charge of another amount.
    pub(super) fn settle(self, amount: u64) {
        let cost_ns = self.bucket.quota().map_or(0, |quota| time_of(amount, &quota));
        let other = |paid_at: u64| Some(paid_at.saturating_sub(self.cost_ns).saturating_add(cost_ns));
        // It always succeeds: `other` always gives a value.
        let _ = self.bucket.paid_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, other);
    }
}

impl Bucket {
    /// From now on this holds; none: no limit. What is owed stays owed.
    pub(super) fn set(&self, quota: Option<Effective>) {
        *self.quota.write().unwrap_or_else(PoisonError::into_inner) =
            quota.filter(|quota| quota.limit.is_some_and(|limit| limit > 0));
    }

    /// What holds, if there is a limit.
    pub(super) fn quota(&self) -> Option<Effective> {
        *self.quota.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a charge would have to wait.
    pub(super) fn delay(&self, now: Duration) -> Duration {
        match self.quota() {
            Some(quota) => waits(&quota, self.paid_at.load(Ordering::Acquire), nanoseconds(now)),
            None => Duration::ZERO,
        }
    }

    /// Charges an amount. None: there is no limit.
    pub(super) fn charge(self: Arc<Self>, amount: u64, now: Duration) -> Option<(Effective, Charged)> {
        let quota = self.quota()?;
        let now = nanoseconds(now);
        let cost_ns = time_of(amount, &quota);
        let more = |paid_at: u64| Some(paid_at.max(now).saturating_add(cost_ns));
        let before = match self.paid_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, more) {
            Ok(before) | Err(before) => before,
        };
        let delay = waits(&quota, before, now);
        Some((quota, Charged { bucket: self, cost_ns, delay }))
    }
}

/// What was charged before must be paid back, but for what may come at once.
fn waits(quota: &Effective, paid_at: u64, now: u64) -> Duration {
    let burst_ns = time_of(quota.burst.unwrap_or(0), quota);
    Duration::from_nanos(paid_at.saturating_sub(burst_ns).saturating_sub(now))
}

/// How long the rate takes for an amount.
fn time_of(amount: u64, quota: &Effective) -> u64 {
    let limit = u128::from(quota.limit.unwrap_or(u64::MAX).max(1));
    u64::try_from(u128::from(amount) * SECOND_NS / limit).unwrap_or(u64::MAX)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
