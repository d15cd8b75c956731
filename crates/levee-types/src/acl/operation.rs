//! What can be done with topics and groups.

use std::fmt;
use std::str::FromStr;

/// What can be done with a topic or a group. The numbers are those of `levee.v1.AclOperation`; a gap is a retired one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum AclOperation {
    /// Append records.
    Produce = 1,
    /// Read records and look up offsets; join a group and commit for it.
    Consume = 2,
    /// See it in lists.
    List = 3,
    /// See it with all that belongs to it.
    Describe = 4,
    /// Create the topic.
    Create = 5,
    /// Delete it.
    Delete = 6,
    /// Change properties and add partitions; set where a group goes on.
    Alter = 7,
    /// Remove records before an offset.
    Trim = 8,
}

impl AclOperation {
    /// Every operation, in the order of the numbers.
    pub const ALL: [Self; 8] = [
        Self::Produce,
        Self::Consume,
        Self::List,
        Self::Describe,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Trim,
    ];

    /// The operation of a number of `levee.v1.AclOperation`.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| *operation as i32 == number)
    }

    /// The name as people write it, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Consume => "consume",
            Self::List => "list",
            Self::Describe => "describe",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Alter => "alter",
            Self::Trim => "trim",
        }
    }

    /// Its bit in a set.
    pub(super) const fn bit(self) -> u8 {
        1 << (self as i32 - 1)
    }
}

impl fmt::Display for AclOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no operation. Its message shows at most the first characters of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no operation {0:?}; there are produce, consume, list, describe, create, delete, alter, trim"
)]
pub struct UnknownOperation(String);

impl FromStr for AclOperation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|operation| operation.name() == name);
        known.ok_or_else(|| UnknownOperation(name.chars().take(60).collect()))
    }
}

/// A set of operations; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AclOperations(u8);

impl AclOperations {
    /// Every operation.
    pub(super) const ALL: Self = Self(u8::MAX);
    /// Those that there are for groups.
    pub(super) const OF_GROUPS: Self = Self(
        AclOperation::Consume.bit()
            | AclOperation::List.bit()
            | AclOperation::Describe.bit()
            | AclOperation::Delete.bit()
            | AclOperation::Alter.bit(),
    );

    /// The set of these; `None` of none.
    #[must_use]
    pub fn new(operations: impl IntoIterator<Item = AclOperation>) -> Option<Self> {
        let bits = operations.into_iter().fold(0, |bits, operation| bits | operation.bit());
        (bits != 0).then_some(Self(bits))
    }

    /// Whether an operation is in it.
    #[must_use]
    pub fn contains(self, operation: AclOperation) -> bool {
        self.0 & operation.bit() != 0
    }

    /// What is allowed with it: who may do anything with a topic or a group may see it, alone and in lists. To see it in
    /// lists is not to see more of it. What denies denies no more than it says.
    #[must_use]
    pub fn with_implied(self) -> Self {
        let list = AclOperation::List.bit();
        let more = if self.0 == list { 0 } else { AclOperation::Describe.bit() };
        Self(self.0 | list | more)
    }

    /// Those that are not in the other one.
    #[must_use]
    pub fn without(self, other: Self) -> Option<Self> {
        let bits = self.0 & !other.0;
        (bits != 0).then_some(Self(bits))
    }

    /// Its operations, in the order of the numbers.
    pub fn iter(self) -> impl Iterator<Item = AclOperation> {
        AclOperation::ALL.into_iter().filter(move |operation| self.contains(*operation))
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }
}

impl From<AclOperation> for AclOperations {
    fn from(operation: AclOperation) -> Self {
        Self(operation.bit())
    }
}

/// As people write it: names with commas between.
impl fmt::Display for AclOperations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operation) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(operation.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for AclOperations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
