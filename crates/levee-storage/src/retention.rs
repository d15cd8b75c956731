//! Retention: which records of a log are too old, or too much.
//!
//! Only the first batches of a log go, whole ones. A batch is too old when the largest timestamp of it and all before
//! it, or the time of its append, is: so a record that says it is from the future holds nothing up.
//!
//! Must hold: what is removed is older than `retention.ms`, or more than `retention.bytes`; never the other records.

pub(crate) mod oldest;
pub(crate) mod wall;

use crate::error::StorageError;
use crate::index::Rows;
use crate::keys::{self, Keyspace};
use crate::log;
use crate::rows::{BadRow, BatchRow, TopicRow};
use levee_types::PartitionId;
use levee_types::topic::{Layers, Properties};

/// Batches that are looked at before what was found is removed.
pub(crate) const BATCHES_AT_ONCE: usize = 10_000;

/// How long and how much a topic keeps; at least one of them is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) ms: Option<u64>,
    /// In each partition.
    pub(crate) bytes: Option<u64>,
}

impl Retention {
    /// That of a topic, if it is limited.
    pub(crate) fn of(
        topic: &TopicRow,
        tenant: &Properties,
        server: &Properties,
    ) -> Result<Option<Self>, BadRow> {
        let layers = Layers { topic: &topic.set, tenant, server };
        if !layers.mention_retention() {
            return Ok(None);
        }
        let config = layers.evaluate().map_err(|_| BadRow)?;
        let limited = Self { ms: config.retention_ms, bytes: config.retention_bytes };
        let is_limited = limited.ms.is_some() || limited.bytes.is_some();
        Ok((is_limited && config.cleanup_policy.has_retention()).then_some(limited))
    }
}

/// Why records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Time,
    Size,
    /// The quota of the tenant.
    Quota,
}

impl Reason {
    /// The label of a metric.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Size => "size",
            Self::Quota => "quota",
        }
    }
}

/// What is to be removed from a partition: all batches that end at `before` or earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) partition: PartitionId,
    pub(crate) before: u64,
    pub(crate) reason: Reason,
    /// There may be more to remove behind it.
    pub(crate) is_partial: bool,
}

/// What is to be removed from a partition at this time, if anything is.
pub(crate) fn expired(
    index: &impl Rows,
    partition: PartitionId,
    retention: Retention,
    now_ms: i64,
) -> Result<Option<Cut>, StorageError> {
    let cutoff = retention.ms.map(|ms| now_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)));
    let is_too_old =
        |row: &BatchRow| cutoff.is_some_and(|cutoff| row.max_timestamp_ms.min(row.append_time_ms) < cutoff);
    let mut cursor = index.cursor(Keyspace::Index, keys::batches(partition));
    cursor.first()?;
    let mut found: Option<Cut> = None;
    let mut current = log::item(&cursor)?;
    let mut excess = match (&current, retention.bytes) {
        (Some(_), Some(limit)) => {
            log::stored_bytes(index, partition, log::head(index, partition)?)?.saturating_sub(limit)
        }
        _ => 0,
    };
    let mut looked_at = 0;
    while let Some((base, row)) = current {
        cursor.next()?;
        current = log::item(&cursor)?;
        looked_at += 1;
        let before = base + u64::from(row.records);
        if is_too_old(&row) {
            found = Some(Cut { partition, before, reason: Reason::Time, is_partial: false });
        } else if excess > 0 && current.is_some() {
            found = Some(Cut { partition, before, reason: Reason::Size, is_partial: false });
        } else if cutoff.is_none() || row.append_time_ms <= now_ms {
            break;
        }
        // Otherwise it was appended while the clock was wrong. It is older than the one behind it, and goes with it: it
        // must not hold up the log until the time that it names.
        excess = excess.saturating_sub(u64::from(row.length));
        if looked_at >= BATCHES_AT_ONCE && found.is_some() {
            return Ok(found.map(|cut| Cut { is_partial: true, ..cut }));
        }
    }
    Ok(found)
}
