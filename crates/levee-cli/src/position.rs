//! Places in a log as people write them: `start`, `end`, an offset, `-1h`, or an RFC 3339 time.

use crate::failure::Failure;
use crate::units;
use levee_client::{Position, StartAt};
use levee_types::Clock;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// A place in a log, not yet tied to a partition or to the present time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first record that is still stored.
    Start,
    /// Behind the last record.
    End,
    /// Exactly this offset.
    Offset(u64),
    /// The first batch with a record of this long ago or later.
    Ago(Duration),
    /// The first batch with a record of this time or later, in Unix milliseconds.
    Time(i64),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a place: write start, end, an offset, -1h or an RFC 3339 time");
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ if text.starts_with('-') => units::parse_duration(&text[1..]).map(Self::Ago).map_err(|_| bad()),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self::Offset).map_err(|_| bad())
            }
            _ => units::parse_time(text).map(Self::Time).ok_or_else(bad),
        }
    }
}

impl Place {
    /// The place in each of the partitions that are meant: the given one, or all `partitions`.
    ///
    /// # Errors
    /// The partition does not exist, or one offset is given for several partitions.
    pub(crate) fn positions(
        self,
        topic: &str,
        partitions: u32,
        only: Option<u32>,
        clock: &dyn Clock,
    ) -> Result<Vec<Position>, Failure> {
        check_partition(topic, partitions, only)?;
        if matches!(self, Self::Offset(_)) && only.is_none() && partitions > 1 {
            return Err(Failure::usage(format!(
                "topic {topic} has {partitions} partitions, and an offset is of one of them"
            ))
            .with_hint("name the partition with -p"));
        }
        let from = || match self {
            Self::Start => StartAt::Start,
            Self::End => StartAt::End,
            Self::Offset(offset) => StartAt::Offset(offset),
            Self::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                StartAt::Timestamp(clock.unix_ms().saturating_sub(ago).max(0))
            }
            Self::Time(unix_ms) => StartAt::Timestamp(unix_ms),
        };
        let partitions = only.map_or(0..partitions, |partition| partition..partition + 1);
        Ok(partitions
            .map(|partition| Position { topic: topic.to_owned(), partition, from: from() })
            .collect())
    }
}

/// Checks the partition that was named of a topic with so many, if one was.
///
/// # Errors
/// It does not exist.
pub(crate) fn check_partition(
    topic: impl Display,
    partitions: u32,
    named: Option<u32>,
) -> Result<(), Failure> {
    match named {
        Some(partition) if partition >= partitions => {
            Err(Failure::not_found(format!("topic {topic} has no partition {partition}"))
                .with_hint(format!("its partitions are 0 to {}", partitions.saturating_sub(1))))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
