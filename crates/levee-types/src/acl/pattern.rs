//! Which topics are meant.

use crate::limits::MAX_TOPIC_NAME;
use crate::name::{NameError, TopicName, check_topic_characters};
use std::fmt;

/// How the names of topics begin: at most 249 of `A-Z a-z 0-9 . _ -`. Empty: every name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPrefix(String);

impl TopicPrefix {
    /// Checks a prefix.
    ///
    /// # Errors
    /// It is too long, or has a character that no name of a topic has.
    pub fn new(prefix: &str) -> Result<Self, NameError> {
        check_topic_characters("beginning of a topic's", prefix, 0)?;
        Ok(Self(prefix.to_owned()))
    }

    /// The prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes.
    pub(super) fn length(&self) -> u8 {
        const { assert!(MAX_TOPIC_NAME <= u8::MAX as usize) };
        #[expect(clippy::cast_possible_truncation, reason = "at most `MAX_TOPIC_NAME`")]
        let length = self.0.len() as u8;
        length
    }
}

/// Which topics are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicPattern {
    /// The topic of exactly this name.
    Name(TopicName),
    /// Every topic whose name begins with this.
    Prefix(TopicPrefix),
}

impl TopicPattern {
    /// The pattern of one topic.
    ///
    /// # Errors
    /// No topic can have this name.
    pub fn name(name: &str) -> Result<Self, NameError> {
        TopicName::new(name).map(Self::Name)
    }

    /// The pattern of all topics that begin with `prefix`.
    ///
    /// # Errors
    /// No topic's name can begin so.
    pub fn prefix(prefix: &str) -> Result<Self, NameError> {
        TopicPrefix::new(prefix).map(Self::Prefix)
    }

    /// Whether the topic of this name is meant. The name need not be a valid one.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Name(name) => name.as_str() == topic,
            Self::Prefix(prefix) => topic.starts_with(prefix.as_str()),
        }
    }

    /// Whether every topic is meant.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self, Self::Prefix(prefix) if prefix.as_str().is_empty())
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "topic {:?}", name.as_str()),
            Self::Prefix(_) if self.is_everything() => f.write_str("every topic"),
            Self::Prefix(prefix) => write!(f, "topics that begin with {:?}", prefix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
