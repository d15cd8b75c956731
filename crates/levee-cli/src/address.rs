//! Addresses of topics: `tenant/topic`, or plain `topic` where the tenant is known.

use crate::failure::Failure;
use levee_types::{TenantName, TopicName};
use serde_json::{Value, json};
use std::fmt;

/// A topic of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicAddress {
    /// Whose topic it is.
    pub(crate) tenant: TenantName,
    /// Its name within the tenant.
    pub(crate) topic: TopicName,
}

impl TopicAddress {
    /// Reads an address; `tenant` is whose topics plain names mean.
    ///
    /// # Errors
    /// A name breaks a rule, or no tenant is known.
    pub(crate) fn resolve(text: &str, tenant: Option<&TenantName>) -> Result<Self, Failure> {
        let (named, topic) = match text.split_once('/') {
            Some((tenant, topic)) => (Some(TenantName::new(tenant)?), topic),
            None => (None, text),
        };
        let topic = TopicName::new(topic)?;
        match named.or_else(|| tenant.cloned()) {
            Some(tenant) => Ok(Self { tenant, topic }),
            None => Err(Failure::usage(format!("topic {topic} needs a tenant"))
                .with_hint(format!("write TENANT/{topic}, give --tenant, or bind the context to a tenant"))),
        }
    }

    /// The address for programs.
    pub(crate) fn json(&self) -> Value {
        json!({"tenant": self.tenant.as_str(), "name": self.topic.as_str()})
    }
}

impl fmt::Display for TopicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.topic)
    }
}

#[cfg(test)]
mod tests;
