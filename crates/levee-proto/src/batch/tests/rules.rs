//! What a batch is and is not, compared with prost where prost has a say.

use super::{
    Bytes, CODECS, Compression, ErrorCode, MAX_BATCH_BYTES, Record, RecordBatch, Records, check, codecs,
    decode, dense, encode, field, header, record, records, refusal,
};
use levee_types::limits::{
    MAX_BATCH_RECORDS, MAX_BATCH_UNCOMPRESSED_BYTES, MAX_HEADER_KEY_BYTES, MAX_HEADER_VALUE_BYTES,
    MAX_HEADERS, MAX_KEY_BYTES,
};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use prost::Message as _;

#[test]
fn counts_records_and_finds_the_latest_timestamp() {
    let at = |timestamp_ms| Record { timestamp_ms, ..record(b"x") };
    for codec in CODECS {
        let batch = encode(&[at(Some(7)), at(None), at(Some(9)), at(Some(0))], codec);
        let checked = check(&batch, Some(crc32c::crc32c(&batch)), batch.len()).unwrap();
        assert_eq!((checked.records, checked.max_timestamp_ms), (4, Some(9)), "{codec:?}");
        assert_eq!(checked.crc, crc32c::crc32c(&batch));
        let none = check(&encode(&[at(None)], codec), None, MAX_BATCH_BYTES).unwrap();
        assert_eq!(none.max_timestamp_ms, None);
    }
}

#[test]
fn an_empty_record_is_a_record() {
    assert_eq!(check(&Bytes::from(field(1, b"")), None, 10).unwrap().records, 1);
}

#[test]
fn refuses_what_breaks_a_rule() {
    let plain = encode(&[record(b"x")], Compression::Unspecified);
    let lz4 = encode(&[record(b"x")], Compression::Lz4);
    let unknown = RecordBatch { compression: 3, ..RecordBatch::decode(lz4.clone()).unwrap() };
    let unsaid = RecordBatch { compression: 0, ..RecordBatch::decode(lz4.clone()).unwrap() };
    for (batch, message) in [
        (Bytes::new(), "batch has no records"),
        (encode(&[], Compression::Lz4), "batch has no records"),
        (encode(&[], Compression::Zstd), "batch has no records"),
        ([&plain[..], &lz4[..]].concat().into(), "batch has both records and compressed_records"),
        (
            [&plain[..], &[0x10, 1]].concat().into(),
            "batch says how it is compressed but has no compressed_records",
        ),
        (unknown.encode_to_vec().into(), "batch has the unknown compression 3"),
        (
            unsaid.encode_to_vec().into(),
            "batch has compressed_records but does not say how they are compressed",
        ),
        (
            encode(&[record(b""), Record { timestamp_ms: Some(-1), ..Record::default() }], Compression::Zstd),
            "record 1: timestamp_ms is -1",
        ),
        (
            [&plain[..], &field(4, b"\x00")].concat().into(),
            "batch has offset_deltas, which only the broker sets",
        ),
        ([&lz4[..], &field(4, b"")].concat().into(), "batch has offset_deltas, which only the broker sets"),
        (
            encode(&[Record { headers: vec![header("")], ..Record::default() }], Compression::Lz4),
            "record 0: header has no key",
        ),
    ] {
        let error = check(&batch, None, MAX_BATCH_BYTES).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidArgument, message));
    }
}

#[test]
fn refuses_what_the_schema_does_not_have() {
    let in_record = |bytes: &[u8]| field(1, bytes);
    let in_header = |bytes: &[u8]| field(1, &field(3, &[&field(1, b"k")[..], bytes].concat()));
    let valid = field(1, &field(2, b"v"));
    for (name, batch) in [
        ("field 5 of a batch", [&valid[..], &field(5, b"")].concat()),
        ("field 5 of a record", in_record(&field(5, b""))),
        ("field 3 of a header", in_header(&field(3, b""))),
        ("field 0", in_record(&field(0, b""))),
        ("records as a number", vec![0x08, 0]),
        ("key as a number", in_record(&[0x08, 0])),
        ("timestamp as bytes", in_record(&field(4, b"\x01"))),
        ("timestamp as a fixed 64 bit number", in_record(&[0x21, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("a group", in_record(&[0x0b, 0x0c])),
        ("compression twice", [&valid[..], &[0x10, 0, 0x10, 0]].concat()),
        ("compressed records twice", [field(3, b""), field(3, b""), valid.clone()].concat()),
        ("key twice", in_record(&[field(1, b""), field(1, b"")].concat())),
        ("value twice", in_record(&[field(2, b""), field(2, b"")].concat())),
        ("timestamp twice", in_record(&[0x20, 1, 0x20, 1])),
        ("header key twice", in_header(&field(1, b"k"))),
        ("header value twice", in_header(&[field(2, b""), field(2, b"")].concat())),
        ("header key that is not UTF-8", field(1, &field(3, &field(1, b"\xff")))),
        ("length beyond the batch", vec![0x0a, 5, 0x12, 1]),
        ("length beyond the record", in_record(&[0x12, 2, b'v'])),
        ("length of 2^64 - 1", vec![0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ("length of 6 bytes", vec![0x8a, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
        ("key of 6 bytes", in_record(&[0x8a, 0x80, 0x80, 0x80, 0x80, 0, 0])),
        ("number of 65 bits", in_record(&[0x20, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2])),
        ("number of 11 bytes", in_record(&[0x20, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0])),
        ("number that is cut off", in_record(&[0x20, 128])),
    ] {
        assert_eq!(refusal(batch), ErrorCode::CorruptBatch, "{name}");
    }
}

#[test]
fn takes_numbers_that_are_longer_than_needed_as_prost_does() {
    let batch = Bytes::from_static(&[0x8a, 0, 0x84, 0, 0xa0, 0x80, 0, 7, 0x90, 0x80, 0, 0x80, 0]);
    assert_eq!(decode(&batch).unwrap()[0].1.timestamp_ms, Some(7));
    assert_eq!(check(&batch, None, 100).unwrap().max_timestamp_ms, Some(7));
    // Keys and lengths have up to 5 bytes, numbers up to 10.
    let key_and_length = [0x8a, 0x80, 0x80, 0x80, 0, 0x8b, 0x80, 0x80, 0x80, 0];
    let number = [0x20, 0x87, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
    let batch = Bytes::from([&key_and_length[..], &number].concat());
    assert_eq!(decode(&batch).unwrap()[0].1.timestamp_ms, Some(7));
    assert_eq!(check(&batch, None, 100).unwrap().max_timestamp_ms, Some(7));
    // Only the lower half of the number of an enum counts.
    let lz4 = RecordBatch::decode(encode(&[record(b"x")], Compression::Lz4)).unwrap();
    let batch =
        [&[0x10, 0x81, 0x80, 0x80, 0x80, 0x10][..], &field(3, &lz4.compressed_records)].concat().into();
    assert_eq!(decode(&batch).unwrap().len(), 1);
    assert_eq!(check(&batch, None, 100).unwrap().records, 1);
}

/// The rules once more, on decoded records.
fn naive(batch: &[u8]) -> Option<(u32, Option<i64>)> {
    let batch = RecordBatch::decode(batch).ok()?;
    let records = match (batch.compression, batch.compressed_records) {
        (0, compressed) if compressed.is_empty() => batch.records,
        (1, compressed) if batch.records.is_empty() => {
            let mut plain = Vec::new();
            let mut decoder = lz4_flex::frame::FrameDecoder::new(&compressed[..]);
            std::io::Read::read_to_end(&mut decoder, &mut plain).ok()?;
            Records::decode(&plain[..]).ok()?.records
        }
        (2, compressed) if batch.records.is_empty() => {
            let plain = zstd::bulk::decompress(&compressed, MAX_BATCH_UNCOMPRESSED_BYTES).ok()?;
            Records::decode(&plain[..]).ok()?.records
        }
        _ => return None,
    };
    let is_valid = (1..=MAX_BATCH_RECORDS).contains(&records.len())
        && records.iter().all(|record| {
            record.key.as_ref().is_none_or(|key| key.len() <= MAX_KEY_BYTES)
                && record.timestamp_ms.is_none_or(|timestamp_ms| timestamp_ms >= 0)
                && record.headers.len() <= MAX_HEADERS
                && record.headers.iter().all(|header| {
                    (1..=MAX_HEADER_KEY_BYTES).contains(&header.key.len())
                        && header.value.as_ref().is_none_or(|value| value.len() <= MAX_HEADER_VALUE_BYTES)
                })
        });
    let latest = records.iter().filter_map(|record| record.timestamp_ms).max();
    is_valid.then_some((u32::try_from(records.len()).unwrap(), latest))
}

/// Bytes of which each is likely to mean something.
fn wire_like() -> impl proptest::strategy::Strategy<Value = u8> {
    proptest::prop_oneof![
        8 => proptest::sample::select(vec![0x08, 0x0a, 0x10, 0x12, 0x1a, 0x20, 0x22, 0x80]),
        8 => 0..8u8,
        1 => any::<u8>(),
    ]
}

proptest! {
    #[test]
    fn records_come_back(records in records(), codec in codecs()) {
        let batch = encode(&records, codec);
        let checked = check(&batch, Some(crc32c::crc32c(&batch)), batch.len()).unwrap();
        prop_assert_eq!(checked.records as usize, records.len());
        prop_assert_eq!(checked.max_timestamp_ms, records.iter().filter_map(|record| record.timestamp_ms).max());
        prop_assert_eq!(decode(&batch).unwrap(), dense(records));
    }

    #[test]
    fn an_encoded_batch_is_what_prost_makes(records in records()) {
        let whole = RecordBatch { records: records.clone(), ..RecordBatch::default() };
        prop_assert_eq!(encode(&records, Compression::Unspecified), whole.encode_to_vec());
    }

    #[test]
    fn agrees_with_prost_on_any_bytes(bytes in vec(wire_like(), 0..40)) {
        agree(bytes)?;
    }

    #[test]
    fn agrees_with_prost_on_batches_that_were_changed(
        records in records(), codec in codecs(), at in any::<proptest::sample::Index>(), to in wire_like(),
    ) {
        let mut batch = encode(&records, codec).to_vec();
        let at = at.index(batch.len());
        batch[at] = to;
        agree(batch)?;
    }
}

fn agree(bytes: Vec<u8>) -> Result<(), proptest::test_runner::TestCaseError> {
    let batch = Bytes::from(bytes);
    match check(&batch, None, MAX_BATCH_BYTES) {
        Ok(checked) => {
            prop_assert_eq!(naive(&batch), Some((checked.records, checked.max_timestamp_ms)));
            prop_assert_eq!(decode(&batch).unwrap().len(), checked.records as usize);
        }
        Err(_) => {
            // Stricter than prost only in what re-encoding does not bring back, and in compressed
            // frames: the decoders of the other side take frames that are cut off or followed by more.
            let canonical = RecordBatch::decode(batch.clone())
                .is_ok_and(|decoded| decoded.compression == 0 && decoded.encode_to_vec() == batch);
            prop_assert!(!canonical || naive(&batch).is_none());
        }
    }
    Ok(())
}
