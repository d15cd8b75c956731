//! What holds of any rules.

use super::{Person, group, name, prefix, reference, user};
use crate::acl::{AclOperation, AclOperations, AclPolicy, AclRule, Decision, Effect, Subject, TopicPattern};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// So few letters that names, prefixes and prefixes of prefixes meet all the time.
const TEXT: &str = "[ab.]{1,4}";

fn patterns() -> impl Strategy<Value = TopicPattern> {
    prop_oneof![
        TEXT.prop_filter_map("reserved", |text| TopicPattern::name(&text).ok()),
        "[ab.]{0,3}".prop_map(|text| prefix(&text)),
    ]
}

fn subjects() -> impl Strategy<Value = Subject> {
    // The same names for users and groups: they must not be taken for each other.
    prop_oneof![
        select(vec!["x", "y", "z"]).prop_map(|name| Subject::User(user(name))),
        select(vec!["x", "y", "z"]).prop_map(|name| Subject::Group(group(name))),
        Just(Subject::Everyone),
    ]
}

fn operations() -> impl Strategy<Value = AclOperation> {
    select(AclOperation::ALL.to_vec())
}

fn sets() -> impl Strategy<Value = AclOperations> {
    (1..=u8::MAX).prop_map(|bits| {
        AclOperations::new(AclOperation::ALL.into_iter().filter(|op| bits & op.bit() != 0)).unwrap()
    })
}

fn rules() -> impl Strategy<Value = Vec<AclRule>> {
    // Mostly allowing, so that not everything is denied.
    let effect = prop_oneof![4 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let rule = (any::<u64>(), effect, subjects(), sets(), patterns());
    let rule = rule.prop_map(|(id, effect, subject, operations, topics)| AclRule {
        id,
        effect,
        subject,
        operations,
        topics,
        created_ms: 0,
    });
    proptest::collection::vec(rule, 0..12).prop_map(|mut rules| {
        rules.sort_by_key(|rule| rule.id);
        rules.dedup_by_key(|rule| rule.id);
        rules
    })
}

fn people() -> impl Strategy<Value = Person> {
    let names = vec!["x", "y", "z"];
    (select(names.clone()), subsequence(names, 0..=3), prop::bool::weighted(0.2))
        .prop_map(|(user, groups, is_admin)| Person { is_admin, ..Person::new(user, &groups) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_policy_decides_like_the_reference(
        rules in rules(), who in people(), operation in operations(), topic in "[ab.]{0,5}",
    ) {
        let policy = AclPolicy::compile(rules.clone());
        let expected = reference::decide(&rules, &who.member(), operation, &topic);
        prop_assert_eq!(policy.decide(&who.member(), operation, &topic), expected);
    }

    #[test]
    fn the_order_of_rules_is_irrelevant(
        (rules, shuffled) in rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        who in people(), operation in operations(), topic in TEXT,
    ) {
        let (one, other) = (AclPolicy::compile(rules), AclPolicy::compile(shuffled));
        let (one, other) = (
            one.explain(&who.member(), operation, &topic),
            other.explain(&who.member(), operation, &topic),
        );
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_rule_that_denies_beats_all_others(
        mut rules in rules(), who in people(), operation in operations(), topic in TEXT, cut in 0_usize..5,
    ) {
        rules.push(AclRule {
            id: u64::MAX,
            effect: Effect::Deny,
            subject: Subject::User(who.user.clone()),
            operations: operation.into(),
            topics: prefix(&topic[..cut.min(topic.len())]),
            created_ms: 0,
        });
        let decision = AclPolicy::compile(rules).decide(&who.member(), operation, &topic);
        prop_assert_eq!(decision, Decision::Denied);
    }

    #[test]
    fn of_two_grants_one_can_go(
        rules in rules(), who in people(), operation in operations(), topic in "[ab]{1,4}", by_name: bool,
    ) {
        let without_denials = rules.into_iter().filter(|rule| rule.effect == Effect::Allow);
        let grant = |id, topics| AclRule {
            id,
            effect: Effect::Allow,
            subject: Subject::User(who.user.clone()),
            operations: operation.into(),
            topics,
            created_ms: 0,
        };
        let both = [grant(1, name(&topic)), grant(2, prefix(&topic[..1]))];
        let left = both[usize::from(by_name)].clone();
        let policy = AclPolicy::compile(without_denials.chain([left]));
        prop_assert_eq!(policy.decide(&who.member(), operation, &topic), Decision::Allowed);
    }

    #[test]
    fn an_explanation_names_the_first_rule_that_decides(
        rules in rules(), who in people(), operation in operations(), topic in TEXT,
    ) {
        let policy = AclPolicy::compile(rules.clone());
        let explained = policy.explain(&who.member(), operation, &topic);
        let decision = reference::decide(&rules, &who.member(), operation, &topic);
        let effect = if decision == Decision::Denied { Effect::Deny } else { Effect::Allow };
        let first = rules.iter().find(|rule| {
            rule.effect == effect && reference::applies(rule, &who.member(), operation, &topic)
        });
        let is_by_office = who.is_admin && decision == Decision::Allowed;
        prop_assert_eq!(explained.decision, decision);
        prop_assert_eq!(explained.rule, first.filter(|_| !is_by_office));
    }

    #[test]
    fn who_may_nothing_is_known_and_who_may_something_too(
        rules in rules(), who in people(), operation in operations(),
    ) {
        let policy = AclPolicy::compile(rules.clone());
        // Longer than all patterns, and each pattern itself: if any topic is allowed, one of these is; but not
        // the other way round, where several prefixes deny all that one allows.
        let ends = ["", "bb.bb"];
        let tried = rules.iter().flat_map(|rule| {
            let text = match &rule.topics {
                TopicPattern::Name(name) => name.as_str(),
                TopicPattern::Prefix(prefix) => prefix.as_str(),
            };
            ends.map(|end| format!("{text}{end}"))
        });
        let mut tried = tried.chain(["free".to_owned()]);
        let may = policy.may_any(&who.member(), operation);
        let found = tried.any(|topic| {
            policy.decide(&who.member(), operation, &topic) == Decision::Allowed
        });
        prop_assert!(may || !found, "something is allowed");
        let has_rule = rules.iter().any(|rule| {
            let text = match &rule.topics {
                TopicPattern::Name(name) => name.as_str(),
                TopicPattern::Prefix(prefix) => prefix.as_str(),
            };
            rule.effect == Effect::Allow && reference::applies(rule, &who.member(), operation, text)
        });
        prop_assert!(!may || has_rule || who.is_admin, "nothing is allowed");
    }
}

#[test]
fn without_rules_nobody_may_anything_but_administrators() {
    let policy = AclPolicy::compile([]);
    let (someone, admin) = (Person::new("x", &["y"]), Person::admin("x"));
    for operation in AclOperation::ALL {
        assert_eq!(policy.decide(&someone.member(), operation, "orders"), Decision::NoRule);
        assert!(!policy.may_any(&someone.member(), operation));
        assert_eq!(policy.decide(&admin.member(), operation, "orders"), Decision::Allowed);
        assert!(policy.may_any(&admin.member(), operation));
    }
}

#[test]
fn who_is_denied_everything_may_nothing_however_much_is_allowed() {
    let allow = super::rule(1, Effect::Allow, Subject::Everyone, &AclOperation::ALL, prefix(""));
    let deny = super::rule(2, Effect::Deny, Subject::Group(group("out")), &[AclOperation::List], prefix(""));
    let policy = AclPolicy::compile([allow, deny]);
    for (who, may) in [
        (Person::new("x", &[]), true),
        (Person::new("x", &["out"]), false),
        (Person { is_admin: true, ..Person::new("x", &["out"]) }, false),
    ] {
        assert_eq!(policy.may_any(&who.member(), AclOperation::List), may, "{who:?}");
        assert!(policy.may_any(&who.member(), AclOperation::Describe), "{who:?}");
    }
}

#[test]
fn a_rule_for_some_topics_does_not_take_all_away() {
    let allow = super::rule(1, Effect::Allow, Subject::Everyone, &[AclOperation::List], prefix(""));
    let deny = super::rule(2, Effect::Deny, Subject::Everyone, &[AclOperation::List], prefix("a"));
    let policy = AclPolicy::compile([allow, deny]);
    assert!(policy.may_any(&Person::new("x", &[]).member(), AclOperation::List));
}

#[test]
fn prefixes_of_prefixes_are_kept_apart() {
    let at = |id, effect, text: &str| {
        super::rule(id, effect, Subject::Everyone, &[AclOperation::Consume], prefix(text))
    };
    let policy = AclPolicy::compile([
        at(1, Effect::Allow, "orders."),
        at(2, Effect::Deny, "orders.eu."),
        at(3, Effect::Allow, "orders.eu.public"),
        at(4, Effect::Allow, "o"),
    ]);
    for (topic, decision) in [
        ("orders.us", Decision::Allowed),
        ("orders.eu", Decision::Allowed),
        ("orders.eu.", Decision::Denied),
        ("orders.eu.secret", Decision::Denied),
        ("orders.eu.public", Decision::Denied),
        ("o", Decision::Allowed),
        ("p", Decision::NoRule),
        ("", Decision::NoRule),
    ] {
        let who = Person::new("x", &[]);
        assert_eq!(policy.decide(&who.member(), AclOperation::Consume, topic), decision, "{topic:?}");
    }
}
