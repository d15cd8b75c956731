//! Time that the test moves on, and randomness that is none.

use levee_types::{Clock, Random};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time of the machine, and what it was moved on.
pub struct Shifted {
    start: Instant,
    by_ms: AtomicU64,
}

impl Shifted {
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        Self { start: Instant::now(), by_ms: AtomicU64::new(0) }
    }

    pub fn shift(&self, by: Duration) {
        self.by_ms.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Shifted {
    fn unix_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + Duration::from_millis(self.by_ms.load(Ordering::Relaxed))
    }
}

/// Fills with nothing.
pub struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, _: &mut [u8]) {}
}
