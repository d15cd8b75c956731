use super::*;
use proptest::prelude::*;
use proptest::sample::select;

fn scope(operations: &[AclOperation], pattern: Pattern) -> TokenScope {
    let operations = operations.iter().map(|operation| *operation as i32).collect();
    let Resources { topics, groups } = pattern.into();
    TokenScope { operations, topics, groups }
}

#[test]
fn operations() {
    let these = |operations: &[AclOperation]| Ok(Operations::These(operations.to_vec()));
    assert_eq!(parse_operations("produce"), these(&[AclOperation::Produce]));
    assert_eq!(
        parse_operations("consume,produce,consume"),
        these(&[AclOperation::Consume, AclOperation::Produce])
    );
    let all = parse_operations("all").unwrap();
    assert_eq!(all.on(ResourceKind::Topic).len(), AclOperation::ALL.len());
    assert_eq!(show_operations(&all.on(ResourceKind::Group)), "consume,list,describe,delete,alter");
    for text in ["", "produce,", "Produce", "produce consume", "all,produce", "write"] {
        assert!(parse_operations(text).unwrap_err().contains("produce, consume"), "{text}");
    }
}

#[test]
fn scopes() {
    use ResourceKind::{Group, Topic};
    let consume = &[AclOperation::Consume];
    for (text, pattern) in [
        ("consume:orders", Pattern::name(Topic, "orders")),
        ("consume:orders.*", Pattern::prefix(Topic, "orders.")),
        ("consume:*", Pattern::prefix(Topic, "")),
        ("consume:.*", Pattern::prefix(Topic, ".")),
        ("consume:group", Pattern::name(Topic, "group")),
        ("consume:group*", Pattern::prefix(Topic, "group")),
        ("consume:group:billing", Pattern::name(Group, "billing")),
        ("consume:group:billing.*", Pattern::prefix(Group, "billing.")),
        ("consume:group:*", Pattern::prefix(Group, "")),
    ] {
        assert_eq!(parse_scope(text), Ok(scope(consume, pattern.unwrap())), "{text}");
    }
    for text in [
        "",
        "produce",
        "produce:",
        ":orders",
        "produce:*.orders",
        "produce:a*b",
        "produce:a b",
        "produce:..",
        "consume:group:",
        "consume:group:a:b",
        "consume:queue:a",
        "group:a",
    ] {
        assert!(parse_scope(text).is_err(), "{text}");
    }
}

#[test]
fn programs_get_lists_and_both_kinds_of_resources() {
    let scope = parse_scope("produce,trim:orders.*").unwrap();
    assert_eq!(operations_json(&scope.operations), json!(["produce", "trim"]));
    assert_eq!(topics_json(scope.topics.as_ref()), json!({"name": null, "prefix": "orders."}));
    assert_eq!(groups_json(scope.groups.as_ref()), Value::Null);
    let scope = parse_scope("consume:group:billing").unwrap();
    assert_eq!(topics_json(scope.topics.as_ref()), Value::Null);
    assert_eq!(groups_json(scope.groups.as_ref()), json!({"name": "billing", "prefix": null}));
    let strange = TokenScope { operations: vec![99], ..TokenScope::default() };
    assert_eq!(show_scope(&strange), "unknown:unknown");
}

proptest! {
    #[test]
    fn what_is_shown_can_be_given_again(
        which in proptest::sample::subsequence(AclOperation::ALL.to_vec(), 1..=AclOperation::ALL.len()),
        name in "[A-Za-z0-9.-][A-Za-z0-9._-]{2,20}",
        kind in select(&ResourceKind::ALL[..]),
        is_prefix: bool,
    ) {
        let pattern = if is_prefix { Pattern::prefix(kind, &name) } else { Pattern::name(kind, &name) };
        let scope = scope(&which, pattern.unwrap());
        prop_assert_eq!(parse_scope(&show_scope(&scope)), Ok(scope));
    }
}
