//! Places in a log as people write them: `start`, `end`, an offset, `-1h`, or an RFC 3339 time.

use crate::failure::Failure;
use crate::moment::Moment;
use levee_client::{Position, StartAt};
use levee_types::Clock;
use std::fmt::Display;
use std::str::FromStr;

/// A place in a log, not yet tied to a partition or to the present time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first record that is still stored.
    Start,
    /// Behind the last record.
    End,
    /// Exactly this offset.
    Offset(u64),
    /// The first batch with a record of this time or later.
    Since(Moment),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a place: write start, end, an offset, -1h or an RFC 3339 time");
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self::Offset).map_err(|_| bad())
            }
            // The present is the end, which has a name of its own here.
            "now" => Err(bad()),
            _ => text.parse().map(Self::Since).map_err(|_| bad()),
        }
    }
}

impl Place {
    /// The place, at the present time.
    pub(crate) fn start_at(self, clock: &dyn Clock) -> StartAt {
        match self {
            Self::Start => StartAt::Start,
            Self::End => StartAt::End,
            Self::Offset(offset) => StartAt::Offset(offset),
            Self::Since(moment) => StartAt::Timestamp(moment.unix_ms(clock.unix_ms())),
        }
    }

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
        let from = self.start_at(clock);
        let partitions = only.map_or(0..partitions, |partition| partition..partition + 1);
        Ok(partitions.map(|partition| Position { topic: topic.to_owned(), partition, from }).collect())
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
