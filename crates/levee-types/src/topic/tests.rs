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

#[test]
fn times_and_bounds_at_their_limits_and_one_beyond() {
    let (most_ms, most_bytes) = (MAX_PROPERTY_MS.to_string(), MAX_QUOTA_TOTAL.to_string());
    let (over_ms, over_bytes) = ((MAX_PROPERTY_MS + 1).to_string(), (MAX_QUOTA_TOTAL + 1).to_string());
    for (name, good, bad) in [
        ("delete.retention.ms", ["0", &most_ms], ["-1", &over_ms]),
        ("min.compaction.lag.ms", ["0", &most_ms], ["-1", &over_ms]),
        ("max.compaction.lag.ms", ["1", &most_ms], ["0", &over_ms]),
        ("retention.ms", ["1", &most_ms], ["0", &over_ms]),
        ("retention.bytes", ["1", &most_bytes], ["0", &over_bytes]),
        ("min.cleanable.dirty.ratio", ["0", "1"], ["-0.001", "1.001"]),
    ] {
        for value in good {
            let shown = evaluate(name, value).unwrap().value(name).unwrap();
            assert_eq!(shown, value, "{name}");
        }
        for value in bad.into_iter().chain(["", "-2", "1e3", "a", "NaN"]) {
            let error = evaluate(name, value).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{name} {value:?}");
            assert!(error.message.contains(name) && error.hint.contains(" to "), "{error:?}");
        }
    }
    for name in ["max.compaction.lag.ms", "retention.ms", "retention.bytes"] {
        assert_eq!(evaluate(name, "-1").unwrap(), TopicConfig::default(), "{name}");
    }
}

#[test]
fn what_is_evaluated_is_what_was_set() {
    assert_eq!(evaluate("retention.ms", "7").unwrap().retention_ms, Some(7));
    assert_eq!(evaluate("retention.bytes", "7").unwrap().retention_bytes, Some(7));
    assert_eq!(evaluate("delete.retention.ms", "7").unwrap().delete_retention_ms, 7);
    assert_eq!(evaluate("min.compaction.lag.ms", "7").unwrap().min_compaction_lag_ms, 7);
    assert_eq!(evaluate("max.compaction.lag.ms", "7").unwrap().max_compaction_lag_ms, Some(7));
    let ratio = evaluate("min.cleanable.dirty.ratio", "0.5").unwrap();
    assert_eq!(ratio.min_cleanable_dirty_permille, 500);
    assert_eq!(ratio.value("min.cleanable.dirty.ratio").unwrap(), "0.5");
}

#[test]
fn policies() {
    for (value, shown, is_table, has_retention) in [
        ("delete", "delete", false, true),
        ("compact", "compact", true, false),
        ("compact,delete", "compact,delete", true, true),
        ("delete,compact", "compact,delete", true, true),
    ] {
        let config = evaluate("cleanup.policy", value).unwrap();
        assert_eq!(config.value("cleanup.policy").unwrap(), shown);
        let policy = config.cleanup_policy;
        assert_eq!((policy.is_table(), policy.has_retention()), (is_table, has_retention), "{value}");
    }
    for bad in ["", "Compact", "compact, delete", "compact,compact"] {
        assert!(evaluate("cleanup.policy", bad).is_err(), "{bad:?}");
    }
}
