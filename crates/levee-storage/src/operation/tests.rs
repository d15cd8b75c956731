use super::*;
use crate::keyed::{Keyed, Keys, KeysBuilder};
use levee_types::hex;
use proptest::prelude::*;

fn totals() -> impl Strategy<Value = Totals> {
    any::<(u64, u64, u64, u128, i64)>().prop_map(
        |(bytes_in, records_in, stored_bytes, stored_byte_ms, at_ms)| Totals {
            bytes_in,
            records_in,
            stored_bytes,
            stored_byte_ms,
            at_ms,
        },
    )
}

fn batch() -> impl Strategy<Value = BatchMeta> {
    (
        any::<(u32, u64, u32)>(),
        any::<(u64, u32, i64, i64)>(),
        any::<(u64, u32, u32)>(),
        proptest::option::of(totals()),
    )
        .prop_map(
            |(
                (tenant, topic, partition),
                (base_offset, records, append, max),
                (before, length, crc),
                totals,
            )| BatchMeta {
                partition: PartitionId { tenant: TenantId(tenant), topic: TopicId(topic), partition },
                base_offset,
                records,
                append_time_ms: append,
                max_timestamp_ms: max,
                bytes_before: before,
                length,
                crc,
                totals,
            },
        )
}

fn staged() -> impl Strategy<Value = StagedMeta> {
    (batch(), any::<(u64, u32, Option<i64>)>()).prop_map(|(batch, (producer, index, max_timestamp_ms))| {
        StagedMeta {
            partition: batch.partition,
            producer: ProducerId(producer),
            index,
            records: batch.records,
            max_timestamp_ms,
            length: batch.length,
            crc: batch.crc,
        }
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let keyspace = prop_oneof![Just(Keyspace::Index), Just(Keyspace::State), Just(Keyspace::Keys)];
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        batch().prop_map(Operation::Append),
        staged().prop_map(Operation::Stage),
        (batch(), any::<(u64, u64)>()).prop_map(|(batch, (segment, position))| {
            Operation::AppendStaged(batch, BatchPlace { segment, position })
        }),
        batch().prop_map(|batch| {
            let BatchMeta { partition, base_offset, length, crc, .. } = batch;
            Operation::SetKeys(KeysMeta { partition, base_offset, length, crc })
        }),
        (batch(), any::<u64>()).prop_map(|(batch, tombstones_until_ms)| {
            Operation::Rewrite(RewriteMeta { batch, tombstones_until_ms })
        }),
        (keyspace.clone(), bytes(), bytes()).prop_map(|(keyspace, key, value)| Operation::Put {
            keyspace,
            key,
            value
        }),
        (keyspace.clone(), bytes()).prop_map(|(keyspace, key)| Operation::Delete { keyspace, key }),
        (keyspace, bytes(), bytes()).prop_map(|(keyspace, from, to)| Operation::DeleteRange {
            keyspace,
            from,
            to
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(operations in proptest::collection::vec(operation(), 0..8)) {
        let mut bytes = Vec::new();
        operations.iter().for_each(|operation| operation.encode(&mut bytes));
        prop_assert_eq!(Operation::decode_all(&bytes).unwrap(), operations);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Operation::decode_all(&bytes);
    }
}

#[test]
fn format_1_is_pinned() {
    let operations = [
        Operation::Append(BatchMeta {
            partition: PartitionId { tenant: TenantId(1), topic: TopicId(2), partition: 3 },
            base_offset: 4,
            records: 5,
            append_time_ms: 6,
            max_timestamp_ms: 7,
            bytes_before: 8,
            length: 9,
            crc: 10,
            totals: None,
        }),
        Operation::Put { keyspace: Keyspace::State, key: vec![0xaa], value: vec![0xbb, 0xbb] },
        Operation::Delete { keyspace: Keyspace::Index, key: vec![0xcc] },
        Operation::DeleteRange { keyspace: Keyspace::State, from: vec![0xdd], to: vec![0xee] },
    ];
    let mut bytes = Vec::new();
    operations.iter().for_each(|operation| operation.encode(&mut bytes));
    let hex = hex::encode(&bytes);
    assert_eq!(
        hex,
        concat!(
            "01",
            "01000000",
            "0200000000000000",
            "03000000",
            "0400000000000000",
            "05000000",
            "0600000000000000",
            "0700000000000000",
            "0800000000000000",
            "09000000",
            "0a000000",
            "0202",
            "01000000aa",
            "02000000bbbb",
            "0301",
            "01000000cc",
            "0402",
            "01000000dd",
            "01000000ee",
        )
    );
}

#[test]
fn what_format_3_adds_is_pinned() {
    let partition = PartitionId { tenant: TenantId(1), topic: TopicId(2), partition: 3 };
    let stage = Operation::Stage(StagedMeta {
        partition,
        producer: ProducerId(4),
        index: 5,
        records: 6,
        max_timestamp_ms: Some(7),
        length: 8,
        crc: 9,
    });
    let batch = BatchMeta {
        partition,
        base_offset: 4,
        records: 5,
        append_time_ms: 6,
        max_timestamp_ms: 7,
        bytes_before: 8,
        length: 9,
        crc: 10,
        totals: None,
    };
    let append = Operation::AppendStaged(batch, BatchPlace { segment: 11, position: 12 });
    let mut bytes = Vec::new();
    [stage, append].iter().for_each(|operation| operation.encode(&mut bytes));
    assert_eq!(
        hex::encode(&bytes),
        concat!(
            "06",
            "01000000",
            "0200000000000000",
            "03000000",
            "0400000000000000",
            "05000000",
            "06000000",
            "01",
            "0700000000000000",
            "08000000",
            "09000000",
            "07",
            "0b00000000000000",
            "0c00000000000000",
            "01",
            "01000000",
            "0200000000000000",
            "03000000",
            "0400000000000000",
            "05000000",
            "0600000000000000",
            "0700000000000000",
            "0800000000000000",
            "09000000",
            "0a000000",
        )
    );
}

#[test]
fn what_format_4_adds_is_pinned() {
    let partition = PartitionId { tenant: TenantId(1), topic: TopicId(2), partition: 3 };
    let keys = Operation::SetKeys(KeysMeta { partition, base_offset: 4, length: 5, crc: 6 });
    let batch = BatchMeta {
        partition,
        base_offset: 4,
        records: 5,
        append_time_ms: 6,
        max_timestamp_ms: 7,
        bytes_before: 8,
        length: 9,
        crc: 10,
        totals: None,
    };
    let moved = Operation::Rewrite(RewriteMeta { batch, tombstones_until_ms: 0 });
    let compacted = Operation::Rewrite(RewriteMeta { batch, tombstones_until_ms: 11 });
    let forget = Operation::Delete { keyspace: Keyspace::Keys, key: vec![0xaa] };
    let mut bytes = Vec::new();
    [&keys, &moved, &compacted, &forget].iter().for_each(|operation| operation.encode(&mut bytes));
    let append = concat!(
        "01",
        "01000000",
        "0200000000000000",
        "03000000",
        "0400000000000000",
        "05000000",
        "0600000000000000",
        "0700000000000000",
        "0800000000000000",
        "09000000",
        "0a000000",
    );
    let keys = "080100000002000000000000000300000004000000000000000500000006000000";
    let expected = format!("{keys}090000000000000000{append}090b00000000000000{append}030301000000aa");
    assert_eq!(hex::encode(&bytes), expected);
    let mut as_it_was = Vec::new();
    moved.encode(&mut as_it_was);
    as_it_was[1..9].fill(0xff);
    assert_eq!(Operation::decode_all(&as_it_was).unwrap(), [moved]);
}

#[test]
fn keys_of_a_batch_are_pinned() {
    let mut keys = KeysBuilder::default();
    keys.push(Keyed { delta: 1, is_tombstone: false, key: b"ab" });
    keys.push(Keyed { delta: 2, is_tombstone: true, key: b"" });
    let keys = keys.finish();
    assert_eq!(hex::encode(keys.bytes()), "0100000002000000616202000080".to_owned() + "00000000");
    let again = Keys::from_bytes(keys.bytes().clone());
    let read: Vec<_> = again.iter().map(Result::unwrap).collect();
    assert_eq!(read[0], Keyed { delta: 1, is_tombstone: false, key: b"ab" });
    assert_eq!(read[1], Keyed { delta: 2, is_tombstone: true, key: b"" });
    assert!(Keys::from_bytes(keys.bytes().slice(..17)).iter().any(|keyed| keyed.is_err()));
}
