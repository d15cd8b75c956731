use super::*;
use bytes::Bytes;
use proptest::prelude::*;

fn record() -> Record {
    Record {
        key: Some(Bytes::from_static(b"N14228")),
        value: Some(Bytes::from_static(b"{\"dep\":517}")),
        headers: vec![("origin".to_owned(), Some(Bytes::from_static(b"EWR"))), ("empty".to_owned(), None)],
        timestamp_ms: None,
        deliver_at_ms: None,
    }
}

fn written(format: &str, record: &Record) -> String {
    let format: RecordFormat = format.parse().unwrap();
    let mut out = Vec::new();
    let placed =
        Placed { topic: "departures", partition: 3, offset: 41, append_time_ms: 1_357_034_400_000, record };
    format.write(&mut out, placed).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_field_and_escape() {
    assert_eq!(
        written(r"%t/%p@%o %T %k=%v [%h] 100%%\t|\\", &record()),
        "departures/3@41 2013-01-01T10:00:00Z N14228={\"dep\":517} [origin=EWR,empty=] 100%\t|\\\n"
    );
}

#[test]
fn a_record_ends_its_line_once() {
    for format in ["%k", r"%k\n", "%k\n"] {
        assert_eq!(written(format, &record()), "N14228\n", "{format:?}");
    }
    assert_eq!(written(r"%k\0", &record()), "N14228\0");
    assert_eq!(written("raw", &record()), "{\"dep\":517}\n");
}

#[test]
fn formats_that_would_show_nothing_are_refused() {
    for format in ["", "jsno", r"\n", "%", "%x", r"%k\", r"%k\q"] {
        assert!(format.parse::<RecordFormat>().is_err(), "{format:?}");
    }
}

#[test]
fn json_has_text_as_text_and_bytes_as_base64() {
    let json: serde_json::Value = serde_json::from_str(&written("json", &record())).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "topic": "departures", "partition": 3, "offset": 41, "timestamp": "2013-01-01T10:00:00Z",
            "key": "N14228", "value": "{\"dep\":517}",
            "headers": [{"name": "origin", "value": "EWR"}, {"name": "empty", "value": null}],
        })
    );
    let binary = Record {
        key: None,
        value: Some(Bytes::from_static(&[0xff, 0])),
        headers: Vec::new(),
        timestamp_ms: Some(1),
        deliver_at_ms: None,
    };
    let json: serde_json::Value = serde_json::from_str(&written("json", &binary)).unwrap();
    assert_eq!((&json["key"], &json["value"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!(
        (&json["value_base64"], &json["timestamp"]),
        (&"/wA=".into(), &"1970-01-01T00:00:00.001Z".into())
    );
}

proptest! {
    #[test]
    fn any_text_gives_a_format_or_an_error(text in r"[%\\kvoptTh0n a-zé]{0,20}") {
        if let Ok(RecordFormat::Template(_)) = text.parse::<RecordFormat>() {
            prop_assert!(written(&text, &record()).ends_with(['\n', '\0']));
        }
    }
}
