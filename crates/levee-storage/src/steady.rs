//! Time that only goes on while the broker runs, and never jumps: for what must not be shortened by a wrong clock.
//!
//! It goes on from what was written down last. So a restart loses what passed since then, and what is measured with it
//! takes longer, never shorter.

use levee_types::Clock;
use std::sync::Arc;
use std::time::Duration;

/// Tells the steady time.
#[derive(Clone)]
pub(crate) struct Steady {
    clock: Arc<dyn Clock>,
    opened: Duration,
    opened_ms: u64,
}

impl Steady {
    /// Goes on from `opened_ms`.
    pub(crate) fn new(clock: Arc<dyn Clock>, opened_ms: u64) -> Self {
        Self { opened: clock.monotonic(), clock, opened_ms }
    }

    /// Milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        let passed = self.clock.monotonic().saturating_sub(self.opened);
        self.opened_ms.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }
}
