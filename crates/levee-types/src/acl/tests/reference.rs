//! The reference evaluator: goes through all rules and does as the words say.

use crate::acl::{AclOperation, AclRule, Decision, Effect, Member, Resource, Subject};

/// Whether a rule speaks about this.
pub(super) fn applies(rule: &AclRule, who: &Member<'_>, operation: AclOperation, what: Resource<'_>) -> bool {
    let is_subject = match &rule.subject {
        Subject::User(user) => user.as_str() == who.user.as_str(),
        Subject::Group(group) => who.groups.iter().any(|in_it| in_it.as_str() == group.as_str()),
        Subject::Everyone => true,
    };
    let (pattern, text) = (&rule.resources, rule.resources.text());
    let is_named = if pattern.is_prefix() { what.name.starts_with(text) } else { what.name == text };
    let is_resource = what.kind == pattern.kind() && is_named;
    is_subject && is_resource && rule.operations.iter().any(|said| speaks_of(rule.effect, said, operation))
}

/// To allow anything but to list is to allow to see.
fn speaks_of(effect: Effect, said: AclOperation, operation: AclOperation) -> bool {
    let is_seeing = match operation {
        AclOperation::List => true,
        AclOperation::Describe => said != AclOperation::List,
        _ => false,
    };
    said == operation || effect == Effect::Allow && is_seeing
}

pub(super) fn decide(
    rules: &[AclRule],
    who: &Member<'_>,
    operation: AclOperation,
    what: Resource<'_>,
) -> Decision {
    let has = |effect| rules.iter().any(|rule| rule.effect == effect && applies(rule, who, operation, what));
    if has(Effect::Deny) {
        Decision::Denied
    } else if who.is_admin || has(Effect::Allow) {
        Decision::Allowed
    } else {
        Decision::NoRule
    }
}
