//! The calendar, believed with care.
//!
//! What a wrong clock calls old would be gone for good. So a clock that leaps forward is believed only once it has
//! stood there for an hour, by the time that never leaps; one that goes back is believed at once. What is old goes
//! later then, never earlier.

use std::time::Duration;

/// What a clock may gain between two looks without being doubted.
const TOLERANCE_MS: i64 = 10_000;
/// How long a leap must stand.
const STANDS: Duration = Duration::from_secs(60 * 60);

/// Tells what time it is, by a clock that may be wrong for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall {
    /// What was believed last.
    unix_ms: i64,
    /// When, by the time that never leaps.
    at: Duration,
    /// The leap that is doubted.
    leap: Option<Leap>,
}

#[derive(Debug, Clone, Copy)]
struct Leap {
    /// When it was seen first, by the time that never leaps.
    since: Duration,
    /// How far ahead of what is believed the clock is.
    by_ms: i64,
}

impl Wall {
    /// With a clock that is right now, as far as anybody knows.
    pub(crate) fn new(unix_ms: i64, monotonic: Duration) -> Self {
        Self { unix_ms, at: monotonic, leap: None }
    }

    /// The time to go by, if the clock shows `unix_ms`. `monotonic` never leaps.
    pub(crate) fn believe(&mut self, unix_ms: i64, monotonic: Duration) -> i64 {
        let at_once = Self::new(unix_ms, monotonic);
        let passed = monotonic.saturating_sub(self.at).as_millis();
        let expected = self.unix_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let by_ms = unix_ms.saturating_sub(expected);
        // Another leap has to stand for itself.
        let leap = self
            .leap
            .filter(|leap| leap.by_ms.abs_diff(by_ms) <= TOLERANCE_MS.unsigned_abs())
            .unwrap_or(Leap { since: monotonic, by_ms });
        let has_stood = monotonic.saturating_sub(leap.since) >= STANDS;
        *self = match by_ms <= TOLERANCE_MS || has_stood {
            true => at_once,
            false => Self { unix_ms: expected, at: monotonic, leap: Some(leap) },
        };
        self.unix_ms
    }
}

#[cfg(test)]
mod tests;
