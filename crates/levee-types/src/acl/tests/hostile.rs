//! Names that somebody chose to confuse.

use super::{Person, group, groups, reference, rule, topic, topics, user};
use crate::acl::{
    AclOperation, AclOperations, AclPolicy, Decision, Effect, Pattern, Resource, ResourceKind, Subject,
    TokenScope, scopes_allow,
};
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 16] = [
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
    let allow = rule(1, Effect::Allow, Subject::Everyone, &AclOperation::ALL, topic("orders"));
    let policy = AclPolicy::compile([allow]);
    let who = Person::new("x", &[]);
    let long = "orders".repeat(2_000);
    for name in NAMES.iter().copied().chain([long.as_str(), &long[..249]]) {
        let decision = policy.decide(&who.member(), AclOperation::Produce, Resource::topic(name));
        assert_eq!(decision, Decision::NoRule, "{name:?}");
    }
    let orders = policy.decide(&who.member(), AclOperation::Produce, Resource::topic("orders"));
    assert_eq!(orders, Decision::Allowed);
}

#[test]
fn only_the_very_name_is_the_user_or_the_group() {
    let policy = AclPolicy::compile([
        rule(1, Effect::Allow, Subject::User(user("ops")), &[AclOperation::Produce], topics("")),
        rule(2, Effect::Allow, Subject::Group(group("dev")), &[AclOperation::Consume], topics("")),
    ]);
    let may = |who: &Person| {
        [AclOperation::Produce, AclOperation::Consume]
            .map(|operation| policy.decide(&who.member(), operation, Resource::topic("orders")))
            .map(|decision| decision == Decision::Allowed)
    };
    assert_eq!(may(&Person::new("ops", &["dev"])), [true, true]);
    assert_eq!(may(&Person::new("dev", &["ops"])), [false, false], "a group is no user and a user no group");
    for other in ["Ops", "op", "ops-", "ops.", "ops@", "everyone"] {
        assert_eq!(may(&Person::new(other, &[other])), [false, false], "{other}");
    }
}

#[test]
fn a_reason_is_short_whatever_the_name() {
    let policy = AclPolicy::compile([]);
    let who = Person::new(&"x".repeat(64), &[]);
    for kind in ResourceKind::ALL {
        let what = Resource { kind, name: &"\u{202e}".repeat(10_000) };
        let explained = policy.explain(&who.member(), AclOperation::Consume, what);
        assert!(explained.reason.len() < 4_000, "{}", explained.reason.len());
        assert!(explained.reason.is_ascii(), "{}", explained.reason);
    }
}

#[test]
fn scopes_narrow_and_none_means_no_narrowing() {
    let scope = |operations: &[AclOperation], resources| TokenScope {
        operations: AclOperations::new(operations.iter().copied()).unwrap(),
        resources,
    };
    let scopes = [
        scope(&[AclOperation::Consume, AclOperation::Describe], topics("orders.")),
        scope(&[AclOperation::Produce], topic("audit")),
        scope(&[AclOperation::Consume], groups("orders.")),
    ];
    for (operation, name, of_topic, of_group) in [
        (AclOperation::Consume, "orders.eu", true, true),
        (AclOperation::Describe, "orders.eu", true, true),
        (AclOperation::Produce, "orders.eu", false, false),
        (AclOperation::Consume, "orders", false, false),
        (AclOperation::Produce, "audit", true, false),
        (AclOperation::Produce, "audits", false, false),
        (AclOperation::Consume, "audit", false, false),
    ] {
        for (what, may) in [(Resource::topic(name), of_topic), (Resource::group(name), of_group)] {
            assert_eq!(scopes_allow(&scopes, operation, what), may, "{operation} {what}");
            assert!(scopes_allow(&[], operation, what));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_decided_like_by_the_reference(
        name in ".{0,300}", text in "[a-z]{0,3}", kind in select(&ResourceKind::ALL[..]),
    ) {
        let mut rules = vec![
            rule(1, Effect::Allow, Subject::Everyone, &AclOperation::ALL, topics(&text)),
            rule(2, Effect::Allow, Subject::Everyone, &[AclOperation::Consume], groups(&text)),
            rule(3, Effect::Deny, Subject::Everyone, &[AclOperation::Trim], topics("")),
        ];
        if let Ok(name) = Pattern::name(kind, &name) {
            rules.push(rule(4, Effect::Deny, Subject::User(user("x")), &[AclOperation::Delete], name));
        }
        let policy = AclPolicy::compile(rules.clone());
        let who = Person::new("x", &[]);
        for what in [Resource::topic(&name), Resource::group(&name)] {
            for operation in AclOperation::ALL {
                let expected = reference::decide(&rules, &who.member(), operation, what);
                prop_assert_eq!(policy.decide(&who.member(), operation, what), expected);
            }
        }
    }
}
