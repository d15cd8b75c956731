//! Where a topic has its properties from: its own, else the tenant's, else the server's, else the built-in ones.

use super::{PROPERTIES, TopicConfig};
use crate::error::{ErrorCode, LeveeError};
use std::collections::BTreeMap;

/// Properties that are set, by name.
pub type Properties = BTreeMap<String, String>;

/// The properties for which tenants and the server have defaults.
pub const INHERITED: [&str; 2] = ["retention.bytes", "retention.ms"];

/// Where the value of a property comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertySource {
    /// Set on the topic.
    Topic,
    /// A default of the tenant.
    Tenant,
    /// A default of the server.
    Server,
    /// Built in.
    Default,
}

/// What is set for a topic, nearest first. The first that has a property decides.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// On the topic.
    pub topic: &'a Properties,
    /// For the topics of the tenant.
    pub tenant: &'a Properties,
    /// For all topics.
    pub server: &'a Properties,
}

impl Layers<'_> {
    /// The properties that hold.
    ///
    /// # Errors
    /// As [`TopicConfig::evaluate`].
    pub fn evaluate(&self) -> Result<TopicConfig, LeveeError> {
        let mut merged = Properties::new();
        for layer in [self.server, self.tenant, self.topic] {
            merged.extend(layer.clone());
        }
        TopicConfig::evaluate(&merged)
    }

    /// Where a property comes from.
    #[must_use]
    pub fn source(&self, name: &str) -> PropertySource {
        let layers = [
            (self.topic, PropertySource::Topic),
            (self.tenant, PropertySource::Tenant),
            (self.server, PropertySource::Server),
        ];
        let nearest = layers.into_iter().find(|(layer, _)| layer.contains_key(name));
        nearest.map_or(PropertySource::Default, |(_, source)| source)
    }

    /// Whether any of them says how long or how much is kept. Without evaluating: most topics say nothing.
    #[must_use]
    pub fn mention_retention(&self) -> bool {
        let mentions = |layer: &Properties| INHERITED.iter().any(|name| layer.contains_key(*name));
        [self.topic, self.tenant, self.server].into_iter().any(mentions)
    }
}

/// Checks properties that are to be defaults of a tenant.
///
/// # Errors
/// Names the first one that has no such default, or a value outside of its range.
pub fn check_defaults(set: &Properties) -> Result<(), LeveeError> {
    check_inherited(set.keys())?;
    TopicConfig::evaluate(set).map(drop)
}

/// Checks names of such properties.
///
/// # Errors
/// Names the first one that has no such default.
pub fn check_inherited<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), LeveeError> {
    let Some(other) = names.into_iter().find(|name| !INHERITED.contains(&name.as_str())) else {
        return Ok(());
    };
    let is_known = PROPERTIES.contains(&other.as_str());
    let name: String = other.chars().take(60).collect();
    let message = match is_known {
        true => format!("tenants have no default of the topic property {name}"),
        false => format!("unknown topic property {name:?}"),
    };
    Err(LeveeError::new(ErrorCode::InvalidArgument, message)
        .with_hint(format!("tenants have defaults of: {}", INHERITED.join(", "))))
}

#[cfg(test)]
mod tests;
