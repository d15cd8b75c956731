//! What people are told.

use super::{Person, group, groups, rule, topic, topics, user};
use crate::acl::{AclOperation, AclPolicy, Effect, Resource, Subject};

#[test]
fn reasons_say_which_rule_decides_and_what_it_says() {
    let policy = AclPolicy::compile([
        rule(9, Effect::Allow, Subject::Everyone, &[AclOperation::Consume], topic("orders.eu")),
        rule(4, Effect::Allow, Subject::User(user("svc")), &[AclOperation::Consume], topics("orders.")),
        rule(
            7,
            Effect::Deny,
            Subject::Group(group("ops")),
            &[AclOperation::Trim, AclOperation::Delete],
            topics(""),
        ),
        rule(8, Effect::Allow, Subject::User(user("svc")), &[AclOperation::Consume], groups("billing.")),
    ]);
    let svc = Person::new("svc", &["ops"]);
    let admin = Person::admin("root");
    for (who, operation, what, reason) in [
        (
            &svc,
            AclOperation::Consume,
            Resource::topic("orders.eu"),
            "rule 4 decides: allow user svc: consume on topics that begin with \"orders.\"",
        ),
        (
            &svc,
            AclOperation::Delete,
            Resource::topic("orders.eu"),
            "rule 7 decides: deny user group ops: delete, trim on every topic",
        ),
        (
            &svc,
            AclOperation::Produce,
            Resource::topic("a\n"),
            "no rule allows user svc: produce on topic \"a\\n\"",
        ),
        (
            &Person::new("x", &[]),
            AclOperation::Consume,
            Resource::topic("orders.eu"),
            "rule 9 decides: allow every user: consume on topic \"orders.eu\"",
        ),
        (
            &admin,
            AclOperation::Delete,
            Resource::topic("orders.eu"),
            "user root is an administrator, and no rule denies it",
        ),
        (
            &svc,
            AclOperation::Describe,
            Resource::group("billing.eu"),
            "rule 8 decides: allow user svc: consume on groups that begin with \"billing.\"",
        ),
        (
            &svc,
            AclOperation::Delete,
            Resource::group("orders.eu"),
            "no rule allows user svc: delete on group \"orders.eu\"",
        ),
    ] {
        assert_eq!(policy.explain(&who.member(), operation, what).reason, reason);
    }
}

#[test]
fn effects_keep_their_numbers() {
    assert_eq!(Effect::ALL.map(|effect| effect as i32), [1, 2]);
    assert_eq!([0, 1, 2, 3].map(Effect::from_number), [None, Some(Effect::Allow), Some(Effect::Deny), None]);
}
