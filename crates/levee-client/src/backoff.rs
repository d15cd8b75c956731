//! How long to wait before the next attempt.

use levee_types::Random;
use std::sync::Arc;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);
/// The longest wait that a broker can ask for; one that wants more may say so again.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// How long to wait because the broker asks for it.
pub(crate) fn heeded(asked: Option<Duration>) -> Duration {
    asked.unwrap_or_default().min(LONGEST_ASKED)
}

/// Doubles from 100 ms to 2 s. Each wait is cut by a random part of up to a half, so that clients that
/// lost the same broker do not come back all at once.
pub(crate) struct Backoff {
    random: Arc<dyn Random>,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(random: Arc<dyn Random>) -> Self {
        Self { random, failures: 0 }
    }

    /// Something worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Something failed: how long to wait, and not less than the broker asks for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let mut bytes = [0; 2];
        self.random.fill(&mut bytes);
        let share = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
        longest.mul_f64(1.0 - share / 2.0).max(heeded(asked))
    }
}

#[cfg(test)]
mod tests;
