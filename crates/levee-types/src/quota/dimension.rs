//! What quotas limit.

use std::fmt;
use std::str::FromStr;

/// What a quota limits. The numbers are those of `levee.v1.QuotaDimension`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dimension {
    /// Bytes of batches that are appended, a second.
    Ingress = 1,
    /// Bytes of batches that are sent to readers, a second.
    Egress = 2,
    /// Calls, and messages within streams, a second.
    Requests = 3,
    /// Changes of what is administered, a second.
    Admin = 4,
    /// Open connections.
    Connections = 5,
    /// Bytes of batches that are stored.
    Storage = 6,
    /// Topics.
    Topics = 7,
    /// Partitions of all topics.
    Partitions = 8,
    /// Producer ids that are remembered. One more makes the broker forget the oldest.
    Producers = 9,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Dimension {
    /// Every dimension, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Ingress,
        Self::Egress,
        Self::Requests,
        Self::Admin,
        Self::Connections,
        Self::Storage,
        Self::Topics,
        Self::Partitions,
        Self::Producers,
    ];

    /// The dimension of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u32 == number)
    }

    /// Whether it counts per second.
    #[must_use]
    pub fn is_rate(self) -> bool {
        matches!(self, Self::Ingress | Self::Egress | Self::Requests | Self::Admin)
    }

    /// Whether it counts bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Ingress | Self::Egress | Self::Storage)
    }

    /// Whether a user or a topic can have a quota of it.
    #[must_use]
    pub fn is_of_parts(self) -> bool {
        matches!(self, Self::Ingress | Self::Egress | Self::Requests)
    }

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Requests => "requests",
            Self::Admin => "admin",
            Self::Connections => "connections",
            Self::Storage => "storage",
            Self::Topics => "topics",
            Self::Partitions => "partitions",
            Self::Producers => "producers",
        }
    }

    /// As it stands behind a number in a sentence.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Ingress => "bytes appended per second",
            Self::Egress => "bytes read per second",
            Self::Requests => "requests per second",
            Self::Admin => "administrative changes per second",
            Self::Connections => "connections",
            Self::Storage => "stored bytes",
            Self::Topics => "topics",
            Self::Partitions => "partitions",
            Self::Producers => "producers",
        }
    }

    /// The limit of a tenant whose plan says nothing: what a team's service needs, and no more than a node has for
    /// many of them.
    #[must_use]
    pub fn default_limit(self) -> Option<u64> {
        Some(match self {
            Self::Ingress => 10 * MIB,
            Self::Egress => 20 * MIB,
            Self::Requests => 2_000,
            Self::Admin => 50,
            Self::Connections => 500,
            Self::Storage => 100 * GIB,
            Self::Topics => 1_000,
            Self::Partitions => 5_000,
            Self::Producers => 10_000,
        })
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no quota {0:?}; there are ingress, egress, requests, admin, connections, storage, topics, partitions and producers"
)]
pub struct UnknownDimension(String);

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let unknown = || UnknownDimension(text.chars().take(60).collect());
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or_else(unknown)
    }
}
