use super::*;

fn evaluate(name: &str, value: &str) -> Result<TopicConfig, LeveeError> {
    TopicConfig::evaluate(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
}

#[test]
fn values_at_the_limit_and_one_beyond() {
    assert_eq!(evaluate("max.message.bytes", "1048576").unwrap().max_message_bytes, MAX_BATCH_BYTES);
    assert!(evaluate("max.message.bytes", &format!("{:0>64}", 1)).is_ok());
    assert!(evaluate("max.message.bytes", &format!("{:0>65}", 1)).is_err());
    for bad in ["0", "1048577", "-1", "", "1e3"] {
        assert_eq!(evaluate("max.message.bytes", bad).unwrap_err().code, ErrorCode::InvalidArgument, "{bad}");
    }
}

#[test]
fn unknown_properties_are_refused_with_the_known_ones() {
    let error = evaluate("retention", "1").unwrap_err();
    assert!(error.hint.contains("max.message.bytes"), "{}", error.hint);
}

#[test]
fn every_property_has_a_value_that_evaluates_to_itself() {
    for name in PROPERTIES {
        let value = TopicConfig::default().value(name).unwrap();
        assert_eq!(evaluate(name, &value).unwrap(), TopicConfig::default(), "{name}");
    }
}
