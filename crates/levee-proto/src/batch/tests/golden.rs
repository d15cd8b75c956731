//! Batches are stored for years: what is written here must be read forever, and is what is written.

use super::{
    Compression, MAX_BATCH_BYTES, Record, RecordHeader, check, decode, dense, encode, encode_with_deltas,
};
use bytes::Bytes;

const PLAIN: &[u8] = include_bytes!("../golden/plain.batch");
const LZ4: &[u8] = include_bytes!("../golden/lz4.batch");
const ZSTD: &[u8] = include_bytes!("../golden/zstd.batch");

fn records() -> Vec<Record> {
    let header = |key: &str, value: Option<&'static [u8]>| RecordHeader {
        key: key.to_owned(),
        value: value.map(Bytes::from_static),
    };
    let whole = Record {
        key: Some(Bytes::from_static(b"N14228")),
        value: Some(Bytes::from_static(
            b"{\"carrier\":\"UA\",\"flight\":1545,\"origin\":\"EWR\",\"dest\":\"IAH\"}",
        )),
        headers: vec![header("source", Some(b"nyc")), header("empty", Some(b"")), header("none", None)],
        timestamp_ms: Some(1_357_034_400_000),
        deliver_at_ms: None,
    };
    let tombstone = Record { key: Some(Bytes::from_static(b"N14228")), ..Record::default() };
    let repeats = Record { value: Some("departed, ".repeat(20).into()), ..Record::default() };
    vec![whole, tombstone, Record::default(), repeats]
}

#[test]
fn golden_batches_are_read() {
    for batch in [PLAIN, LZ4, ZSTD].map(Bytes::from_static) {
        let checked = check(&batch, None, MAX_BATCH_BYTES).unwrap();
        assert_eq!((checked.records, checked.max_timestamp_ms), (4, Some(1_357_034_400_000)));
        assert_eq!(decode(&batch).unwrap(), dense(records()));
    }
    assert_eq!(check(&Bytes::from_static(PLAIN), None, MAX_BATCH_BYTES).unwrap().crc, 0x2c36_c998);
}

#[test]
fn the_golden_batch_is_written() {
    // What a codec makes of it may change with its version; the bytes inside may not.
    assert_eq!(encode(&records(), Compression::Unspecified), PLAIN);
}

#[test]
fn the_golden_batch_with_gaps_is_written_and_read() {
    let records: Vec<_> = [2, 5, 6, 900_000].into_iter().zip(records()).collect();
    let batch = encode_with_deltas(&records, Compression::Unspecified);
    let golden = [PLAIN, &[0x22, 6, 2, 5, 6, 0xa0, 0xf7, 0x36]].concat();
    assert_eq!(batch, golden);
    assert_eq!(decode(&batch).unwrap(), records);
}
