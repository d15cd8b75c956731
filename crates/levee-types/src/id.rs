//! Ids: what names are resolved to. They are assigned once and never reused, so that a resource that
//! is created again under an old name never shows old data.

use std::fmt;

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
