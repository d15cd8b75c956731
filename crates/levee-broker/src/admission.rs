//! What tenants may use of the broker, and what happens beyond it.
//!
//! Rates are buckets at up to four levels: the node, the tenant, the user, the topic. One charge goes to all of
//! them; the delay is the longest. A bucket may go into debt by one charge, and lets nothing more through until the
//! debt is paid back: so charges of any size pass, and what passed within a window is at most rate × window +
//! burst + one charge.
//!
//! The node is charged once the levels of the tenant let a request through: what waits for one tenant's quota takes
//! nothing of what is everybody's; then it waits its turn there, and is not refused any more. What is reported as used
//! is what passed, when it passed.
//!
//! Must hold: a tenant's limit holds over all its connections, users, topics and streams together; who would wait
//! longer than [`MAX_THROTTLE`] is refused at once and charged nothing, so that what waits is bounded; who is
//! gone before its turn gives back what it was charged.

mod bucket;
mod connections;
mod events;
mod levels;
mod limits;
mod memory;
mod reservation;

#[cfg(test)]
mod tests;

pub use connections::ConnectionPlace;
pub use events::{HeldUp, Level};
pub use limits::{Limits, NodeRates};
pub use memory::Held;
pub use reservation::Reservation;

use connections::Connections;
use events::{Events, Soft};
use levee_types::limits::MAX_THROTTLE;
use levee_types::quota::{Action, Dimension, Effective, Source};
use levee_types::{Clock, ErrorCode, LeveeError, TopicName};
use levels::{Levels, Rates};
use memory::Memory;
use reservation::{NodeCharge, Use};
use std::sync::Arc;
use std::time::Duration;

/// What somebody wants to use.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// Of what; a rate.
    pub dimension: Dimension,
    /// How much.
    pub amount: u64,
    /// By whom.
    pub user: &'a str,
    /// For which topic, if it is for one.
    pub topic: Option<&'a TopicName>,
    /// The id of the request.
    pub request_id: &'a str,
}

/// What all tenants may use together.
pub struct NodeAdmission {
    rates: Rates,
    memory: Memory,
}

impl NodeAdmission {
    /// Without what is none there is no limit.
    #[must_use]
    pub fn new(rates: NodeRates) -> Self {
        let node = Rates::default();
        for (dimension, limit) in rates.limits() {
            let own = std::iter::once((dimension, limit)).collect();
            node.set(dimension, Some(Effective::of_part(dimension, &own, Source::Default)));
        }
        Self { rates: node, memory: Memory::of_node() }
    }
}

/// What one tenant may use.
pub struct TenantAdmission {
    clock: Arc<dyn Clock>,
    node: Arc<NodeAdmission>,
    levels: Levels,
    connections: Arc<Connections>,
    memory: Memory,
    events: Events,
    soft: Arc<Soft>,
}

impl TenantAdmission {
    /// Without limits of its own, until they are applied.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, node: Arc<NodeAdmission>) -> Self {
        Self {
            events: Events::new(Arc::clone(&clock)),
            soft: Arc::new(Soft::new(Arc::clone(&clock))),
            clock,
            node,
            levels: Levels::default(),
            connections: Arc::default(),
            memory: Memory::of_tenant(),
        }
    }

    /// From now on these limits hold. Debts stay.
    pub fn apply(&self, limits: &Limits) {
        self.levels.apply(limits);
        self.connections.limit(limits.of(Dimension::Connections));
        self.soft.name(limits.tenant_name());
    }

    /// Takes what is wanted, now or in a while.
    ///
    /// # Errors
    /// QUOTA_EXCEEDED: it is too much; nothing was taken.
    pub fn reserve(&self, charge: Charge<'_>) -> Result<Reservation, LeveeError> {
        let Charge { dimension, amount, .. } = charge;
        let now = self.clock.monotonic();
        let buckets = self.levels.of(&self.node.rates, charge);
        // Nobody is charged before it is clear that nobody refuses.
        for (level, bucket) in buckets.iter().flatten() {
            let Some(quota) = bucket.quota() else { continue };
            let delay = bucket.delay(now);
            let is_refused = match quota.action {
                Action::Reject => !delay.is_zero(),
                Action::Throttle => delay > MAX_THROTTLE,
                // Nothing is trimmed for a rate.
                Action::Observe | Action::TrimOldest => false,
            };
            if is_refused {
                self.events.refused(charge, *level, quota);
                return Err(refusal(charge, *level, quota, delay));
            }
        }
        let mut longest: Option<(Level, Effective, Duration)> = None;
        let mut used = Use { soft: Arc::clone(&self.soft), dimension, amount, quota: None };
        let mut charged_to = Vec::with_capacity(buckets.len());
        let mut later = None;
        for (level, bucket) in buckets.into_iter().flatten() {
            if level == Level::Node && longest.is_some() {
                later = Some(NodeCharge { bucket, amount, clock: Arc::clone(&self.clock) });
                continue;
            }
            let Some((quota, charged)) = bucket.charge(amount, now) else { continue };
            if level == Level::Tenant {
                used.quota = Some(quota);
            }
            if quota.action == Action::Throttle
                && !charged.delay.is_zero()
                && longest.is_none_or(|(_, _, delay)| charged.delay > delay)
            {
                longest = Some((level, quota, charged.delay));
            }
            charged_to.push(charged);
        }
        let delay = longest.map_or(Duration::ZERO, |(level, quota, delay)| {
            self.events.delayed(charge, level, quota, delay);
            delay
        });
        Ok(Reservation::new(delay, charged_to, later, used))
    }

    /// A place for another connection.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED.
    pub fn connect(&self) -> Result<ConnectionPlace, LeveeError> {
        let open = Connections::take(&self.connections);
        if let Err(quota) = &open {
            metrics::counter!("levee_quota_refused_total", "dimension" => "connections", "level" => "tenant")
                .increment(1);
            self.soft.warn(Dimension::Connections, quota.limit.unwrap_or(0));
        }
        open.map_err(|quota| {
            let limit = quota.limit.unwrap_or(0);
            LeveeError::new(
                ErrorCode::LimitExceeded,
                format!("the tenant is at its limit of {limit} connections"),
            )
            .with_hint("close connections that are not needed, or ask the operator for a higher quota")
        })
        .inspect(|place| {
            if let Some(limit) = place.near_limit() {
                self.soft.warn(Dimension::Connections, limit);
            }
        })
    }

    /// Memory for an answer of so many bytes, until its client has taken it. None: there is none.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> Option<Held> {
        Held::take(&self.memory, &self.node.memory, bytes)
    }

    /// What is used: per second for rates, about; of what is counted elsewhere, nothing.
    #[must_use]
    pub fn used(&self, dimension: Dimension) -> u64 {
        match dimension {
            Dimension::Connections => self.connections.open(),
            dimension => self.soft.per_second(dimension),
        }
    }

    /// Microseconds for which requests were held up since the broker started, added up over all of them.
    #[must_use]
    pub fn throttled_us(&self) -> u64 {
        self.events.throttled_us()
    }

    /// How often the tenant came near to a quota since the broker started.
    #[must_use]
    pub fn soft_marks(&self) -> u64 {
        self.soft.marks()
    }

    /// The latest requests that were held up, the latest first.
    #[must_use]
    pub fn held_up(&self) -> Vec<HeldUp> {
        self.events.latest()
    }
}

fn refusal(charge: Charge<'_>, level: Level, quota: Effective, delay: Duration) -> LeveeError {
    let limit = quota.limit.unwrap_or(u64::MAX);
    let whose = match level {
        Level::Node => "the broker's".to_owned(),
        Level::Tenant => "the tenant's".to_owned(),
        Level::User => format!("user {}'s", charge.user),
        Level::Topic => format!("topic {}'s", charge.topic.map_or("", |topic| topic.as_str())),
    };
    let message = format!("{whose} quota of {} is used up", charge.dimension.amount(limit));
    let hint = match level {
        Level::Node => "send less, or wait".to_owned(),
        Level::Tenant | Level::User | Level::Topic => format!(
            "send less, or raise it with: levee quota set TENANT {}={}",
            charge.dimension,
            limit.saturating_mul(2)
        ),
    };
    LeveeError::new(ErrorCode::QuotaExceeded, message).with_hint(hint).with_retry_after(delay)
}
