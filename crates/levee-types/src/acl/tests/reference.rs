//! The reference evaluator: goes through all rules and does as the words say.

use crate::acl::{AclOperation, AclRule, Decision, Effect, Member, Subject, TopicPattern};

/// Whether a rule speaks about this.
pub(super) fn applies(rule: &AclRule, who: &Member<'_>, operation: AclOperation, topic: &str) -> bool {
    let is_subject = match &rule.subject {
        Subject::User(user) => user.as_str() == who.user.as_str(),
        Subject::Group(group) => who.groups.iter().any(|in_it| in_it.as_str() == group.as_str()),
        Subject::Everyone => true,
    };
    let is_topic = match &rule.topics {
        TopicPattern::Name(name) => name.as_str() == topic,
        TopicPattern::Prefix(prefix) => topic.starts_with(prefix.as_str()),
    };
    is_subject && is_topic && rule.operations.iter().any(|said| speaks_of(rule.effect, said, operation))
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

pub(super) fn decide(rules: &[AclRule], who: &Member<'_>, operation: AclOperation, topic: &str) -> Decision {
    let has = |effect| rules.iter().any(|rule| rule.effect == effect && applies(rule, who, operation, topic));
    if has(Effect::Deny) {
        Decision::Denied
    } else if who.is_admin || has(Effect::Allow) {
        Decision::Allowed
    } else {
        Decision::NoRule
    }
}
