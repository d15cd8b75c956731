//! What recorded use would have met under other quotas.

use super::{Dimension, EffectiveQuotas};

const SECONDS_OF_AN_HOUR: u64 = 3_600;

/// What a tenant used in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourOfUse {
    /// When it began, in Unix milliseconds.
    pub hour_ms: i64,
    /// Bytes of batches that were appended.
    pub bytes_in: u64,
    /// Records that were appended.
    pub records_in: u64,
    /// Bytes of batches that were sent to readers.
    pub bytes_out: u64,
    /// Calls, and messages within streams.
    pub requests: u64,
    /// Bytes of batches that were stored when it ended.
    pub stored_bytes: u64,
    /// The most connections that were open at once.
    pub peak_connections: u64,
}

impl HourOfUse {
    /// What counts against a quota, and over how many seconds it came; none if hours do not record it.
    fn used(&self, dimension: Dimension) -> Option<(u64, u64)> {
        match dimension {
            Dimension::Ingress => Some((self.bytes_in, SECONDS_OF_AN_HOUR)),
            Dimension::Egress => Some((self.bytes_out, SECONDS_OF_AN_HOUR)),
            Dimension::Requests => Some((self.requests, SECONDS_OF_AN_HOUR)),
            Dimension::Connections => Some((self.peak_connections, 1)),
            Dimension::Storage => Some((self.stored_bytes, 1)),
            Dimension::Admin
            | Dimension::Topics
            | Dimension::Partitions
            | Dimension::Producers
            | Dimension::Groups => None,
        }
    }
}

/// How recorded use compares with one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulated {
    /// What it limits.
    pub dimension: Dimension,
    /// The limit. None: there is none.
    pub limit: Option<u64>,
    /// Hours that were beyond it.
    pub hours_beyond: u64,
    /// The hour with the most use, the first of several. None: no hour was recorded.
    pub worst: Option<WorstHour>,
}

/// The hour with the most use of a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorstHour {
    /// When it began, in Unix milliseconds.
    pub hour_ms: i64,
    /// What was used: of a rate the average per second, rounded up.
    pub used: u64,
    /// By how much that was beyond the limit; 0 if it was not.
    pub excess: u64,
}

/// Compares `hours` with `quotas`, for each dimension that hours record: ingress, egress, requests, connections and
/// storage.
///
/// A rate is compared with the average of the hour. Peaks within an hour are not seen: a tenant that is never beyond
/// a rate here may still be throttled for minutes. And what was recorded was held up by the quotas of its time.
#[must_use]
pub fn simulate(hours: &[HourOfUse], quotas: &EffectiveQuotas) -> Vec<Simulated> {
    Dimension::ALL.into_iter().filter_map(|dimension| one(hours, dimension, quotas)).collect()
}

fn one(hours: &[HourOfUse], dimension: Dimension, quotas: &EffectiveQuotas) -> Option<Simulated> {
    HourOfUse::default().used(dimension)?;
    let limit = quotas.get(dimension).limit;
    let mut simulated = Simulated { dimension, limit, hours_beyond: 0, worst: None };
    for hour in hours {
        let (total, seconds) = hour.used(dimension)?;
        let used = total.div_ceil(seconds);
        // An average beyond the limit stays so when it is rounded up, and none gets there by it.
        let excess = limit.map_or(0, |limit| used.saturating_sub(limit));
        simulated.hours_beyond += u64::from(excess > 0);
        if simulated.worst.is_none_or(|worst| used > worst.used) {
            simulated.worst = Some(WorstHour { hour_ms: hour.hour_ms, used, excess });
        }
    }
    Some(simulated)
}

#[cfg(test)]
mod tests;
