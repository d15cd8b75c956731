use super::Record;
use bytes::Bytes;
use levee_types::ErrorCode;
use levee_types::limits::{MAX_HEADER_KEY_BYTES, MAX_HEADER_VALUE_BYTES, MAX_HEADERS, MAX_KEY_BYTES};

fn with_headers(headers: Vec<(String, Option<Bytes>)>) -> Record {
    Record { headers, ..Record::default() }
}

fn with_key(bytes: usize) -> Record {
    Record { key: Some(vec![7; bytes].into()), ..Record::default() }
}

#[test]
fn becomes_a_message_and_comes_back() {
    let record = Record {
        key: Some("key".into()),
        value: Some("value".into()),
        headers: vec![("a".to_owned(), None), ("b".to_owned(), Some("c".into()))],
        timestamp_ms: Some(0),
        deliver_at_ms: Some(1),
    };
    assert_eq!(Record::from_message(record.clone().into_message().unwrap()), record);
}

#[test]
fn is_refused_beyond_each_limit() {
    let header = |key: usize, value: usize| vec![("k".repeat(key), Some(vec![7; value].into()))];
    let one = || ("k".to_owned(), None);
    for at_limit in [
        with_key(MAX_KEY_BYTES),
        with_headers(vec![one(); MAX_HEADERS]),
        with_headers(header(MAX_HEADER_KEY_BYTES, MAX_HEADER_VALUE_BYTES)),
    ] {
        at_limit.into_message().unwrap();
    }
    let before_1970 = Record { timestamp_ms: Some(-1), ..Record::default() };
    for (beyond, code) in [
        (with_key(MAX_KEY_BYTES + 1), ErrorCode::TooLarge),
        (with_headers(vec![one(); MAX_HEADERS + 1]), ErrorCode::TooLarge),
        (with_headers(header(MAX_HEADER_KEY_BYTES + 1, 0)), ErrorCode::TooLarge),
        (with_headers(header(1, MAX_HEADER_VALUE_BYTES + 1)), ErrorCode::TooLarge),
        (with_headers(header(0, 0)), ErrorCode::InvalidArgument),
        (before_1970, ErrorCode::InvalidArgument),
    ] {
        let error = beyond.into_message().unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), (Some(code), false), "{error}");
    }
}
