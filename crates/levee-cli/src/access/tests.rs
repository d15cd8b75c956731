use super::*;
use proptest::prelude::*;

fn scope(operations: &[AclOperation], kind: Kind) -> TokenScope {
    let operations = numbers(operations);
    TokenScope { operations, topics: Some(TopicPattern { kind: Some(kind) }) }
}

#[test]
fn operations() {
    assert_eq!(parse_operations("produce"), Ok(vec![AclOperation::Produce]));
    assert_eq!(
        parse_operations("consume,produce,consume"),
        Ok(vec![AclOperation::Consume, AclOperation::Produce])
    );
    assert_eq!(parse_operations("all").unwrap().len(), AclOperation::ALL.len());
    for text in ["", "produce,", "Produce", "produce consume", "all,produce", "write"] {
        assert!(parse_operations(text).unwrap_err().contains("produce, consume"), "{text}");
    }
}

#[test]
fn scopes() {
    let produce = &[AclOperation::Produce];
    for (text, expected) in [
        ("produce:orders", scope(produce, Kind::Name("orders".to_owned()))),
        ("produce:orders.*", scope(produce, Kind::Prefix("orders.".to_owned()))),
        ("produce:*", scope(produce, Kind::Prefix(String::new()))),
        ("produce:.*", scope(produce, Kind::Prefix(".".to_owned()))),
    ] {
        assert_eq!(parse_scope(text), Ok(expected), "{text}");
    }
    for text in
        ["", "produce", "produce:", ":orders", "produce:*.orders", "produce:a*b", "produce:a b", "produce:.."]
    {
        assert!(parse_scope(text).is_err(), "{text}");
    }
}

#[test]
fn programs_get_lists_and_both_kinds_of_topics() {
    let scope = parse_scope("produce,trim:orders.*").unwrap();
    assert_eq!(operations_json(&scope.operations), json!(["produce", "trim"]));
    assert_eq!(topics_json(scope.topics.as_ref()), json!({"name": null, "prefix": "orders."}));
    assert_eq!(show_scope(&TokenScope { operations: vec![99], topics: None }), "unknown:unknown");
}

proptest! {
    #[test]
    fn what_is_shown_can_be_given_again(
        which in proptest::sample::subsequence(AclOperation::ALL.to_vec(), 1..=AclOperation::ALL.len()),
        name in "[A-Za-z0-9.-][A-Za-z0-9._-]{2,20}",
        is_prefix: bool,
    ) {
        let kind = if is_prefix { Kind::Prefix(name) } else { Kind::Name(name) };
        let scope = scope(&which, kind);
        prop_assert_eq!(parse_scope(&show_scope(&scope)), Ok(scope));
    }
}
