//! Batches with gaps, as compaction makes them, and what is read of a batch without building its records.

use super::{
    Bytes, CODECS, Compression, ErrorCode, MAX_BATCH_BYTES, Record, RecordBatch, check, check_stored, codecs,
    decode, encode, encode_with_deltas, field, record, records,
};
use crate::batch::{RawRecord, build, keys, open, raw_at};
use levee_types::LeveeError;
use levee_types::limits::{MAX_BATCH_UNCOMPRESSED_BYTES, MAX_COMPACTED_SPAN, MAX_TABLE_KEY_BYTES};
use proptest::collection::btree_set;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use prost::Message as _;

fn of_key(key: &[u8], value: Option<&'static [u8]>) -> Record {
    Record {
        key: Some(Bytes::copy_from_slice(key)),
        value: value.map(Bytes::from_static),
        ..Record::default()
    }
}

fn told(batch: &Bytes) -> Result<Vec<(u32, Vec<u8>, bool)>, LeveeError> {
    let mut all = Vec::new();
    keys(batch, |delta, key, is_tombstone| all.push((delta, key.to_vec(), is_tombstone)))?;
    Ok(all)
}

#[test]
fn only_the_broker_sets_distances() {
    for codec in CODECS {
        let batch = encode_with_deltas(&[(3, record(b"a")), (9, record(b"b"))], codec);
        assert_eq!(check(&batch, None, MAX_BATCH_BYTES).unwrap_err().code, ErrorCode::InvalidArgument);
        let checked = check_stored(&batch, None).unwrap();
        assert_eq!((checked.records, checked.span), (2, 10));
        // Without gaps there is nothing to tell.
        let dense = encode_with_deltas(&[(0, record(b"a")), (1, record(b"b"))], codec);
        let checked = check(&dense, None, MAX_BATCH_BYTES).unwrap();
        assert_eq!((checked.records, checked.span), (2, 2));
        assert_eq!(dense, encode(&[record(b"a"), record(b"b")], codec));
    }
}

#[test]
fn distances_ascend_and_there_is_one_for_each_record() {
    let last = MAX_COMPACTED_SPAN - 1;
    for (deltas, is_taken) in [
        (vec![0, 1], true),
        (vec![7, last], true),
        (vec![7, last + 1], false),
        (vec![7, 7], false),
        (vec![7, 6], false),
        (vec![7], false),
        (vec![7, 8, 9], false),
    ] {
        for codec in CODECS {
            let whole = RecordBatch::decode(encode(&[record(b"a"), record(b"b")], codec)).unwrap();
            let batch = RecordBatch { offset_deltas: deltas.clone(), ..whole }.encode_to_vec().into();
            let checked = check_stored(&batch, None);
            assert_eq!(checked.is_ok(), is_taken, "{deltas:?}");
            assert_eq!(decode(&batch).is_ok(), is_taken, "{deltas:?}");
            if let Err(error) = checked {
                assert_eq!(error.code, ErrorCode::CorruptBatch);
            }
        }
    }
    let unpacked = [&encode(&[record(b"a")], Compression::Unspecified)[..], &[0x20, 0]].concat();
    assert!(check_stored(&unpacked.into(), None).is_err());
    let plain = encode(&[record(b"a")], Compression::Unspecified);
    let twice = [&plain[..], &field(4, b"\x00"), &field(4, b"\x01")].concat();
    assert!(check_stored(&twice.into(), None).is_err());
}

#[test]
fn every_record_of_a_table_has_a_key_of_a_key_of_the_index() {
    for codec in CODECS {
        let longest = vec![7; MAX_TABLE_KEY_BYTES];
        let batch = encode(&[of_key(&longest, Some(b"")), of_key(b"k", None)], codec);
        assert_eq!(told(&batch).unwrap(), [(0, longest, false), (1, b"k".to_vec(), true)]);
        for (bad, code) in [
            (of_key(&vec![7; MAX_TABLE_KEY_BYTES + 1], None), ErrorCode::TooLarge),
            (of_key(b"", None), ErrorCode::InvalidArgument),
            (record(b"without a key"), ErrorCode::InvalidArgument),
        ] {
            let error = told(&encode(&[of_key(b"k", None), bad], codec)).unwrap_err();
            assert_eq!(error.code, code);
            assert!(error.message.starts_with("record 1: "), "{}", error.message);
            assert!(!error.hint.is_empty());
        }
    }
}

#[test]
fn what_has_a_time_keeps_it_and_what_has_none_gets_one() {
    let timed = Record { timestamp_ms: Some(5), ..record(b"timed") };
    for codec in CODECS {
        let batch = encode(&[timed.clone(), record(b"untimed")], codec);
        let all = open(&batch).unwrap();
        let built =
            build(all.iter().map(|of| (of.delta, of.timestamp_ms.or(Some(1 << 40)), &of.bytes)), &batch);
        let times = decode(&built).unwrap().into_iter().map(|(_, record)| record.timestamp_ms);
        assert_eq!(times.collect::<Vec<_>>(), [Some(5), Some(1 << 40)]);
        check(&built, None, MAX_BATCH_BYTES).unwrap();
    }
}

#[test]
fn a_time_that_has_no_room_is_left_out() {
    let full = record(&vec![7; MAX_BATCH_UNCOMPRESSED_BYTES - 10]);
    for codec in [Compression::Lz4, Compression::Zstd] {
        let batch = encode(std::slice::from_ref(&full), codec);
        let all = open(&batch).unwrap();
        let built = build(all.iter().map(|of| (of.delta + 3, Some(5), &of.bytes)), &batch);
        assert_eq!(decode(&built).unwrap(), [(3, full.clone())]);
    }
}

#[test]
fn a_batch_of_which_nothing_is_left_is_one_that_the_broker_has() {
    for codec in CODECS {
        let like = encode(&[record(b"gone")], codec);
        let empty = build([], &like);
        let checked = check_stored(&empty, None).unwrap();
        assert_eq!((checked.records, checked.span, checked.max_timestamp_ms), (0, 0, None));
        assert_eq!((decode(&empty).unwrap(), open(&empty).unwrap()), (vec![], vec![]));
        assert_eq!((told(&empty).unwrap(), raw_at(&empty, 0).unwrap()), (vec![], None));
        assert_eq!(check(&empty, None, MAX_BATCH_BYTES).unwrap_err().code, ErrorCode::InvalidArgument);
    }
}

/// Records with gaps between them.
fn with_gaps() -> impl Strategy<Value = Vec<(u32, Record)>> {
    (records(), btree_set(0..MAX_COMPACTED_SPAN, 20))
        .prop_map(|(records, deltas)| deltas.into_iter().zip(records).collect())
}

proptest! {
    #[test]
    fn records_come_back_at_their_distances(records in with_gaps(), codec in codecs()) {
        let batch = encode_with_deltas(&records, codec);
        let checked = check_stored(&batch, None).unwrap();
        prop_assert_eq!(checked.records as usize, records.len());
        prop_assert_eq!(checked.span, records.last().unwrap().0 + 1);
        prop_assert_eq!(decode(&batch).unwrap(), records);
    }

    #[test]
    fn what_is_read_without_building_records_is_what_is_there(
        records in with_gaps(), codec in codecs(), elsewhere in 0..MAX_COMPACTED_SPAN,
    ) {
        let batch = encode_with_deltas(&records, codec);
        let opened: Vec<_> = open(&batch).unwrap();
        let expected: Vec<_> = records.iter().map(|(delta, record)| RawRecord {
            delta: *delta,
            key: record.key.clone(),
            has_value: record.value.is_some(),
            timestamp_ms: record.timestamp_ms,
            bytes: record.encode_to_vec().into(),
        }).collect();
        prop_assert_eq!(&opened, &expected);
        for raw in &expected {
            let found = raw_at(&batch, raw.delta).unwrap();
            prop_assert_eq!(found.as_ref(), Some(raw));
        }
        let is_there = records.iter().any(|(delta, _)| *delta == elsewhere);
        prop_assert_eq!(raw_at(&batch, elsewhere).unwrap().is_some(), is_there);
    }

    #[test]
    fn keys_are_those_of_the_records(
        mut records in with_gaps(), keyed in proptest::collection::vec(1..60usize, 20), codec in codecs(),
    ) {
        for ((_, record), length) in records.iter_mut().zip(keyed) {
            record.key = Some(vec![7; length].into());
        }
        let expected: Vec<_> = records
            .iter()
            .map(|(delta, record)| (*delta, record.key.clone().unwrap().to_vec(), record.value.is_none()))
            .collect();
        prop_assert_eq!(told(&encode_with_deltas(&records, codec)).unwrap(), expected);
    }

    #[test]
    fn what_is_built_of_some_is_exactly_those(
        records in with_gaps(), keep in proptest::collection::vec(any::<bool>(), 20),
        from in codecs(), to in codecs(), at_ms in 0..i64::MAX,
    ) {
        let like = encode(&[record(b"like")], to);
        let opened = open(&encode_with_deltas(&records, from)).unwrap();
        let kept = opened.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(record, _)| record);
        let built = build(kept.map(|of| (of.delta, of.timestamp_ms.or(Some(at_ms)), &of.bytes)), &like);
        let expected: Vec<_> = records
            .into_iter()
            .zip(&keep)
            .filter(|(_, keep)| **keep)
            .map(|((delta, record), _)| (delta, Record { timestamp_ms: record.timestamp_ms.or(Some(at_ms)), ..record }))
            .collect();
        prop_assert_eq!(decode(&built).unwrap(), expected);
        prop_assert!(check_stored(&built, None).is_ok());
        prop_assert_eq!(RecordBatch::decode(built).unwrap().compression, i32::from(to));
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), packed in proptest::collection::vec(any::<u8>(), 0..20)) {
        for batch in [Bytes::from(bytes.clone()), [&bytes[..], &field(4, &packed)].concat().into()] {
            let _ = (open(&batch), told(&batch), raw_at(&batch, 3), decode(&batch));
            let _ = check_stored(&batch, None);
            let _ = build([(0, Some(1), &batch)], &batch);
        }
    }
}
