//! `levee top`

use crate::units::{parse_duration, show_duration};
use clap::{Args, ValueEnum};
use levee_types::limits::MAX_PAGE_SIZE;
use std::time::Duration;

const INTERVALS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3600));

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// What each line is about.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) by: By,
    /// What the lines are sorted by, the largest first; names in their order.
    ///
    /// With --by topic there are in, records-in, stored and name; with --by tenant all but stored.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sort: Sort,
    /// How many lines at most, 1 to 1000.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE_SIZE)))]
    pub(crate) limit: u32,
    /// Time between two looks at the server, 200ms to 1h: rates are the mean of it.
    #[arg(short, long, value_name = "DURATION", default_value = "2s", value_parser = parse_interval)]
    pub(crate) interval: Duration,
    /// Print so many rounds, one below the other, and end [default: until q is pressed on a terminal, or one].
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) number: Option<u32>,
    /// Print one round and end, the same as -n 1.
    #[arg(long, conflicts_with = "number")]
    pub(crate) once: bool,
    /// Only topics whose names begin with this; with --by topic.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum By {
    /// Tenants: for an operator all of them, unless --tenant names one.
    #[default]
    Tenant,
    /// The topics of a tenant. What is read of them is not counted by topic.
    Topic,
}

/// What lines are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Sort {
    /// Bytes that are appended.
    #[default]
    In,
    /// Bytes that are sent to readers.
    Out,
    /// Records that are appended.
    RecordsIn,
    /// Records that are sent to readers.
    RecordsOut,
    /// Requests.
    Requests,
    /// Time for which quotas hold requests up.
    Throttled,
    /// Open connections.
    Connections,
    /// Open streams.
    Streams,
    /// Stored bytes.
    Stored,
    /// Names.
    Name,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let (shortest, longest) = INTERVALS;
    match parse_duration(text)? {
        interval if (shortest..=longest).contains(&interval) => Ok(interval),
        _ => {
            Err(format!("{text:?} is not within {} and {}", show_duration(shortest), show_duration(longest)))
        }
    }
}
