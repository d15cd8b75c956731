use super::*;
use ResourceKind::{Group, Topic};

#[test]
fn prefixes_at_their_limits() {
    for kind in ResourceKind::ALL {
        for good in ["", "o", "orders.", "_", ".", "..", "-", &"o".repeat(249)] {
            assert_eq!(Pattern::prefix(kind, good).unwrap().text(), good);
        }
        let refused = Pattern::prefix(kind, &"o".repeat(250));
        assert!(matches!(refused, Err(NameError::TooLong { length: 250, max: 249, .. })), "{refused:?}");
        for bad in ["*", "a*", "a/", "a\0", "%2e", "a b", "\u{202e}", "ä", "(a|b)"] {
            assert!(matches!(Pattern::prefix(kind, bad), Err(NameError::Character { .. })), "{bad:?}");
        }
    }
}

#[test]
fn a_name_means_itself_and_a_prefix_all_that_begin_with_it() {
    let cases = [
        ("orders", true, true),
        ("orders.eu", false, true),
        ("Orders", false, false),
        ("order", false, false),
        ("", false, false),
        ("x.orders", false, false),
        ("orders\0", false, true),
        ("ordersä", false, true),
        ("ördërs", false, false),
    ];
    for (kind, other) in [(Topic, Group), (Group, Topic)] {
        let name = Pattern::name(kind, "orders").unwrap();
        let prefix = Pattern::prefix(kind, "orders").unwrap();
        let everything = Pattern::prefix(kind, "").unwrap();
        for (called, by_name, by_prefix) in cases {
            let resource = Resource { kind, name: called };
            assert_eq!(name.matches(resource), by_name, "{resource}");
            assert_eq!(prefix.matches(resource), by_prefix, "{resource}");
            assert!(everything.matches(resource), "{resource}");
            for pattern in [&name, &prefix, &everything] {
                assert!(!pattern.matches(Resource { kind: other, name: called }), "{pattern}");
            }
        }
    }
}

#[test]
fn no_pattern_can_be_made_of_what_nothing_is_called() {
    for kind in ResourceKind::ALL {
        for bad in ["", ".", "..", "_levee", "*", "orders*", "a/b"] {
            let error = Pattern::name(kind, bad).unwrap_err().to_string();
            assert!(error.starts_with(kind.name()), "{error}");
        }
    }
}

#[test]
fn patterns_are_read_by_people() {
    for (pattern, shown) in [
        (Pattern::name(Topic, "orders"), "topic \"orders\""),
        (Pattern::name(Group, "billing"), "group \"billing\""),
        (Pattern::prefix(Topic, "orders."), "topics that begin with \"orders.\""),
        (Pattern::prefix(Group, "billing."), "groups that begin with \"billing.\""),
        (Pattern::prefix(Topic, ""), "every topic"),
        (Pattern::prefix(Group, ""), "every group"),
    ] {
        assert_eq!(pattern.unwrap().to_string(), shown);
    }
}
