use super::*;
use levee_types::hex;

fn scopes() -> [(Pattern, &'static str); 5] {
    use ResourceKind::{Group, Topic};
    [
        (Pattern::name(Topic, "a").unwrap(), "0804120161"),
        (Pattern::prefix(Topic, "a").unwrap(), "08041201611801"),
        (Pattern::prefix(Topic, "").unwrap(), "08041801"),
        (Pattern::name(Group, "a").unwrap(), "080422030a0161"),
        (Pattern::prefix(Group, "").unwrap(), "080422021001"),
    ]
}

#[test]
fn scopes_are_pinned() {
    let operations = AclOperations::from(AclOperation::Consume);
    for (pattern, pinned) in scopes() {
        let row = scope_row(operations, &pattern);
        assert_eq!(hex::encode(&row.encode_to_vec()), pinned, "{pattern}");
        assert_eq!(scope_parts(&row).ok(), Some((operations, pattern)));
    }
}

/// Brokers of format 2 have no `groups`, and go by the rest.
#[test]
fn who_does_not_know_groups_refuses_what_is_about_them() {
    for (pattern, _) in scopes() {
        let row = scope_row(AclOperation::Consume.into(), &pattern);
        let seen = ScopeRow { groups: None, ..row };
        assert_eq!(scope_parts(&seen).is_ok(), pattern.kind() == ResourceKind::Topic, "{pattern}");
    }
}

#[test]
fn a_scope_is_about_topics_or_about_groups() {
    let groups = Some(GroupsRow { text: "a".to_owned(), is_prefix: false });
    let row = scope_row(AclOperation::Consume.into(), &Pattern::name(ResourceKind::Topic, "a").unwrap());
    assert!(scope_parts(&ScopeRow { groups: groups.clone(), ..row }).is_err());
    let row = scope_row(AclOperation::Consume.into(), &Pattern::prefix(ResourceKind::Topic, "").unwrap());
    assert!(scope_parts(&ScopeRow { groups, ..row }).is_err());
}
