use super::ProtocolCodec;
use bytes::Bytes;
use levee_proto::batch::{decode, encode};
use levee_proto::v1::{Compression, Record};
use levee_storage::{BatchCodec as _, OpenRecord};
use proptest::prelude::{Just, any, prop_assert_eq, prop_oneof, proptest};

fn record(key: u8, value: Option<Vec<u8>>, timestamp_ms: Option<i64>) -> Record {
    Record { key: Some(vec![key].into()), value: value.map(Bytes::from), timestamp_ms, ..Record::default() }
}

proptest! {
    /// What compaction does: some records of two neighbours, in one batch, at the places that they had.
    #[test]
    fn every_reader_opens_what_was_built_of_two_batches(
        parts in proptest::collection::vec(
            proptest::collection::vec(
                (any::<u8>(), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)), proptest::option::of(0..i64::MAX), any::<bool>()),
                1..20,
            ),
            2,
        ),
        codec in prop_oneof![Just(Compression::Unspecified), Just(Compression::Lz4), Just(Compression::Zstd)],
    ) {
        let (mut kept, mut expected, mut base) = (Vec::new(), Vec::new(), 0);
        let mut like = Bytes::new();
        for (part, at_ms) in parts.iter().zip([100, 200]) {
            let records: Vec<_> =
                part.iter().map(|(key, value, at, _)| record(*key, value.clone(), *at)).collect();
            like = encode(&records, codec);
            let opened = ProtocolCodec.open(&like).unwrap();
            for ((open, record), (.., keep)) in opened.into_iter().zip(records).zip(part) {
                if *keep {
                    let timestamp_ms = open.timestamp_ms.or(Some(at_ms));
                    expected.push((base + open.delta, Record { timestamp_ms, ..record }));
                    kept.push(OpenRecord { delta: base + open.delta, timestamp_ms, ..open });
                }
            }
            base += u32::try_from(part.len()).unwrap();
        }
        let built = ProtocolCodec.build(&kept, &like);
        prop_assert_eq!(decode(&built).unwrap(), expected);
        let opened = ProtocolCodec.open(&built).unwrap();
        let without_bytes = |of: Vec<OpenRecord>| -> Vec<_> {
            of.into_iter().map(|open| (open.delta, open.key, open.is_tombstone, open.timestamp_ms)).collect()
        };
        let keys = ProtocolCodec.keys(&built).unwrap();
        let keys: Vec<_> = keys.iter().map(|keyed| keyed.unwrap()).map(|of| (of.delta, of.key.to_vec(), of.is_tombstone)).collect();
        let of_kept: Vec<_> = kept.iter().map(|of| (of.delta, of.key.clone().unwrap().to_vec(), of.is_tombstone)).collect();
        prop_assert_eq!(keys, of_kept);
        prop_assert_eq!(without_bytes(opened), without_bytes(kept));
    }
}
