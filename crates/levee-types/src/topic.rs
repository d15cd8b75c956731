//! The properties of a topic and where their values come from.
//!
//! Names and units are Kafka's where Kafka has the property. A property is listed here only when the
//! broker acts on it: a setting that does nothing is never accepted.

mod layers;

pub use layers::{INHERITED, Layers, Properties, PropertySource, check_defaults, check_inherited};

use crate::error::{ErrorCode, LeveeError};
use crate::limits::{MAX_BATCH_BYTES, MAX_PROPERTY_MS, MAX_PROPERTY_VALUE, MAX_QUOTA_TOTAL};
use std::collections::BTreeMap;

/// When a produce request is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// After the sync: an acknowledged record survives power loss.
    #[default]
    Durable,
    /// After the write: an acknowledged record survives the death of the process; power loss may take
    /// the records of the last sync interval.
    Relaxed,
}

/// What becomes of old records: `cleanup.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CleanupPolicy {
    /// `delete`: they go when `retention.ms` or `retention.bytes` says so.
    #[default]
    Delete,
    /// `compact`: the topic is a table. Of each key the newest record stays; every record needs a key.
    Compact,
    /// `compact,delete`: both.
    CompactDelete,
}

impl CleanupPolicy {
    /// Whether the newest record of each key is known.
    #[must_use]
    pub const fn is_table(self) -> bool {
        matches!(self, Self::Compact | Self::CompactDelete)
    }

    /// Whether `retention.ms` and `retention.bytes` count.
    #[must_use]
    pub const fn has_retention(self) -> bool {
        matches!(self, Self::Delete | Self::CompactDelete)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
            Self::CompactDelete => "compact,delete",
        }
    }
}

/// Evaluated properties of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    /// `cleanup.policy`: `delete` (default), `compact` or `compact,delete`.
    pub cleanup_policy: CleanupPolicy,
    /// `delete.retention.ms`: how long a tombstone of a table stays readable once everything that it deletes is gone,
    /// at least; 0 to [`MAX_PROPERTY_MS`], default a day.
    pub delete_retention_ms: u64,
    /// `durability`: `durable` (default) or `relaxed`.
    pub durability: Durability,
    /// `max.compaction.lag.ms`: a table with a superseded record that is older is compacted, however little there is to
    /// win. 1 to [`MAX_PROPERTY_MS`]; -1 (default): never for that reason.
    pub max_compaction_lag_ms: Option<u64>,
    /// `max.message.bytes`: the largest serialized batch, 1 byte to 1 MiB; default 1 MiB.
    pub max_message_bytes: usize,
    /// `min.cleanable.dirty.ratio`, in thousandths: a table is compacted when this share of its bytes came after it was
    /// compacted last. 0 to 1, default 0.2.
    pub min_cleanable_dirty_permille: u32,
    /// `min.compaction.lag.ms`: a record is not removed by compaction before this age; 0 (default) to
    /// [`MAX_PROPERTY_MS`].
    pub min_compaction_lag_ms: u64,
    /// `retention.bytes`: the oldest batches of a partition go when it stores more, but the last one stays. -1
    /// (default): no limit.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`: records go when they are older. 1 to [`MAX_PROPERTY_MS`]; -1 (default): no limit.
    pub retention_ms: Option<u64>,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            cleanup_policy: CleanupPolicy::default(),
            delete_retention_ms: 24 * 60 * 60 * 1000,
            durability: Durability::default(),
            max_compaction_lag_ms: None,
            max_message_bytes: MAX_BATCH_BYTES,
            min_cleanable_dirty_permille: 200,
            min_compaction_lag_ms: 0,
            retention_bytes: None,
            retention_ms: None,
        }
    }
}

/// The known properties, in the order of their names.
pub const PROPERTIES: [&str; 9] = [
    "cleanup.policy",
    "delete.retention.ms",
    "durability",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "retention.bytes",
    "retention.ms",
];

impl TopicConfig {
    /// Evaluates the properties that were set on a topic.
    ///
    /// # Errors
    /// Names the first property that is unknown or has a value outside of its range.
    pub fn evaluate(set: &BTreeMap<String, String>) -> Result<Self, LeveeError> {
        let mut config = Self::default();
        for (name, value) in set {
            if value.len() > MAX_PROPERTY_VALUE {
                return Err(bad_value(name, value, "a shorter value"));
            }
            match name.as_str() {
                "cleanup.policy" => {
                    config.cleanup_policy = match value.as_str() {
                        "delete" => CleanupPolicy::Delete,
                        "compact" => CleanupPolicy::Compact,
                        "compact,delete" | "delete,compact" => CleanupPolicy::CompactDelete,
                        _ => return Err(bad_value(name, value, "delete, compact or compact,delete")),
                    }
                }
                "delete.retention.ms" => config.delete_retention_ms = time(name, value)?,
                "durability" => {
                    config.durability = match value.as_str() {
                        "durable" => Durability::Durable,
                        "relaxed" => Durability::Relaxed,
                        _ => return Err(bad_value(name, value, "durable or relaxed")),
                    }
                }
                "max.compaction.lag.ms" => {
                    config.max_compaction_lag_ms = bound(name, value, MAX_PROPERTY_MS)?;
                }
                "max.message.bytes" => {
                    config.max_message_bytes = value
                        .parse()
                        .ok()
                        .filter(|bytes| (1..=MAX_BATCH_BYTES).contains(bytes))
                        .ok_or_else(|| bad_value(name, value, "1 to 1048576"))?;
                }
                "min.cleanable.dirty.ratio" => config.min_cleanable_dirty_permille = permille(name, value)?,
                "min.compaction.lag.ms" => config.min_compaction_lag_ms = time(name, value)?,
                "retention.bytes" => config.retention_bytes = bound(name, value, MAX_QUOTA_TOTAL)?,
                "retention.ms" => config.retention_ms = bound(name, value, MAX_PROPERTY_MS)?,
                _ => {
                    let name: String = name.chars().take(60).collect();
                    return Err(LeveeError::new(
                        ErrorCode::InvalidArgument,
                        format!("unknown topic property {name:?}"),
                    )
                    .with_hint(format!("known properties: {}", PROPERTIES.join(", "))));
                }
            }
        }
        Ok(config)
    }

    /// The value of a property as text, for a name out of [`PROPERTIES`].
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let bound = |value: Option<u64>| value.map_or("-1".to_owned(), |value| value.to_string());
        match name {
            "cleanup.policy" => Some(self.cleanup_policy.name().to_owned()),
            "delete.retention.ms" => Some(self.delete_retention_ms.to_string()),
            "max.compaction.lag.ms" => Some(bound(self.max_compaction_lag_ms)),
            "min.cleanable.dirty.ratio" => {
                Some((f64::from(self.min_cleanable_dirty_permille) / 1000.0).to_string())
            }
            "min.compaction.lag.ms" => Some(self.min_compaction_lag_ms.to_string()),
            "retention.bytes" => Some(bound(self.retention_bytes)),
            "retention.ms" => Some(bound(self.retention_ms)),
            "durability" => Some(
                match self.durability {
                    Durability::Durable => "durable",
                    Durability::Relaxed => "relaxed",
                }
                .to_owned(),
            ),
            "max.message.bytes" => Some(self.max_message_bytes.to_string()),
            _ => None,
        }
    }
}

/// Milliseconds.
fn time(name: &str, value: &str) -> Result<u64, LeveeError> {
    let ms = value.parse().ok().filter(|ms| *ms <= MAX_PROPERTY_MS);
    ms.ok_or_else(|| bad_value(name, value, &format!("0 to {MAX_PROPERTY_MS}")))
}

/// 1 to `max`, or -1 for none.
fn bound(name: &str, value: &str, max: u64) -> Result<Option<u64>, LeveeError> {
    if value == "-1" {
        return Ok(None);
    }
    let bound = value.parse().ok().filter(|bound| (1..=max).contains(bound));
    bound.map(Some).ok_or_else(|| bad_value(name, value, &format!("1 to {max}, or -1 for no limit")))
}

/// A share of 0 to 1, in thousandths.
fn permille(name: &str, value: &str) -> Result<u32, LeveeError> {
    let share = value.parse().ok().filter(|share: &f64| (0.0..=1.0).contains(share));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    share.map(|share| (share * 1000.0).round() as u32).ok_or_else(|| bad_value(name, value, "0 to 1"))
}

fn bad_value(name: &str, value: &str, allowed: &str) -> LeveeError {
    let name: String = name.chars().take(60).collect();
    let value: String = value.chars().take(60).collect();
    LeveeError::new(ErrorCode::InvalidArgument, format!("topic property {name} cannot be {value:?}"))
        .with_hint(format!("{name} takes {allowed}"))
}

#[cfg(test)]
mod tests;
