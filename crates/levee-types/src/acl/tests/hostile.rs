//! Names that somebody chose to confuse.

use super::{Person, group, name, prefix, reference, rule, user};
use crate::acl::{
    AclOperation, AclOperations, AclPolicy, Decision, Effect, Subject, TokenScope, TopicPattern, scopes_allow,
};
use proptest::prelude::*;

const TOPICS: [&str; 16] = [
    "",
    ".",
    "..",
    "../orders",
    "/orders",
    "orders/",
    "orders\0",
    "orders*",
    "*",
    "Orders",
    "%6frders",
    "\u{202e}sredro",
    "ördérs",
    "orders\u{301}",
    " orders",
    "orders\n",
];

#[test]
fn only_the_very_name_is_the_topic() {
    let allow = rule(1, Effect::Allow, Subject::Everyone, &AclOperation::ALL, name("orders"));
    let policy = AclPolicy::compile([allow]);
    let who = Person::new("x", &[]);
    let long = "orders".repeat(2_000);
    for topic in TOPICS.iter().copied().chain([long.as_str(), &long[..249]]) {
        let decision = policy.decide(&who.member(), AclOperation::Produce, topic);
        assert_eq!(decision, Decision::NoRule, "{topic:?}");
    }
    assert_eq!(policy.decide(&who.member(), AclOperation::Produce, "orders"), Decision::Allowed);
}

#[test]
fn only_the_very_name_is_the_user_or_the_group() {
    let policy = AclPolicy::compile([
        rule(1, Effect::Allow, Subject::User(user("ops")), &[AclOperation::Produce], prefix("")),
        rule(2, Effect::Allow, Subject::Group(group("dev")), &[AclOperation::Consume], prefix("")),
    ]);
    let may = |who: &Person| {
        [AclOperation::Produce, AclOperation::Consume]
            .map(|operation| policy.decide(&who.member(), operation, "orders") == Decision::Allowed)
    };
    assert_eq!(may(&Person::new("ops", &["dev"])), [true, true]);
    assert_eq!(may(&Person::new("dev", &["ops"])), [false, false], "a group is no user and a user no group");
    for other in ["Ops", "op", "ops-", "ops.", "ops@", "everyone"] {
        assert_eq!(may(&Person::new(other, &[other])), [false, false], "{other}");
    }
}

#[test]
fn a_reason_is_short_whatever_the_topic() {
    let policy = AclPolicy::compile([]);
    let who = Person::new(&"x".repeat(64), &[]);
    let explained = policy.explain(&who.member(), AclOperation::Produce, &"\u{202e}".repeat(10_000));
    assert!(explained.reason.len() < 4_000, "{}", explained.reason.len());
    assert!(explained.reason.is_ascii(), "{}", explained.reason);
}

#[test]
fn scopes_narrow_and_none_means_no_narrowing() {
    let scope = |operations: &[AclOperation], topics| TokenScope {
        operations: AclOperations::new(operations.iter().copied()).unwrap(),
        topics,
    };
    let scopes = [
        scope(&[AclOperation::Consume, AclOperation::Describe], prefix("orders.")),
        scope(&[AclOperation::Produce], name("audit")),
    ];
    for (operation, topic, may) in [
        (AclOperation::Consume, "orders.eu", true),
        (AclOperation::Describe, "orders.eu", true),
        (AclOperation::Produce, "orders.eu", false),
        (AclOperation::Consume, "orders", false),
        (AclOperation::Produce, "audit", true),
        (AclOperation::Produce, "audits", false),
        (AclOperation::Consume, "audit", false),
    ] {
        assert_eq!(scopes_allow(&scopes, operation, topic), may, "{operation} {topic}");
        assert!(scopes_allow(&[], operation, topic));
    }
}

proptest! {
    #[test]
    fn any_text_is_decided_like_by_the_reference(topic in ".{0,300}", text in "[a-z]{0,3}") {
        let mut rules = vec![
            rule(1, Effect::Allow, Subject::Everyone, &AclOperation::ALL, prefix(&text)),
            rule(2, Effect::Deny, Subject::Everyone, &[AclOperation::Trim], prefix("")),
        ];
        if let Ok(name) = TopicPattern::name(&topic) {
            rules.push(rule(3, Effect::Deny, Subject::User(user("x")), &[AclOperation::Delete], name));
        }
        let policy = AclPolicy::compile(rules.clone());
        let who = Person::new("x", &[]);
        for operation in AclOperation::ALL {
            let expected = reference::decide(&rules, &who.member(), operation, &topic);
            prop_assert_eq!(policy.decide(&who.member(), operation, &topic), expected);
        }
    }
}
