//! Addresses of topics and groups: `tenant/topic`, or plain `topic` where the tenant is known.

use crate::failure::Failure;
use levee_types::{GroupName, TenantName, TopicName};
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
        let (tenant, topic) = split(text, tenant)?;
        Ok(Self { tenant, topic: TopicName::new(topic)? })
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

/// A group of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupAddress {
    /// Whose group it is; none: that of the credential.
    pub(crate) tenant: Option<TenantName>,
    /// Its name within the tenant.
    pub(crate) group: GroupName,
}

impl GroupAddress {
    /// Reads an address; `tenant` is whose groups plain names mean.
    ///
    /// # Errors
    /// A name breaks a rule.
    pub(crate) fn resolve(text: &str, tenant: Option<&TenantName>) -> Result<Self, Failure> {
        let (tenant, group) = split(text, tenant)?;
        Ok(Self { tenant, group: GroupName::new(group)? })
    }

    /// The address for programs.
    pub(crate) fn json(&self) -> Value {
        json!({"tenant": self.tenant.as_ref().map(TenantName::as_str), "name": self.group.as_str()})
    }
}

impl fmt::Display for GroupAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&full_name(self.tenant.as_ref(), self.group.as_str()))
    }
}

/// The tenant, named or else the one that is meant, and the name within it.
fn split<'a>(text: &'a str, tenant: Option<&TenantName>) -> Result<(Option<TenantName>, &'a str), Failure> {
    match text.split_once('/') {
        Some((tenant, name)) => Ok((Some(TenantName::new(tenant)?), name)),
        None => Ok((tenant.cloned(), text)),
    }
}

/// The name of a topic or a group as one writes it where no tenant is known.
pub(crate) fn full_name(tenant: Option<&TenantName>, topic: &str) -> String {
    tenant.map_or_else(|| topic.to_owned(), |tenant| format!("{tenant}/{topic}"))
}

#[cfg(test)]
mod tests;
