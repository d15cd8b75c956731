//! A clock that tests set by hand.

use levee_types::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The second of Unix time that it shows.
pub(super) struct Manual(AtomicI64);

impl Manual {
    pub(super) fn at(second: i64) -> Self {
        Self(AtomicI64::new(second))
    }

    pub(super) fn set(&self, second: i64) {
        self.0.store(second, Ordering::Relaxed);
    }
}

impl Clock for Manual {
    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed) * 1_000
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.unix_ms().try_into().unwrap())
    }
}
