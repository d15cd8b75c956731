//! Ids: what names are resolved to. They are assigned once and never reused, so that a resource that
//! is created again under an old name never shows old data.

use crate::hex;
use std::fmt;
use std::str::FromStr;

/// A tenant. 0 is the system itself; it owns what belongs to no tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub u32);

impl TenantId {
    /// The owner of what belongs to no tenant.
    pub const SYSTEM: Self = Self(0);
}

/// A topic, unique within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(pub u64);

/// A producer, unique within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProducerId(pub u64);

/// A group of consumers or a queue, unique within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u64);

/// A user, unique within its tenant; one of the system is an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u64);

/// One partition of one topic of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The owner.
    pub tenant: TenantId,
    /// The topic.
    pub topic: TopicId,
    /// 0 to the number of partitions of the topic less one.
    pub partition: u32,
}

/// An API token: its tenant in 4 bytes, big endian, and 12 random bytes. It is public: it finds the row in
/// which the hash of the token's secret stands.
///
/// Written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub [u8; 16]);

impl TokenId {
    /// The tenant whose user the token belongs to.
    #[must_use]
    pub fn tenant(self) -> TenantId {
        let [a, b, c, d, ..] = self.0;
        TenantId(u32::from_be_bytes([a, b, c, d]))
    }
}

/// A text that is not the id of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a token has 32 digits out of 0-9 a-f")]
pub struct NotATokenId;

impl FromStr for TokenId {
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, NotATokenId> {
        hex::decode(text).map(Self).ok_or(NotATokenId)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant.0, self.topic.0, self.partition)
    }
}

#[cfg(test)]
mod tests;
