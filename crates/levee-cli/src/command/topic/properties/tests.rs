use super::*;
use crate::failure::Exit;

fn collected(given: &[(&str, &str)]) -> Result<HashMap<String, String>, Failure> {
    collect(given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
}

#[test]
fn sizes_may_have_units_where_a_property_is_one() {
    for (key, value, sent) in [
        ("max.message.bytes", "512KiB", "524288"),
        ("max.message.bytes", "1000", "1000"),
        ("max.message.bytes", "1MB", "1000000"),
        ("max.message.bytes", "-1", "-1"),
        ("max.message.bytes", "large", "large"),
        ("durability", "1KiB", "1KiB"),
    ] {
        assert_eq!(collected(&[(key, value)]).unwrap()[key], sent, "{key}={value}");
    }
}

#[test]
fn a_property_is_given_once() {
    assert_eq!(collected(&[("a", "1"), ("b", "1"), ("a", "1")]).unwrap_err().exit, Exit::Usage);
    assert_eq!(collected(&[("a", "1"), ("b", "1")]).unwrap().len(), 2);
}
