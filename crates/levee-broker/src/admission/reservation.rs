//! A share of a quota that is taken, but may have to be waited for.

use super::bucket::Charged;
use std::time::Duration;

/// A share of a quota. Dropped before it was waited for, it is given back.
#[must_use = "what is not waited for is given back"]
#[derive(Debug, Default)]
pub struct Reservation {
    delay: Duration,
    charged: Vec<Charged>,
}

impl Reservation {
    /// Nothing is to be waited for.
    pub(super) fn none() -> Self {
        Self::default()
    }

    pub(super) fn after(delay: Duration, charged: Vec<Charged>) -> Self {
        Self { delay, charged }
    }

    /// How long to wait from when it was made.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Both: the longer wait holds.
    pub fn and(mut self, mut other: Self) -> Self {
        let mut charged = std::mem::take(&mut self.charged);
        charged.append(&mut other.charged);
        Self { delay: self.delay.max(other.delay), charged }
    }

    /// Waits for it, and tells how long that was. Dropped meanwhile, it is given back.
    pub async fn wait(mut self) -> Duration {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        // Now it is used.
        self.charged.clear();
        self.delay
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.charged.drain(..).for_each(Charged::refund);
    }
}
