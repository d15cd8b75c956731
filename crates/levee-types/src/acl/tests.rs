//! Policies against an evaluator that is as plain as can be, and what a tenant relies on (A3).

mod explain;
mod hostile;
mod properties;
mod reference;

use super::{AclOperation, AclOperations, AclRule, Effect, Member, Subject, TopicPattern};
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
    topics: TopicPattern,
) -> AclRule {
    let operations = AclOperations::new(operations.iter().copied()).unwrap();
    AclRule { id, effect, subject, operations, topics, created_ms: 0 }
}

fn prefix(prefix: &str) -> TopicPattern {
    TopicPattern::prefix(prefix).unwrap()
}

fn name(name: &str) -> TopicPattern {
    TopicPattern::name(name).unwrap()
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
