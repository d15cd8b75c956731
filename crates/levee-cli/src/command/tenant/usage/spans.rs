//! Which hours are asked for, and in which requests.

use crate::failure::Failure;
use crate::moment::Moment;
use levee_types::limits::MAX_USAGE_HOURS;

const HOUR_MS: i64 = 3_600_000;
/// Hours of one request: well below the 1,000 that it can ask for.
const REQUEST_HOURS: i64 = 500;

/// Whole hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::command) struct Spans {
    /// When the first one begins.
    pub(in crate::command) from_ms: i64,
    /// When the last one ends.
    pub(in crate::command) to_ms: i64,
    /// It ends with the present hour, whatever time the server thinks it is.
    is_open: bool,
}

impl Spans {
    /// The hours from one moment to another, as far back as they are kept.
    ///
    /// # Errors
    /// There are none.
    pub(in crate::command) fn new(from: Moment, to: Moment, now_ms: i64) -> Result<Self, Failure> {
        let (from_ms, to_ms) = (from.unix_ms(now_ms), to.unix_ms(now_ms));
        if from_ms >= to_ms {
            return Err(Failure::usage("the first hour is not before the end"));
        }
        let to_ms = to_ms.saturating_add(HOUR_MS - 1) / HOUR_MS * HOUR_MS;
        let kept = i64::try_from(MAX_USAGE_HOURS).unwrap_or(i64::MAX).saturating_mul(HOUR_MS);
        let from_ms = (from_ms / HOUR_MS * HOUR_MS).max(to_ms.saturating_sub(kept));
        Ok(Self { from_ms, to_ms, is_open: to == Moment::Now })
    }

    /// First hour and end of each request.
    pub(super) fn requests(&self) -> impl Iterator<Item = (i64, i64)> {
        let mut next = self.from_ms;
        std::iter::from_fn(move || {
            let from = next;
            if from >= self.to_ms {
                return None;
            }
            next = from.saturating_add(REQUEST_HOURS * HOUR_MS).min(self.to_ms);
            let is_last = next == self.to_ms;
            // 0 is the present of the server.
            Some((from, if is_last && self.is_open { 0 } else { next }))
        })
    }
}

#[cfg(test)]
mod tests;
