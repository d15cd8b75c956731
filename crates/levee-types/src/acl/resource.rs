//! What rules are about.

use super::operation::AclOperations;
use std::fmt;

/// What rules are about. A rule is about one of these, and says nothing about the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// Topics.
    Topic,
    /// Groups of consumers, and queues.
    Group,
}

impl ResourceKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Topic, Self::Group];

    /// The name as people write it, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Group => "group",
        }
    }

    /// What can be done with it. Nobody appends to a group, and it is made by joining it.
    #[must_use]
    pub const fn operations(self) -> AclOperations {
        match self {
            Self::Topic => AclOperations::ALL,
            Self::Group => AclOperations::OF_GROUPS,
        }
    }
}

/// One of them, of a name that need not be a valid one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    /// What it is.
    pub kind: ResourceKind,
    /// What it is called.
    pub name: &'a str,
}

impl<'a> Resource<'a> {
    /// The topic of this name.
    #[must_use]
    pub const fn topic(name: &'a str) -> Self {
        Self { kind: ResourceKind::Topic, name }
    }

    /// The group of this name.
    #[must_use]
    pub const fn group(name: &'a str) -> Self {
        Self { kind: ResourceKind::Group, name }
    }
}

/// As in `topic "orders"`.
impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind.name(), self.name)
    }
}
