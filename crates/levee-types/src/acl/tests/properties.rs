//! What holds of any rules.

use super::{Person, group, groups, reference, topics, user};
use crate::acl::{
    AclOperation, AclOperations, AclPolicy, AclRule, Decision, Effect, Pattern, Resource, ResourceKind,
    Subject,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// So few letters that names, prefixes and prefixes of prefixes meet all the time.
const TEXT: &str = "[ab.]{1,4}";

/// The same names for topics and groups: they must not be taken for each other.
fn kinds() -> impl Strategy<Value = ResourceKind> {
    select(&ResourceKind::ALL[..])
}

fn patterns() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        (kinds(), TEXT).prop_filter_map("reserved", |(kind, text)| Pattern::name(kind, &text).ok()),
        (kinds(), "[ab.]{0,3}").prop_map(|(kind, text)| Pattern::prefix(kind, &text).unwrap()),
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
    let rule = rule.prop_map(|(id, effect, subject, operations, resources)| AclRule {
        id,
        effect,
        subject,
        operations,
        resources,
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
        rules in rules(), who in people(), operation in operations(), kind in kinds(), name in "[ab.]{0,5}",
    ) {
        let (policy, what) = (AclPolicy::compile(rules.clone()), Resource { kind, name: &name });
        let expected = reference::decide(&rules, &who.member(), operation, what);
        prop_assert_eq!(policy.decide(&who.member(), operation, what), expected);
    }

    #[test]
    fn the_order_of_rules_is_irrelevant(
        (rules, shuffled) in rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        who in people(), operation in operations(), kind in kinds(), name in TEXT,
    ) {
        let (one, other) = (AclPolicy::compile(rules), AclPolicy::compile(shuffled));
        let what = Resource { kind, name: &name };
        let (one, other) =
            (one.explain(&who.member(), operation, what), other.explain(&who.member(), operation, what));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_rule_that_denies_beats_all_others(
        mut rules in rules(), who in people(), operation in operations(), kind in kinds(), name in TEXT,
        cut in 0_usize..5,
    ) {
        rules.push(AclRule {
            id: u64::MAX,
            effect: Effect::Deny,
            subject: Subject::User(who.user.clone()),
            operations: operation.into(),
            resources: Pattern::prefix(kind, &name[..cut.min(name.len())]).unwrap(),
            created_ms: 0,
        });
        let what = Resource { kind, name: &name };
        let decision = AclPolicy::compile(rules).decide(&who.member(), operation, what);
        prop_assert_eq!(decision, Decision::Denied);
    }

    #[test]
    fn of_two_grants_one_can_go(
        rules in rules(), who in people(), operation in operations(), kind in kinds(), text in "[ab]{1,4}",
        by_name: bool,
    ) {
        let without_denials = rules.into_iter().filter(|rule| rule.effect == Effect::Allow);
        let grant = |id, resources| AclRule {
            id,
            effect: Effect::Allow,
            subject: Subject::User(who.user.clone()),
            operations: operation.into(),
            resources,
            created_ms: 0,
        };
        let both = [
            grant(1, Pattern::name(kind, &text).unwrap()),
            grant(2, Pattern::prefix(kind, &text[..1]).unwrap()),
        ];
        let left = both[usize::from(by_name)].clone();
        let policy = AclPolicy::compile(without_denials.chain([left]));
        let decision = policy.decide(&who.member(), operation, Resource { kind, name: &text });
        prop_assert_eq!(decision, Decision::Allowed);
    }

    #[test]
    fn an_explanation_names_the_first_rule_that_decides(
        rules in rules(), who in people(), operation in operations(), kind in kinds(), name in TEXT,
    ) {
        let (policy, what) = (AclPolicy::compile(rules.clone()), Resource { kind, name: &name });
        let explained = policy.explain(&who.member(), operation, what);
        let decision = reference::decide(&rules, &who.member(), operation, what);
        let effect = if decision == Decision::Denied { Effect::Deny } else { Effect::Allow };
        let first = rules.iter().find(|rule| {
            rule.effect == effect && reference::applies(rule, &who.member(), operation, what)
        });
        let is_by_office = who.is_admin && decision == Decision::Allowed;
        prop_assert_eq!(explained.decision, decision);
        prop_assert_eq!(explained.rule, first.filter(|_| !is_by_office));
    }

    #[test]
    fn rules_about_topics_say_nothing_about_groups_and_the_other_way_round(
        rules in rules(), who in people(), operation in operations(), kind in kinds(), name in TEXT,
    ) {
        let of_kind: Vec<_> =
            rules.iter().filter(|rule| rule.resources.kind() == kind).cloned().collect();
        let (all, some) = (AclPolicy::compile(rules), AclPolicy::compile(of_kind));
        let what = Resource { kind, name: &name };
        let explain = |policy: &AclPolicy| {
            let explained = policy.explain(&who.member(), operation, what);
            (explained.decision, explained.rule.cloned(), explained.reason)
        };
        prop_assert_eq!(explain(&all), explain(&some));
        prop_assert_eq!(
            all.may_any(&who.member(), operation, kind),
            some.may_any(&who.member(), operation, kind)
        );
    }

    #[test]
    fn who_may_nothing_is_known_and_who_may_something_too(
        rules in rules(), who in people(), operation in operations(), kind in kinds(),
    ) {
        let policy = AclPolicy::compile(rules.clone());
        // Longer than all patterns, and each pattern itself: if any is allowed, one of these is; but not
        // the other way round, where several prefixes deny all that one allows.
        let ends = ["", "bb.bb"];
        let tried =
            rules.iter().flat_map(|rule| ends.map(|end| format!("{}{end}", rule.resources.text())));
        let mut tried = tried.chain(["free".to_owned()]);
        let may = policy.may_any(&who.member(), operation, kind);
        let found = tried.any(|name| {
            let what = Resource { kind, name: &name };
            policy.decide(&who.member(), operation, what) == Decision::Allowed
        });
        prop_assert!(may || !found, "something is allowed");
        let has_rule = rules.iter().any(|rule| {
            let what = Resource { kind, name: rule.resources.text() };
            rule.effect == Effect::Allow && reference::applies(rule, &who.member(), operation, what)
        });
        prop_assert!(!may || has_rule || who.is_admin, "nothing is allowed");
    }
}

#[test]
fn without_rules_nobody_may_anything_but_administrators() {
    let policy = AclPolicy::compile([]);
    let (someone, admin) = (Person::new("x", &["y"]), Person::admin("x"));
    for operation in AclOperation::ALL {
        for what in [Resource::topic("orders"), Resource::group("orders")] {
            assert_eq!(policy.decide(&someone.member(), operation, what), Decision::NoRule);
            assert!(!policy.may_any(&someone.member(), operation, what.kind));
            assert_eq!(policy.decide(&admin.member(), operation, what), Decision::Allowed);
            assert!(policy.may_any(&admin.member(), operation, what.kind));
        }
    }
}

#[test]
fn who_is_denied_everything_may_nothing_however_much_is_allowed() {
    let list = &[AclOperation::List];
    for (kind, everything) in [(ResourceKind::Topic, topics("")), (ResourceKind::Group, groups(""))] {
        let out = Subject::Group(group("out"));
        let policy = AclPolicy::compile([
            super::rule(1, Effect::Allow, Subject::Everyone, &[AclOperation::Consume], topics("")),
            super::rule(2, Effect::Allow, Subject::Everyone, &[AclOperation::Consume], groups("")),
            super::rule(3, Effect::Deny, out, list, everything),
        ]);
        for (who, may) in [
            (Person::new("x", &[]), true),
            (Person::new("x", &["out"]), false),
            (Person { is_admin: true, ..Person::new("x", &["out"]) }, false),
        ] {
            for asked in ResourceKind::ALL {
                let expected = may || asked != kind;
                assert_eq!(policy.may_any(&who.member(), AclOperation::List, asked), expected, "{who:?}");
                assert!(policy.may_any(&who.member(), AclOperation::Describe, asked), "{who:?}");
            }
        }
    }
}

#[test]
fn a_rule_for_some_topics_does_not_take_all_away() {
    let allow = super::rule(1, Effect::Allow, Subject::Everyone, &[AclOperation::List], topics(""));
    let deny = super::rule(2, Effect::Deny, Subject::Everyone, &[AclOperation::List], topics("a"));
    let policy = AclPolicy::compile([allow, deny]);
    let someone = Person::new("x", &[]);
    assert!(policy.may_any(&someone.member(), AclOperation::List, ResourceKind::Topic));
}

/// Who may do anything with a group may see it.
#[test]
fn to_join_a_group_is_to_see_it_and_no_more() {
    let join = super::rule(
        1,
        Effect::Allow,
        Subject::Everyone,
        &[AclOperation::Consume],
        Pattern::name(ResourceKind::Group, "g").unwrap(),
    );
    let (policy, who) = (AclPolicy::compile([join]), Person::new("x", &[]));
    for operation in AclOperation::ALL {
        let decision = policy.decide(&who.member(), operation, Resource::group("g"));
        let sees = [AclOperation::Consume, AclOperation::Describe, AclOperation::List].contains(&operation);
        assert_eq!(decision == Decision::Allowed, sees, "{operation}");
        assert_eq!(
            policy.decide(&who.member(), operation, Resource::topic("g")),
            Decision::NoRule,
            "{operation}"
        );
    }
}

#[test]
fn prefixes_of_prefixes_are_kept_apart() {
    let at = |id, effect, text: &str| {
        super::rule(id, effect, Subject::Everyone, &[AclOperation::Consume], topics(text))
    };
    let policy = AclPolicy::compile([
        at(1, Effect::Allow, "orders."),
        at(2, Effect::Deny, "orders.eu."),
        at(3, Effect::Allow, "orders.eu.public"),
        at(4, Effect::Allow, "o"),
    ]);
    for (name, decision) in [
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
        let decided = policy.decide(&who.member(), AclOperation::Consume, Resource::topic(name));
        assert_eq!(decided, decision, "{name:?}");
    }
}
