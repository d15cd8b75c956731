//! Moments as people write them: `now`, `-24h`, or an RFC 3339 time.

use crate::units;
use std::str::FromStr;
use std::time::Duration;

/// A moment, not yet tied to the present time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The present.
    Now,
    /// This long ago.
    Ago(Duration),
    /// This time, in Unix milliseconds.
    At(i64),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment = match text.strip_prefix('-') {
            _ if text == "now" => Some(Self::Now),
            Some(ago) => units::parse_duration(ago).ok().map(Self::Ago),
            None => units::parse_time(text).map(Self::At),
        };
        moment.ok_or_else(|| format!("{text:?} is not a time: write now, -24h or an RFC 3339 time"))
    }
}

impl Moment {
    /// The moment in Unix milliseconds, if it is `now_ms` now; not before 1970.
    pub(crate) fn unix_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Now => now_ms,
            Self::Ago(ago) => now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
            Self::At(unix_ms) => unix_ms,
        }
        .max(0)
    }
}

#[cfg(test)]
mod tests;
