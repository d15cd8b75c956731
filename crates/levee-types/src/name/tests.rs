use super::*;
use proptest::prelude::*;

#[test]
fn tenant_names_at_their_limits() {
    assert!(TenantName::new("abc").is_ok());
    assert!(TenantName::new(&"a".repeat(48)).is_ok());
    assert!(matches!(TenantName::new("ab"), Err(NameError::TooShort { length: 2, min: 3, .. })));
    assert!(matches!(TenantName::new(&"a".repeat(49)), Err(NameError::TooLong { length: 49, max: 48, .. })));
    assert!(matches!(TenantName::new("Acme"), Err(NameError::Character { character: 'A', .. })));
}

#[test]
fn topic_names_at_their_limits() {
    assert!(TopicName::new("o").is_ok());
    assert!(TopicName::new(&"o".repeat(249)).is_ok());
    assert!(matches!(TopicName::new(""), Err(NameError::TooShort { .. })));
    assert!(matches!(TopicName::new(&"o".repeat(250)), Err(NameError::TooLong { .. })));
    assert!(matches!(TopicName::new(&"o".repeat(10 * 1024)), Err(NameError::TooLong { .. })));
    for reserved in [".", "..", "_levee"] {
        assert!(matches!(TopicName::new(reserved), Err(NameError::Reserved { .. })), "{reserved}");
    }
    for bad in ["a/b", "a\0", "../a", "%2e", "a b", "\u{202e}a", "ä"] {
        assert!(matches!(TopicName::new(bad), Err(NameError::Character { .. })), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_valid_name_or_a_short_error(text in ".{0,400}") {
        match TopicName::new(&text) {
            Ok(name) => {
                prop_assert!((1..=MAX_TOPIC_NAME).contains(&name.as_str().len()));
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            }
            Err(error) => prop_assert!(error.to_string().len() < 400),
        }
    }
}
