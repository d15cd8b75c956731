use super::*;
use crate::failure::Exit;

fn collected(given: &[(&str, &str)]) -> Result<HashMap<String, String>, Failure> {
    collect(given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
}

#[test]
fn sizes_and_times_may_have_units_where_a_property_is_one() {
    for (key, value, sent) in [
        ("max.message.bytes", "512KiB", "524288"),
        ("max.message.bytes", "1000", "1000"),
        ("max.message.bytes", "1MB", "1000000"),
        ("max.message.bytes", "-1", "-1"),
        ("max.message.bytes", "large", "large"),
        ("durability", "1KiB", "1KiB"),
        ("retention.bytes", "1GiB", "1073741824"),
        ("retention.ms", "7d", "604800000"),
        ("retention.ms", "90", "90"),
        ("retention.ms", "-1", "-1"),
        ("min.compaction.lag.ms", "1h 30m", "5400000"),
    ] {
        assert_eq!(collected(&[(key, value)]).unwrap()[key], sent, "{key}={value}");
    }
}

#[test]
fn a_property_is_given_once() {
    assert_eq!(collected(&[("a", "1"), ("b", "1"), ("a", "1")]).unwrap_err().exit, Exit::Usage);
    assert_eq!(collected(&[("a", "1"), ("b", "1")]).unwrap().len(), 2);
}

#[test]
fn people_see_units_that_they_can_give_again() {
    for (key, value, shown) in [
        ("retention.ms", "604800000", "604800000 (7days)"),
        ("retention.ms", "999", "999"),
        ("retention.ms", "-1", "-1"),
        ("retention.bytes", "1073741824", "1073741824 (1GiB)"),
        ("max.message.bytes", "1048575", "1048575"),
        ("durability", "durable", "durable"),
    ] {
        assert_eq!(show(key, value), shown, "{key}");
        if let Some((_, human)) = shown.trim_end_matches(')').split_once(" (") {
            assert_eq!(collected(&[(key, human)]).unwrap()[key], value);
        }
    }
}
