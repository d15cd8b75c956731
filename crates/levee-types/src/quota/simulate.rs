//! Replaying what a tenant used against other quotas.

use super::{Dimension, Effective};

/// Seconds of an hour.
const HOUR_S: u64 = 3_600;

/// What a tenant used in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourOfUse {
    /// When it began, in Unix milliseconds.
    pub hour_ms: i64,
    /// Bytes that were appended.
    pub bytes_in: u64,
    /// Bytes that were read.
    pub bytes_out: u64,
    /// Calls, and messages within streams.
    pub requests: u64,
    /// The average of the bytes that were stored.
    pub stored_bytes: u64,
    /// The most connections that were open at once.
    pub peak_connections: u64,
}

/// How recorded use stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun {
    /// What is limited.
    pub dimension: Dimension,
    /// The limit; none: there is none.
    pub limit: Option<u64>,
    /// Hours beyond it.
    pub hours: u64,
    /// The most that was used: per second for rates.
    pub most: u64,
    /// When that was; 0 without any use.
    pub most_ms: i64,
}

/// Compares each hour with quotas. A rate is compared with the average of the hour: peaks within an hour are not
/// seen. Dimensions that the record does not have (topics, partitions, producers, changes) are left out.
#[must_use]
pub fn simulate(hours: &[HourOfUse], quotas: impl Fn(Dimension) -> Effective) -> Vec<Overrun> {
    let recorded = [
        Dimension::Ingress,
        Dimension::Egress,
        Dimension::Requests,
        Dimension::Connections,
        Dimension::Storage,
    ];
    recorded.into_iter().map(|dimension| overrun(hours, dimension, quotas(dimension).limit)).collect()
}

fn overrun(hours: &[HourOfUse], dimension: Dimension, limit: Option<u64>) -> Overrun {
    let mut found = Overrun { dimension, limit, hours: 0, most: 0, most_ms: 0 };
    for hour in hours {
        let used = match dimension {
            Dimension::Ingress => hour.bytes_in.div_ceil(HOUR_S),
            Dimension::Egress => hour.bytes_out.div_ceil(HOUR_S),
            Dimension::Requests => hour.requests.div_ceil(HOUR_S),
            Dimension::Connections => hour.peak_connections,
            Dimension::Storage => hour.stored_bytes,
            Dimension::Admin | Dimension::Topics | Dimension::Partitions | Dimension::Producers => 0,
        };
        if limit.is_some_and(|limit| used > limit) {
            found.hours += 1;
        }
        if used > found.most {
            (found.most, found.most_ms) = (used, hour.hour_ms);
        }
    }
    found
}
