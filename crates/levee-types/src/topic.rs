//! The properties of a topic and where their values come from.
//!
//! Names and units are Kafka's where Kafka has the property. A property is listed here only when the
//! broker acts on it: a setting that does nothing is never accepted.

use crate::error::{ErrorCode, LeveeError};
use crate::limits::{MAX_BATCH_BYTES, MAX_PROPERTY_VALUE};
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

/// Evaluated properties of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    /// `durability`: `durable` (default) or `relaxed`.
    pub durability: Durability,
    /// `max.message.bytes`: the largest serialized batch, 1 byte to 1 MiB; default 1 MiB.
    pub max_message_bytes: usize,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self { durability: Durability::default(), max_message_bytes: MAX_BATCH_BYTES }
    }
}

/// The known properties, in the order of their names.
pub const PROPERTIES: [&str; 2] = ["durability", "max.message.bytes"];

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
                "durability" => {
                    config.durability = match value.as_str() {
                        "durable" => Durability::Durable,
                        "relaxed" => Durability::Relaxed,
                        _ => return Err(bad_value(name, value, "durable or relaxed")),
                    }
                }
                "max.message.bytes" => {
                    config.max_message_bytes = value
                        .parse()
                        .ok()
                        .filter(|bytes| (1..=MAX_BATCH_BYTES).contains(bytes))
                        .ok_or_else(|| bad_value(name, value, "1 to 1048576"))?;
                }
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
        match name {
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

fn bad_value(name: &str, value: &str, allowed: &str) -> LeveeError {
    let name: String = name.chars().take(60).collect();
    let value: String = value.chars().take(60).collect();
    LeveeError::new(ErrorCode::InvalidArgument, format!("topic property {name} cannot be {value:?}"))
        .with_hint(format!("{name} takes {allowed}"))
}

#[cfg(test)]
mod tests;
