//! Addresses of topics: `tenant/topic`, or plain `topic` where the tenant is known.

use crate::failure::Failure;
use levee_types::{TenantName, TopicName};
use serde_json::{Value, json};
use std::fmt;

/// A topic of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicAddress {
    /// Whose topic it is; none: that of the credential.
    pub(crate) tenant: Option<TenantName>,
    /// Its name within the tenant.
    pub(crate) topic: TopicName,
}

impl TopicAddress {
    /// Reads an address; `tenant` is whose topics plain names mean.
    ///
    /// # Errors
    /// A name breaks a rule.
    pub(crate) fn resolve(text: &str, tenant: Option<&TenantName>) -> Result<Self, Failure> {
        let (named, topic) = match text.split_once('/') {
            Some((tenant, topic)) => (Some(TenantName::new(tenant)?), topic),
            None => (None, text),
        };
        let topic = TopicName::new(topic)?;
        Ok(Self { tenant: named.or_else(|| tenant.cloned()), topic })
    }

    /// The address for programs.
    pub(crate) fn json(&self) -> Value {
        json!({"tenant": self.tenant.as_ref().map(TenantName::as_str), "name": self.topic.as_str()})
    }
}

impl fmt::Display for TopicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&full_name(self.tenant.as_ref(), self.topic.as_str()))
    }
}

/// The name of a topic as one writes it where no tenant is known.
pub(crate) fn full_name(tenant: Option<&TenantName>, topic: &str) -> String {
    tenant.map_or_else(|| topic.to_owned(), |tenant| format!("{tenant}/{topic}"))
}

#[cfg(test)]
mod tests;
