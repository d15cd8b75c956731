//! A share of a quota that is taken, but may have to be waited for.

use super::bucket::Charged;
use std::time::Duration;

/// A share of a quota. Dropped before it was used, it is given back.
#[must_use = "what is not used is given back"]
#[derive(Debug, Default)]
pub struct Reservation {
    delay: Duration,
    charged: Vec<Charged>,
}

impl Reservation {
    pub(super) fn new(delay: Duration, charged: Vec<Charged>) -> Self {
        Self { delay, charged }
    }

    /// How long to wait from when it was made.
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
        self.delay = self.delay.max(other.delay);
        self
    }

    /// Waits for it and uses it; tells how long that was. Dropped meanwhile, it is given back.
    pub async fn wait(mut self) -> Duration {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        self.charged.clear();
        self.delay
    }

    /// Uses so much of it, which may be less or more than was reserved. What it was reserved for has waited already.
    pub fn settle(mut self, used: u64) {
        self.charged.drain(..).for_each(|charged| charged.settle(used));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.charged.drain(..).for_each(Charged::refund);
    }
}
