//! Keeps a flood of the same event from becoming a flood of log lines.

use levee_types::Clock;
use std::sync::Arc;
use std::time::Duration;

/// How often one kind of event is logged.
const INTERVAL: Duration = Duration::from_secs(5);

/// Lets one event through per interval of 5 s and counts the others.
pub struct RateLimited {
    clock: Arc<dyn Clock>,
    last: Option<Duration>,
    suppressed: u64,
}

impl RateLimited {
    /// Lets the first event through.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: None, suppressed: 0 }
    }

    /// For an event that just happened: `Some(how many were passed over since the last)` if it is to be
    /// logged.
    pub fn admit(&mut self) -> Option<u64> {
        let now = self.clock.monotonic();
        if self.last.is_some_and(|last| now.saturating_sub(last) < INTERVAL) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::RateLimited;
    use levee_types::Clock;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    struct Manual(AtomicU64);

    impl Clock for Manual {
        fn unix_ms(&self) -> i64 {
            0
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn one_event_per_interval_and_the_rest_are_counted() {
        let clock = Arc::new(Manual(AtomicU64::new(100)));
        let mut log = RateLimited::new(Arc::clone(&clock) as Arc<dyn Clock>);
        assert_eq!(log.admit(), Some(0));
        assert_eq!(log.admit(), None);
        assert_eq!(log.admit(), None);
        clock.0.store(105, Ordering::Relaxed);
        assert_eq!(log.admit(), Some(2));
        assert_eq!(log.admit(), None);
    }
}
