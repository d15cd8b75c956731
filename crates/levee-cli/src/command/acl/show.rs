//! Access rules, and what they decide, for people and for programs.

use crate::access;
use crate::output::{Section, View};
use crate::units::show_time;
use levee_client::v1::acl_subject::Kind;
use levee_client::v1::{AclEffect, AclRule, TestAclRequest, TestAclResponse};
use serde_json::{Value, json};

/// One rule.
pub(super) fn described(rule: &AclRule) -> View {
    let fields = vec![
        ("Id", rule.id.to_string()),
        ("Effect", effect(rule).to_owned()),
        ("Subject", subject(rule)),
        ("Operations", access::show_operations(&rule.operations)),
        ("Resources", resources(rule)),
        ("Created", show_time(rule.created_ms)),
    ];
    View::of("rule", json(rule)).named([rule.id.to_string()]).section(Section::Fields(fields))
}

/// A decision, and which rule it comes from.
pub(super) fn tested(request: &TestAclRequest, outcome: &TestAclResponse) -> View {
    let operation = access::show_operations(&[request.operation]);
    let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let json = json!({
        "tenant": request.tenant,
        "user": request.user,
        "operation": operation,
        "topic": name(&request.topic),
        "group": name(&request.group),
        "allowed": outcome.allowed,
        "rule": outcome.rule.as_ref().map(json),
        "reason": outcome.reason,
    });
    let decision = if outcome.allowed { "allowed" } else { "denied" };
    let view =
        View::of("test", json).named([decision.to_owned()]).line(format!("{decision}: {}", outcome.reason));
    match &outcome.rule {
        None => view,
        Some(rule) => view.line(sentence(rule)),
    }
}

/// A rule as a sentence.
pub(super) fn sentence(rule: &AclRule) -> String {
    let operations = access::show_operations(&rule.operations);
    let resources = resources(rule);
    format!("rule {}: {} {} {operations} {resources}", rule.id, effect(rule), subject(rule))
}

/// A rule for programs. Of the subject, what it is not is null or false; of topics and groups, what it is not about is
/// null.
pub(super) fn json(rule: &AclRule) -> Value {
    let (user, group, everyone) = match kind(rule) {
        Some(Kind::User(user)) => (Some(user), None, false),
        Some(Kind::UserGroup(group)) => (None, Some(group), false),
        Some(Kind::Everyone(everyone)) => (None, None, *everyone),
        None => (None, None, false),
    };
    json!({
        "id": rule.id,
        "effect": effect(rule),
        "subject": {"user": user, "user_group": group, "everyone": everyone},
        "operations": access::operations_json(&rule.operations),
        "topics": access::topics_json(rule.topics.as_ref()),
        "groups": access::groups_json(rule.groups.as_ref()),
        "created_at": show_time(rule.created_ms),
    })
}

pub(super) fn effect(rule: &AclRule) -> &'static str {
    match rule.effect() {
        AclEffect::Allow => "allow",
        AclEffect::Deny => "deny",
        AclEffect::Unspecified => "unknown",
    }
}

pub(super) fn resources(rule: &AclRule) -> String {
    access::show_resources(rule.topics.as_ref(), rule.groups.as_ref())
}

pub(super) fn subject(rule: &AclRule) -> String {
    match kind(rule) {
        Some(Kind::User(user)) => format!("user {user}"),
        Some(Kind::UserGroup(group)) => format!("group {group}"),
        Some(Kind::Everyone(_)) => "everyone".to_owned(),
        None => "unknown".to_owned(),
    }
}

fn kind(rule: &AclRule) -> Option<&Kind> {
    rule.subject.as_ref()?.kind.as_ref()
}
