//! At each limit, and one beyond.

use super::{
    Bytes, CODECS, Compression, ErrorCode, MAX_BATCH_BYTES, Record, RecordHeader, check, encode, header,
    record,
};
use levee_types::limits::{
    MAX_BATCH_RECORDS, MAX_BATCH_UNCOMPRESSED_BYTES, MAX_HEADER_KEY_BYTES, MAX_HEADER_VALUE_BYTES,
    MAX_HEADERS, MAX_KEY_BYTES,
};

/// `make(limit)` passes and `make(limit + 1)` is too large, however it is compressed.
fn at_and_beyond(limit: usize, make: impl Fn(usize) -> Vec<Record>, message: &str) {
    for codec in CODECS {
        check(&encode(&make(limit), codec), None, MAX_BATCH_BYTES).unwrap();
        let error = check(&encode(&make(limit + 1), codec), None, MAX_BATCH_BYTES).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::TooLarge, message), "{codec:?}");
    }
}

#[test]
fn batch_bytes() {
    let batch = encode(&[record(&[7; 100])], Compression::Unspecified);
    check(&batch, None, batch.len()).unwrap();
    let error = check(&batch, None, batch.len() - 1).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (ErrorCode::TooLarge, "batch has 104 bytes; the limit is 103")
    );
    assert!(error.hint.contains("max.message.bytes"), "{}", error.hint);
}

#[test]
fn batch_bytes_at_most_however_the_topic_is_configured() {
    let of_size = |bytes: usize| encode(&[record(&vec![7; bytes - 8])], Compression::Unspecified);
    let batch = of_size(MAX_BATCH_BYTES);
    assert_eq!(batch.len(), MAX_BATCH_BYTES);
    check(&batch, None, usize::MAX).unwrap();
    let error = check(&of_size(MAX_BATCH_BYTES + 1), None, usize::MAX).unwrap_err();
    assert_eq!(error.code, ErrorCode::TooLarge);
}

#[test]
fn records() {
    let make = |count| vec![record(b"v"); count];
    at_and_beyond(MAX_BATCH_RECORDS, make, "batch has too many records; the limit is 10000");
}

#[test]
fn key_bytes() {
    let make = |bytes| vec![Record { key: Some(vec![7; bytes].into()), ..Record::default() }];
    at_and_beyond(MAX_KEY_BYTES, make, "record 0: key has 65537 bytes; the limit is 65536");
}

#[test]
fn headers() {
    let make = |count| vec![record(b""), Record { headers: vec![header("k"); count], ..Record::default() }];
    at_and_beyond(MAX_HEADERS, make, "record 1: too many headers; the limit is 64");
}

#[test]
fn header_key_bytes() {
    let make = |bytes| vec![Record { headers: vec![header(&"k".repeat(bytes))], ..Record::default() }];
    at_and_beyond(MAX_HEADER_KEY_BYTES, make, "record 0: header key has 250 bytes; the limit is 249");
}

#[test]
fn header_value_bytes() {
    let make = |bytes| {
        let header = RecordHeader { key: "k".to_owned(), value: Some(vec![7; bytes].into()) };
        vec![Record { headers: vec![header], ..Record::default() }]
    };
    at_and_beyond(MAX_HEADER_VALUE_BYTES, make, "record 0: header value has 65537 bytes; the limit is 65536");
}

#[test]
fn decompressed_bytes() {
    // 10 bytes of keys and lengths around the value.
    let of_size = |bytes: usize| vec![record(&vec![7; bytes - 10])];
    for codec in [Compression::Lz4, Compression::Zstd] {
        let plain = encode(&of_size(MAX_BATCH_UNCOMPRESSED_BYTES), Compression::Unspecified);
        assert_eq!(plain.len(), MAX_BATCH_UNCOMPRESSED_BYTES);
        let batch: Bytes = encode(&of_size(MAX_BATCH_UNCOMPRESSED_BYTES), codec);
        assert_eq!(check(&batch, None, MAX_BATCH_BYTES).unwrap().records, 1);
        let error = check(&encode(&of_size(MAX_BATCH_UNCOMPRESSED_BYTES + 1), codec), None, MAX_BATCH_BYTES);
        let error = error.unwrap_err();
        assert_eq!(error.code, ErrorCode::TooLarge, "{codec:?}");
        assert_eq!(error.message, "records decompress to more than 4194304 bytes, the limit");
    }
}
