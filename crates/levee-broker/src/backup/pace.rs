//! How fast a backup may go.

use levee_types::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bytes a second. The time at which all that was taken is paid for is the one number that it keeps.
pub(crate) struct Pace {
    per_second: u64,
    clock: Arc<dyn Clock>,
    paid_at: Mutex<Duration>,
}

impl Pace {
    /// `per_second`: 0 for no limit.
    pub(crate) fn new(per_second: u64, clock: Arc<dyn Clock>) -> Self {
        Self { per_second, clock, paid_at: Mutex::default() }
    }

    /// Waits until so many bytes may be moved.
    pub(crate) async fn take(&self, bytes: u64) {
        let wait = self.owed(bytes);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// What must be waited before these bytes; they are taken.
    fn owed(&self, bytes: u64) -> Duration {
        if self.per_second == 0 {
            return Duration::ZERO;
        }
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.per_second);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = self.clock.monotonic();
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (*paid_at).max(now);
        *paid_at = begin.saturating_add(cost);
        begin - now
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use levee_types::Clock;
    use std::sync::Arc;
    use std::time::Duration;

    struct Noon;

    impl Clock for Noon {
        fn unix_ms(&self) -> i64 {
            0
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(43_200)
        }
    }

    #[test]
    fn what_was_taken_is_waited_for_by_the_next() {
        let pace = Pace::new(1_000, Arc::new(Noon));
        assert_eq!(pace.owed(500), Duration::ZERO);
        assert_eq!(pace.owed(2_000), Duration::from_millis(500));
        assert_eq!(pace.owed(0), Duration::from_millis(2_500));
        assert_eq!(Pace::new(0, Arc::new(Noon)).owed(u64::MAX), Duration::ZERO);
    }
}
