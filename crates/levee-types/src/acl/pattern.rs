//! Which topics or groups are meant.

use super::resource::{Resource, ResourceKind};
use crate::limits::MAX_TOPIC_NAME;
use crate::name::{GroupName, NameError, TopicName, check_topic_characters};
use std::fmt;

/// Topics or groups, one by its exact name or all whose names begin in the same way. A value of this type is one that
/// can mean something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    kind: ResourceKind,
    is_prefix: bool,
    text: String,
}

impl Pattern {
    /// The topic or the group of exactly this name.
    ///
    /// # Errors
    /// None can have this name.
    pub fn name(kind: ResourceKind, name: &str) -> Result<Self, NameError> {
        match kind {
            ResourceKind::Topic => drop(TopicName::new(name)?),
            ResourceKind::Group => drop(GroupName::new(name)?),
        }
        Ok(Self { kind, is_prefix: false, text: name.to_owned() })
    }

    /// All topics or all groups whose names begin with `prefix`: at most 249 of `A-Z a-z 0-9 . _ -`. Empty: all.
    ///
    /// # Errors
    /// It is too long, or has a character that no name has.
    pub fn prefix(kind: ResourceKind, prefix: &str) -> Result<Self, NameError> {
        let what = match kind {
            ResourceKind::Topic => "beginning of a topic's",
            ResourceKind::Group => "beginning of a group's",
        };
        check_topic_characters(what, prefix, 0)?;
        Ok(Self { kind, is_prefix: true, text: prefix.to_owned() })
    }

    /// What is meant.
    #[must_use]
    pub fn kind(&self) -> ResourceKind {
        self.kind
    }

    /// Whether the text is how names begin, and not a whole name.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// The name or its beginning.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether this one is meant.
    #[must_use]
    pub fn matches(&self, resource: Resource<'_>) -> bool {
        let is_so_called = match self.is_prefix {
            true => resource.name.starts_with(&self.text),
            false => resource.name == self.text,
        };
        self.kind == resource.kind && is_so_called
    }

    /// Whether all topics, or all groups, are meant.
    pub(super) fn is_everything(&self) -> bool {
        self.is_prefix && self.text.is_empty()
    }

    /// Bytes of the text.
    pub(super) fn length(&self) -> u8 {
        const { assert!(MAX_TOPIC_NAME <= u8::MAX as usize) };
        #[expect(clippy::cast_possible_truncation, reason = "at most `MAX_TOPIC_NAME`")]
        let length = self.text.len() as u8;
        length
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, text, .. } = self;
        match self.is_prefix {
            false => write!(f, "{} {text:?}", kind.name()),
            true if self.is_everything() => write!(f, "every {}", kind.name()),
            true => write!(f, "{}s that begin with {text:?}", kind.name()),
        }
    }
}

#[cfg(test)]
mod tests;
