//! Why something may be done, or not.

use super::operation::AclOperation;
use super::policy::{AclPolicy, Decision};
use super::resource::Resource;
use super::rule::{AclRule, Effect, Member};
use crate::limits::MAX_TOPIC_NAME;

/// A decision with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// What is decided.
    pub decision: Decision,
    /// The rule that decides; of several, the one with the lowest id. None does when there is none that
    /// applies, and when an administrator is allowed something.
    pub rule: Option<&'a AclRule>,
    /// Why, for a person.
    pub reason: String,
}

impl AclPolicy {
    /// Decides, and says why. Looks at all rules, so it is for people, not for requests.
    #[must_use]
    pub fn explain(&self, who: &Member<'_>, operation: AclOperation, what: Resource<'_>) -> Explanation<'_> {
        let decision = self.decide(who, operation, what);
        let deciding = match decision {
            Decision::Denied => Some(Effect::Deny),
            Decision::Allowed if !who.is_admin => Some(Effect::Allow),
            Decision::Allowed | Decision::NoRule => None,
        };
        let said = |rule: &AclRule| match rule.effect {
            Effect::Allow => rule.operations.with_implied(),
            Effect::Deny => rule.operations,
        };
        let decides = |rule: &&AclRule| {
            Some(rule.effect) == deciding
                && said(rule).contains(operation)
                && rule.subject.includes(who)
                && rule.resources.matches(what)
        };
        let rule = self.rules().iter().find(decides);
        let reason = match rule {
            Some(rule) => format!("rule {} decides: {rule}", rule.id),
            None if decision == Decision::Allowed => {
                format!("user {} is an administrator, and no rule denies it", who.user)
            }
            None => {
                let name: String = what.name.chars().take(MAX_TOPIC_NAME).collect();
                let what = Resource { name: &name, ..what };
                format!("no rule allows user {}: {operation} on {what}", who.user)
            }
        };
        Explanation { decision, rule, reason }
    }
}
