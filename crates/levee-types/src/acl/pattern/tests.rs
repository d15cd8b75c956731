use super::*;

#[test]
fn prefixes_at_their_limits() {
    for good in ["", "o", "orders.", "_", ".", "..", "-", &"o".repeat(249)] {
        assert_eq!(TopicPrefix::new(good).unwrap().as_str(), good);
    }
    let refused = TopicPrefix::new(&"o".repeat(250));
    assert!(matches!(refused, Err(NameError::TooLong { length: 250, max: 249, .. })), "{refused:?}");
    for bad in ["*", "a*", "a/", "a\0", "%2e", "a b", "\u{202e}", "ä", "(a|b)"] {
        assert!(matches!(TopicPrefix::new(bad), Err(NameError::Character { .. })), "{bad:?}");
    }
}

#[test]
fn a_name_means_itself_and_a_prefix_all_that_begin_with_it() {
    let name = TopicPattern::name("orders").unwrap();
    let prefix = TopicPattern::prefix("orders").unwrap();
    let everything = TopicPattern::prefix("").unwrap();
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
    for (topic, by_name, by_prefix) in cases {
        assert_eq!(name.matches(topic), by_name, "{topic:?}");
        assert_eq!(prefix.matches(topic), by_prefix, "{topic:?}");
        assert!(everything.matches(topic), "{topic:?}");
    }
}

#[test]
fn no_pattern_can_be_made_of_what_no_topic_is_called() {
    for bad in ["", ".", "..", "_levee", "*", "orders*", "a/b"] {
        assert!(TopicPattern::name(bad).is_err(), "{bad:?}");
    }
}
