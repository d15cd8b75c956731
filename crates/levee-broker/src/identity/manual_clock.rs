//! A clock for tests that goes on only when it is told to.

use levee_types::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The wall-clock time at which it begins, in Unix milliseconds.
pub(super) const START_MS: i64 = 1_700_000_000_000;

/// The monotonic time is since 1,000 s when it begins.
pub(super) struct ManualClock {
    elapsed_ms: AtomicU64,
}

impl ManualClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { elapsed_ms: AtomicU64::new(0) })
    }

    pub(super) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.elapsed_ms.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix_ms(&self) -> i64 {
        START_MS + i64::try_from(self.elapsed_ms.load(Ordering::SeqCst)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1_000) + Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }
}
