//! Policies against an evaluator that is as plain as can be, and what a tenant relies on (A3).

mod explain;
mod hostile;
mod properties;
mod reference;

use super::{AclOperation, AclOperations, AclRule, Effect, Member, Pattern, ResourceKind, Subject};
use crate::name::{UserGroup, UserName};

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn group(name: &str) -> UserGroup {
    UserGroup::new(name).unwrap()
}

fn rule(
    id: u64,
    effect: Effect,
    subject: Subject,
    operations: &[AclOperation],
    resources: Pattern,
) -> AclRule {
    let operations = AclOperations::new(operations.iter().copied()).unwrap();
    AclRule { id, effect, subject, operations, resources, created_ms: 0 }
}

fn topics(prefix: &str) -> Pattern {
    Pattern::prefix(ResourceKind::Topic, prefix).unwrap()
}

fn topic(name: &str) -> Pattern {
    Pattern::name(ResourceKind::Topic, name).unwrap()
}

fn groups(prefix: &str) -> Pattern {
    Pattern::prefix(ResourceKind::Group, prefix).unwrap()
}

/// A user with its groups.
#[derive(Debug, Clone)]
struct Person {
    user: UserName,
    groups: Vec<UserGroup>,
    is_admin: bool,
}

impl Person {
    fn new(name: &str, groups: &[&str]) -> Self {
        Self { user: user(name), groups: groups.iter().map(|name| group(name)).collect(), is_admin: false }
    }

    fn admin(name: &str) -> Self {
        Self { is_admin: true, ..Self::new(name, &[]) }
    }

    fn member(&self) -> Member<'_> {
        Member { user: &self.user, groups: &self.groups, is_admin: self.is_admin }
    }
}
