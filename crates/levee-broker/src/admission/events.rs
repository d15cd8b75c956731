//! What quotas did: the latest requests that were held up, the metrics, and warnings before a limit is reached.

use super::Charge;
use crate::rate_limited::RateLimited;
use levee_types::Clock;
use levee_types::limits::MAX_QUOTA_EVENTS;
use levee_types::quota::{Action, Dimension, Effective};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whose quota it is. The numbers are those of `levee.v1.QuotaLevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Everybody's.
    Node = 1,
    /// The tenant's.
    Tenant = 2,
    /// The user's.
    User = 3,
    /// The topic's.
    Topic = 4,
}

impl Level {
    /// The value of the label `level`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Topic => "topic",
        }
    }
}

/// A request that a quota held up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    /// When, in Unix milliseconds.
    pub time_ms: i64,
    /// The request.
    pub request_id: String,
    /// Whose it was.
    pub user: String,
    /// The topic that it was about; empty for none.
    pub topic: String,
    /// Of what there was too much.
    pub dimension: Dimension,
    /// Whose quota it was.
    pub level: Level,
    /// The limit.
    pub limit: u64,
    /// How long it waited; nothing if it was refused.
    pub delay: Duration,
    /// What happened to it.
    pub action: Action,
}

/// The latest requests that were held up.
pub(super) struct Events {
    clock: Arc<dyn Clock>,
    throttled_us: AtomicU64,
    latest: Mutex<VecDeque<HeldUp>>,
}

impl Events {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, throttled_us: AtomicU64::new(0), latest: Mutex::default() }
    }

    pub(super) fn delayed(&self, charge: Charge<'_>, level: Level, quota: Effective, delay: Duration) {
        let (dimension, level_name) = (charge.dimension.name(), level.name());
        metrics::counter!("levee_quota_throttled_total", "dimension" => dimension, "level" => level_name)
            .increment(1);
        metrics::histogram!("levee_quota_throttle_seconds", "dimension" => dimension).record(delay);
        let delay_us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.throttled_us.fetch_add(delay_us, Ordering::Relaxed);
        self.note(charge, level, quota, delay, Action::Throttle);
    }

    pub(super) fn refused(&self, charge: Charge<'_>, level: Level, quota: Effective) {
        let (dimension, level_name) = (charge.dimension.name(), level.name());
        metrics::counter!("levee_quota_refused_total", "dimension" => dimension, "level" => level_name)
            .increment(1);
        self.note(charge, level, quota, Duration::ZERO, Action::Reject);
    }

    fn note(&self, charge: Charge<'_>, level: Level, quota: Effective, delay: Duration, action: Action) {
        let event = HeldUp {
            time_ms: self.clock.unix_ms(),
            request_id: charge.request_id.to_owned(),
            user: charge.user.to_owned(),
            topic: charge.topic.map(ToString::to_string).unwrap_or_default(),
            dimension: charge.dimension,
            level,
            limit: quota.limit.unwrap_or(u64::MAX),
            delay,
            action,
        };
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == MAX_QUOTA_EVENTS {
            latest.pop_front();
        }
        latest.push_back(event);
    }

    /// How long requests were held up, all together.
    pub(super) fn throttled_us(&self) -> u64 {
        self.throttled_us.load(Ordering::Relaxed)
    }

    pub(super) fn latest(&self) -> Vec<HeldUp> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

/// Warns when a tenant comes near to a limit.
pub(super) struct Soft {
    clock: Arc<dyn Clock>,
    tenant: Mutex<String>,
    marks: AtomicU64,
    seconds: [Second; Dimension::ALL.len()],
    logs: Mutex<Vec<(Dimension, RateLimited)>>,
}

/// What came within this second and the one before.
#[derive(Default)]
struct Second {
    second: AtomicU64,
    amount: AtomicU64,
    before: AtomicU64,
}

impl Soft {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tenant: Mutex::default(),
            marks: AtomicU64::new(0),
            seconds: Default::default(),
            logs: Mutex::default(),
        }
    }

    pub(super) fn name(&self, tenant: &str) {
        let mut name = self.tenant.lock().unwrap_or_else(PoisonError::into_inner);
        if *name != tenant {
            tenant.clone_into(&mut name);
        }
    }

    /// So much of a rate was used.
    pub(super) fn passed(&self, dimension: Dimension, quota: Option<Effective>, amount: u64) {
        let second = self.second(dimension);
        second.turn(self.clock.monotonic().as_secs());
        let used = second.amount.fetch_add(amount, Ordering::Relaxed) + amount;
        let Some(quota) = quota else { return };
        if let (Some(limit), Some(mark)) = (quota.limit, quota.soft_mark())
            && (used - amount..used).contains(&mark.saturating_sub(1))
        {
            self.warn(dimension, limit);
        }
    }

    /// A tenant is near to a limit.
    pub(super) fn warn(&self, dimension: Dimension, limit: u64) {
        metrics::counter!("levee_quota_soft_total", "dimension" => dimension.name()).increment(1);
        self.marks.fetch_add(1, Ordering::Relaxed);
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match logs.iter().position(|(known, _)| *known == dimension) {
            Some(index) => index,
            None => {
                logs.push((dimension, RateLimited::new(Arc::clone(&self.clock))));
                logs.len() - 1
            }
        };
        if let Some(suppressed) = logs[index].1.admit() {
            let tenant = self.tenant.lock().unwrap_or_else(PoisonError::into_inner).clone();
            tracing::warn!(
                tenant,
                dimension = dimension.name(),
                limit,
                suppressed,
                "a tenant is near to its quota"
            );
        }
    }

    /// How often that was.
    pub(super) fn marks(&self) -> u64 {
        self.marks.load(Ordering::Relaxed)
    }

    /// What came within the last whole second.
    pub(super) fn per_second(&self, dimension: Dimension) -> u64 {
        let second = self.second(dimension);
        second.turn(self.clock.monotonic().as_secs());
        second.before.load(Ordering::Relaxed)
    }

    fn second(&self, dimension: Dimension) -> &Second {
        &self.seconds[dimension as usize - 1]
    }
}

impl Second {
    fn turn(&self, now: u64) {
        let last = self.second.load(Ordering::Relaxed);
        if last != now
            && self.second.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let amount = self.amount.swap(0, Ordering::Relaxed);
            self.before.store(if last + 1 == now { amount } else { 0 }, Ordering::Relaxed);
        }
    }
}
