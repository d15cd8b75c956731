//! Rules, and whom they are for.

use super::operation::{AclOperation, AclOperations};
use super::pattern::Pattern;
use super::resource::Resource;
use crate::name::{UserGroup, UserName};
use std::fmt;

/// What a rule does. The numbers are those of `levee.v1.AclEffect`; a gap is a retired one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum Effect {
    /// Allows, where nothing denies.
    Allow = 1,
    /// Denies, whatever allows.
    Deny = 2,
}

impl Effect {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Allow, Self::Deny];

    /// The effect of a number of `levee.v1.AclEffect`.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| *effect as i32 == number)
    }
}

/// Whom a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// One user.
    User(UserName),
    /// Every user that is in this group.
    Group(UserGroup),
    /// Every user of the tenant.
    Everyone,
}

impl Subject {
    /// Whether a user is meant.
    #[must_use]
    pub fn includes(&self, who: &Member<'_>) -> bool {
        match self {
            Self::User(user) => user == who.user,
            Self::Group(group) => who.groups.contains(group),
            Self::Everyone => true,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Group(group) => write!(f, "user group {group}"),
            Self::Everyone => f.write_str("every user"),
        }
    }
}

/// A user of a tenant, as decisions see it.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its name.
    pub user: &'a UserName,
    /// The groups that it is in.
    pub groups: &'a [UserGroup],
    /// It administers the tenant: it may do what no rule denies.
    pub is_admin: bool,
}

/// Allows or denies operations on topics or on groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclRule {
    /// Never reused within a tenant.
    pub id: u64,
    /// What it does.
    pub effect: Effect,
    /// For whom.
    pub subject: Subject,
    /// Which operations.
    pub operations: AclOperations,
    /// On which topics or groups.
    pub resources: Pattern,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
}

/// Without the id, which is not how people know a rule: `deny user group ops: produce, trim on topic "orders"`.
impl fmt::Display for AclRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        };
        write!(f, "{effect} {}: {} on {}", self.subject, self.operations, self.resources)
    }
}

/// What a token may do, within what its user may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenScope {
    /// Which operations.
    pub operations: AclOperations,
    /// On which topics or groups.
    pub resources: Pattern,
}

/// Whether a token with these scopes may do something that its user may. A token without scopes is not
/// narrower than its user.
#[must_use]
pub fn scopes_allow(scopes: &[TokenScope], operation: AclOperation, what: Resource<'_>) -> bool {
    let allows = |scope: &TokenScope| {
        scope.operations.with_implied().contains(operation) && scope.resources.matches(what)
    };
    scopes.is_empty() || scopes.iter().any(allows)
}
