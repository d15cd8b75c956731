//! What a quota limits, and what happens beyond it.

use crate::error::{ErrorCode, LeveeError};
use std::fmt;
use std::str::FromStr;

/// What a quota limits. The numbers are those of `levee.v1.QuotaDimension`, and stored; a gap is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dimension {
    /// Bytes of batches that are appended, a second.
    Ingress = 1,
    /// Bytes of batches that are sent to readers, a second.
    Egress = 2,
    /// Calls, and messages within streams, a second.
    Requests = 3,
    /// Changes of topics, users, tokens and access rules, a second.
    Admin = 4,
    /// Open connections.
    Connections = 5,
    /// Bytes of batches that are stored.
    Storage = 6,
    /// Topics.
    Topics = 7,
    /// Partitions of all topics.
    Partitions = 8,
    /// Producer ids that are remembered.
    Producers = 9,
    /// Groups of consumers, and queues.
    Groups = 10,
}

impl Dimension {
    /// Every dimension, in the order of the numbers.
    pub const ALL: [Self; 10] = [
        Self::Ingress,
        Self::Egress,
        Self::Requests,
        Self::Admin,
        Self::Connections,
        Self::Storage,
        Self::Topics,
        Self::Partitions,
        Self::Producers,
        Self::Groups,
    ];

    /// The dimension of a number that was stored or sent.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| *dimension as i32 == number)
    }

    /// Counted per second, not in total.
    #[must_use]
    pub fn is_rate(self) -> bool {
        matches!(self, Self::Ingress | Self::Egress | Self::Requests | Self::Admin)
    }

    /// Users and topics may have it, not only tenants.
    #[must_use]
    pub fn of_part(self) -> bool {
        matches!(self, Self::Ingress | Self::Egress | Self::Requests)
    }

    /// Counted in bytes.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Ingress | Self::Egress | Self::Storage)
    }

    /// As people write it, and as the label of a metric.
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
            Self::Groups => "groups",
        }
    }

    /// So much of it, for a person: `1048576 bytes of ingress a second`, `100 topics`.
    #[must_use]
    pub fn amount(self, value: u64) -> String {
        match self {
            Self::Ingress | Self::Egress => format!("{value} bytes of {} a second", self.name()),
            Self::Storage => format!("{value} bytes of storage"),
            Self::Requests => format!("{value} requests a second"),
            Self::Admin => format!("{value} administrative changes a second"),
            Self::Connections | Self::Topics | Self::Partitions | Self::Producers | Self::Groups => {
                format!("{value} {}", self.name())
            }
        }
    }

    /// The limit of a tenant for which neither the tenant nor its plan has one. Meant for one of many
    /// tenants on a node: enough for a working application, little enough that a mistake hurts nobody else.
    pub(super) fn default_limit(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            Self::Ingress => 10 * MIB,
            Self::Egress => 20 * MIB,
            Self::Requests => 2_000,
            Self::Admin => 20,
            Self::Connections => 200,
            Self::Storage => 100 * 1024 * MIB,
            Self::Topics => 1_000,
            Self::Partitions => 5_000,
            Self::Producers => 10_000,
            Self::Groups => 1_000,
        }
    }

    /// What happens beyond a limit that does not say: a rate is throttled, a total refused.
    pub(super) fn default_action(self) -> Action {
        if self.is_rate() { Action::Throttle } else { Action::Reject }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dimension {
    type Err = LeveeError;

    fn from_str(text: &str) -> Result<Self, LeveeError> {
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.name() == text)
            .ok_or_else(|| unknown("quota dimension", text, &Self::ALL.map(Self::name)))
    }
}

/// What happens to a request beyond the limit. The numbers are those of `levee.v1.QuotaAction`, and stored; a
/// gap is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// It is delayed. For rates only.
    Throttle = 1,
    /// It is refused.
    Reject = 2,
    /// It is counted, and goes through.
    Observe = 3,
    /// It is refused for a moment, in which the oldest records of the tenant go. For storage only.
    TrimOldest = 4,
}

impl Action {
    /// Every action, in the order of the numbers.
    pub const ALL: [Self; 4] = [Self::Throttle, Self::Reject, Self::Observe, Self::TrimOldest];

    /// The action of a number that was stored or sent.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|action| *action as i32 == number)
    }

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Reject => "reject",
            Self::Observe => "observe",
            Self::TrimOldest => "trim-oldest",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = LeveeError;

    fn from_str(text: &str) -> Result<Self, LeveeError> {
        Self::ALL
            .into_iter()
            .find(|action| action.name() == text)
            .ok_or_else(|| unknown("quota action", text, &Self::ALL.map(Self::name)))
    }
}

fn unknown(what: &str, text: &str, known: &[&str]) -> LeveeError {
    let text: String = text.chars().take(60).collect();
    LeveeError::new(ErrorCode::InvalidArgument, format!("unknown {what} {text:?}"))
        .with_hint(format!("give one of: {}", known.join(", ")))
}

#[cfg(test)]
mod tests;
