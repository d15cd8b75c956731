//! Names that people give. A value of one of these types is valid.
//!
//! Names never become paths, labels of metrics or patterns; on disk there are only ids.

use crate::limits::{MAX_PLAN_NAME, MAX_TENANT_NAME, MAX_TOPIC_NAME, MAX_USER_NAME, MIN_TENANT_NAME};
use std::fmt;

/// Why a name is refused. The text shows at most the first characters of the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty or too short.
    #[error("{what} name has {length} characters; it needs at least {min}")]
    TooShort {
        /// What is named.
        what: &'static str,
        /// Its characters.
        length: usize,
        /// The limit.
        min: usize,
    },
    /// Too long.
    #[error("{what} name has {length} bytes; the limit is {max}")]
    TooLong {
        /// What is named.
        what: &'static str,
        /// Its bytes.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// A character that is not allowed.
    #[error("{what} name has the character {character:?}; allowed are {allowed}")]
    Character {
        /// What is named.
        what: &'static str,
        /// The first such character.
        character: char,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A name that means something else.
    #[error("{what} name {name:?} is reserved")]
    Reserved {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
}

fn check(
    what: &'static str,
    name: &str,
    min: usize,
    max: usize,
    allowed: &'static str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    if name.len() > max {
        return Err(NameError::TooLong { what, length: name.len(), max });
    }
    if let Some(character) = name.chars().find(|c| !is_allowed(*c)) {
        return Err(NameError::Character { what, character, allowed });
    }
    if name.len() < min {
        return Err(NameError::TooShort { what, length: name.len(), min });
    }
    Ok(())
}

/// The name of a tenant: 3 to 48 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantName(String);

impl TenantName {
    /// What names there are, for a person.
    pub const RULE: &str = "3 to 48 of a-z 0-9 -";

    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        check("tenant", name, MIN_TENANT_NAME, MAX_TENANT_NAME, "a-z 0-9 -", is_allowed)?;
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a topic: 1 to 249 of `A-Z a-z 0-9 . _ -`, not `.` or `..`, not beginning with `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(String);

impl TopicName {
    /// What names there are, for a person.
    pub const RULE: &str = "1 to 249 of A-Z a-z 0-9 . _ -, not beginning with _, and neither . nor ..";

    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check_topic("topic", name).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a group of consumers or of a queue: like that of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(String);

impl GroupName {
    /// What names there are, for a person.
    pub const RULE: &str = TopicName::RULE;

    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check_topic("group", name).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_topic(what: &'static str, name: &str) -> Result<String, NameError> {
    check_topic_characters(what, name, 1)?;
    if name == "." || name == ".." || name.starts_with('_') {
        return Err(NameError::Reserved { what, name: name.to_owned() });
    }
    Ok(name.to_owned())
}

/// Whether a text has the length and the characters of the name of a topic, or of its beginning.
pub(crate) fn check_topic_characters(what: &'static str, text: &str, min: usize) -> Result<(), NameError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    check(what, text, min, MAX_TOPIC_NAME, "A-Z a-z 0-9 . _ -", is_allowed)
}

/// The name of a user: 1 to 64 of `A-Z a-z 0-9 . _ - @`, not beginning with `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// What names there are, for a person.
    pub const RULE: &str = "1 to 64 of A-Z a-z 0-9 . _ - @, not beginning with _";

    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check_user("user", name).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a group of users: like that of a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserGroup(String);

impl UserGroup {
    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check_user("user group", name).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_user(what: &'static str, name: &str) -> Result<String, NameError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    check(what, name, 1, MAX_USER_NAME, "A-Z a-z 0-9 . _ - @", is_allowed)?;
    if name.starts_with('_') {
        return Err(NameError::Reserved { what, name: name.to_owned() });
    }
    Ok(name.to_owned())
}

/// The name of a plan: 1 to 48 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanName(String);

impl PlanName {
    /// What names there are, for a person.
    pub const RULE: &str = "1 to 48 of a-z 0-9 -";

    /// Checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        check("plan", name, 1, MAX_PLAN_NAME, "a-z 0-9 -", is_allowed)?;
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UserGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
