//! A share of a quota that is taken, but may have to be waited for.

use super::bucket::{Bucket, Charged};
use super::events::Soft;
use levee_types::Clock;
use levee_types::quota::{Dimension, Effective};
use std::sync::Arc;
use std::time::Duration;

/// A share of a quota. Dropped before it was used, it is given back.
#[must_use = "what is not used is given back"]
#[derive(Default)]
pub struct Reservation {
    delay: Duration,
    charged: Vec<Charged>,
    later: Vec<NodeCharge>,
    uses: Vec<Use>,
}

/// A charge to the node that is made when the tenant's own levels have been waited for.
pub(super) struct NodeCharge {
    pub(super) bucket: Arc<Bucket>,
    pub(super) amount: u64,
    pub(super) clock: Arc<dyn Clock>,
}

/// What is reported as used once it is.
pub(super) struct Use {
    pub(super) soft: Arc<Soft>,
    pub(super) dimension: Dimension,
    pub(super) amount: u64,
    /// The tenant's, if there is a limit.
    pub(super) quota: Option<Effective>,
}

impl Use {
    fn passed(self, amount: u64) {
        self.soft.passed(self.dimension, self.quota, amount);
    }
}

impl Reservation {
    pub(super) fn new(delay: Duration, charged: Vec<Charged>, later: Option<NodeCharge>, used: Use) -> Self {
        Self { delay, charged, later: later.into_iter().collect(), uses: vec![used] }
    }

    /// How long to wait from when it was made, at least.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Whether there is a limit at all.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !self.charged.is_empty()
    }

    /// Both: the longer wait holds.
    pub fn and(mut self, mut other: Self) -> Self {
        self.charged.append(&mut other.charged);
        self.later.append(&mut other.later);
        self.uses.append(&mut other.uses);
        self.delay = self.delay.max(other.delay);
        self
    }

    /// Waits until it may be used; tells how long that was. Dropped meanwhile, it is given back.
    pub async fn ready(&mut self) -> Duration {
        let own = std::mem::take(&mut self.delay);
        if !own.is_zero() {
            tokio::time::sleep(own).await;
        }
        let mut nodes = Duration::ZERO;
        for NodeCharge { bucket, amount, clock } in self.later.drain(..) {
            if let Some((_, charged)) = bucket.charge(amount, clock.monotonic()) {
                nodes = nodes.max(charged.delay);
                self.charged.push(charged);
            }
        }
        if !nodes.is_zero() {
            tokio::time::sleep(nodes).await;
        }
        own + nodes
    }

    /// Waits for it and uses it; tells how long that was. Dropped meanwhile, it is given back.
    pub async fn wait(mut self) -> Duration {
        let waited = self.ready().await;
        self.charged.clear();
        for used in self.uses.drain(..) {
            let amount = used.amount;
            used.passed(amount);
        }
        waited
    }

    /// Uses so much of it, which may be less or more than was reserved. What it was reserved for has waited already.
    pub fn settle(mut self, amount: u64) {
        self.charged.drain(..).for_each(|charged| charged.settle(amount));
        self.uses.drain(..).for_each(|used| used.passed(amount));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.charged.drain(..).for_each(Charged::refund);
    }
}
