use super::*;
use crate::operation::BatchPlace;
use levee_types::{TopicId, hex};
use proptest::prelude::*;

fn batch_row() -> BatchRow {
    BatchRow {
        records: 1,
        length: 2,
        crc: 3,
        segment: 4,
        position: 5,
        append_time_ms: 6,
        max_timestamp_ms: 7,
        bytes_before: 8,
        rewritten: None,
    }
}

fn producer_row() -> ProducerRow {
    let sent = SentBatch { sequence: 1, records: 2, base_offset: 3, append_time_ms: 4 };
    ProducerRow { epoch: 5, window: [sent].into() }
}

fn staged_row() -> StagedRow {
    StagedRow {
        topic: TopicId(1),
        partition: 2,
        records: 3,
        length: 4,
        crc: 5,
        max_timestamp_ms: Some(6),
        place: BatchPlace { segment: 7, position: 8 },
    }
}

#[test]
fn rows_of_transactions_are_pinned() {
    assert_eq!(
        hex::encode(&staged_row().encode()),
        concat!(
            "0101",
            "0100000000000000",
            "02000000",
            "03000000",
            "04000000",
            "05000000",
            "0600000000000000",
            "0700000000000000",
            "0800000000000000"
        )
    );
    let row = TransactionRow {
        number: 1,
        state: 2,
        staged: 3,
        bytes: 4,
        deadline_ms: 5,
        base_offsets: vec![6, 7],
        commit_time_ms: 8,
    };
    assert_eq!(hex::encode(&row.encode_to_vec()), "08011002180320042805320206073808");
    assert_eq!(hex::encode(&StagedUseRow { open: 1, bytes: 2 }.encode_to_vec()), "08011002");
}

#[test]
fn format_1_is_pinned() {
    assert_eq!(
        hex::encode(&batch_row().encode()),
        concat!(
            "01",
            "01000000",
            "02000000",
            "03000000",
            "0400000000000000",
            "0500000000000000",
            "0600000000000000",
            "0700000000000000",
            "0800000000000000"
        )
    );
    assert_eq!(
        hex::encode(&producer_row().encode()),
        concat!("01", "05000000", "0100000000000000", "02000000", "0300000000000000", "0400000000000000")
    );
    let topic = TopicRow {
        name: "t".into(),
        partitions: 2,
        created_ms: 3,
        set: BTreeMap::from([("a".into(), "b".into())]),
    };
    assert_eq!(hex::encode(&topic.encode_to_vec()), "0a01741002180322060a0161120162");
    let checkpoint = Checkpoint { segment: 1, position: 2, sequence: 3, crc: 4 };
    assert_eq!(hex::encode(&checkpoint.encode_to_vec()), "0801100218032004");
    let counters = NodeCounters { last_tenant: 1, tenants: 2, topics: 3, ..NodeCounters::default() };
    assert_eq!(hex::encode(&counters.encode_to_vec()), "080110021803");
    let counters = TenantCounters { last_topic: 1, topics: 2, last_producer: 3, ..TenantCounters::default() };
    assert_eq!(hex::encode(&counters.encode_to_vec()), "080110021803");
    let tenant = TenantRow { name: "t".into(), created_ms: 1, ..TenantRow::default() };
    assert_eq!(hex::encode(&tenant.encode_to_vec()), "0a01741001");
    let half = TenantRow { suspension: 3, ..tenant };
    assert_eq!(hex::encode(&half.encode_to_vec()), "0a017410012003");
    let topic_defaults = BTreeMap::from([("a".into(), "b".into())]);
    let with_defaults = TenantRow { topic_defaults, ..half };
    assert_eq!(hex::encode(&with_defaults.encode_to_vec()), "0a01741001200332060a0161120162");
    let trim = TrimRow { start: 1, end: 2, bytes: 3, max_timestamp_ms: 4, ..TrimRow::default() };
    assert_eq!(hex::encode(&trim.encode_to_vec()), "0801100218032004");
    assert_eq!(hex::encode(&ProducerEpoch { epoch: 1 }.encode_to_vec()), "0801");
    let counters = TenantCounters { last_group: 1, groups: 2, ..TenantCounters::default() };
    assert_eq!(hex::encode(&counters.encode_to_vec()), "60016802");
    let consumers = GroupRow { name: "g".into(), created_ms: 1, queue: None };
    assert_eq!(hex::encode(&consumers.encode_to_vec()), "0a01671001");
    let queue = QueueRow {
        topics: vec!["t".into()],
        max_deliveries: 5,
        dead_letter_topic: "d".into(),
        ordered_by_key: true,
        start: 2,
        start_ms: 7,
    };
    let queue = GroupRow { queue: Some(queue), ..consumers };
    assert_eq!(
        hex::encode(&queue.encode_to_vec()),
        "0a016710011a0e0a017410051a01642001280230".to_owned() + "07"
    );
    let ahead = vec![AheadRow { gap: 1, records: 2, deliveries: 3 }];
    let progress = ProgressRow { offset: 5, committed_ms: 6, ahead };
    assert_eq!(hex::encode(&progress.encode_to_vec()), "080510061a06080110021803");
}

#[test]
fn what_format_4_adds_is_pinned() {
    let mut segments = SegmentsRow::default();
    for id in [2, 5, 1, 300] {
        segments.insert(id);
    }
    assert_eq!(segments, SegmentsRow { first: 3, deleted: vec![5, 300] });
    assert_eq!(hex::encode(&segments.encode_to_vec()), "0803120305ac02");
    let erasure = ErasureRow {
        tenant: 1,
        through: 2,
        segments: vec![3, 4],
        principal: "p".into(),
        action: "a".into(),
        resource: "r".into(),
        asked_ms: 5,
    };
    assert_eq!(hex::encode(&erasure.encode_to_vec()), "080110021a0203042201702a01613201723805");
    assert_eq!(hex::encode(&KeyRow { offset: 1, is_tombstone: true }.encode()), "01010100000000000000");
    assert_eq!(hex::encode(&SteadyRow { ms: 1 }.encode_to_vec()), "0801");
    let rewritten = BatchRow { rewritten: Some(9), ..batch_row() };
    let plain = hex::encode(&batch_row().encode());
    assert_eq!(hex::encode(&rewritten.encode()), format!("02{}0900000000000000", &plain[2..]));
    assert_eq!(BatchRow::decode(&rewritten.encode()), Ok(rewritten));
    let trim = TrimRow { gone: Some(0), compacted: 1, compacted_bytes: 2, ..TrimRow::default() };
    assert_eq!(hex::encode(&trim.encode_to_vec()), "280030013802");
}

#[test]
fn rows_of_segments_say_what_was_deleted_in_any_order() {
    let mut row = SegmentsRow::default();
    let mut there: Vec<u64> = (1..40).collect();
    for step in [7, 11, 5] {
        for id in (1..40).filter(|id| id % step == 1) {
            row.insert(id);
            there.retain(|other| *other != id);
            assert!((1..40).all(|id| row.contains(id) != there.contains(&id)), "{row:?}");
            assert!(row.deleted.first().is_none_or(|first| *first > row.first), "{row:?}");
        }
    }
}

#[test]
fn rows_of_tables_are_pinned() {
    let row = BatchRow { rewritten: Some(9), ..batch_row() };
    assert_eq!(
        hex::encode(&row.encode()),
        concat!(
            "02",
            "01000000",
            "02000000",
            "03000000",
            "0400000000000000",
            "0500000000000000",
            "0600000000000000",
            "0700000000000000",
            "0800000000000000",
            "0900000000000000"
        )
    );
    let row = KeyRow { offset: 2, is_tombstone: false };
    assert_eq!(hex::encode(&row.encode()), "01000200000000000000");
    let row = KeyRow { offset: 3, is_tombstone: true };
    assert_eq!(hex::encode(&row.encode()), "01010300000000000000");
    assert_eq!(hex::encode(&SteadyRow { ms: 300 }.encode_to_vec()), "08ac02");
    let trim = TrimRow {
        start: 1,
        end: 2,
        bytes: 3,
        max_timestamp_ms: 4,
        gone: Some(5),
        compacted: 6,
        compacted_bytes: 7,
    };
    assert_eq!(hex::encode(&trim.encode_to_vec()), "0801100218032004280530063807");
    // That nothing is gone is not the same as that it is not known.
    let trim = TrimRow { gone: Some(0), ..TrimRow::default() };
    assert_eq!(hex::encode(&trim.encode_to_vec()), "2800");
}

#[test]
fn rows_round_trip_and_other_versions_are_refused() {
    assert_eq!(BatchRow::decode(&batch_row().encode()), Ok(batch_row()));
    assert_eq!(ProducerRow::decode(&producer_row().encode()), Ok(producer_row()));
    let untimed = StagedRow { max_timestamp_ms: None, ..staged_row() };
    for row in [staged_row(), untimed] {
        assert_eq!(StagedRow::decode(&row.encode()), Ok(row));
        let mut bytes = row.encode();
        bytes[0] = 2;
        assert_eq!(StagedRow::decode(&bytes), Err(BadRow));
    }
    for rewritten in [Some(0), Some(1)] {
        let row = BatchRow { rewritten, ..batch_row() };
        assert_eq!(BatchRow::decode(&row.encode()), Ok(row));
    }
    for row in [KeyRow { offset: 1, is_tombstone: true }, KeyRow { offset: 2, is_tombstone: false }] {
        assert_eq!(KeyRow::decode(&row.encode()), Ok(row));
        for (at, other) in [(0, 2), (1, 2)] {
            let mut bytes = row.encode();
            bytes[at] = other;
            assert_eq!(KeyRow::decode(&bytes), Err(BadRow));
        }
        assert_eq!(KeyRow::decode(&row.encode()[..9]), Err(BadRow));
    }
    let mut bytes = batch_row().encode();
    bytes[0] = 2;
    assert_eq!(BatchRow::decode(&bytes), Err(BadRow));
    let mut bytes = producer_row().encode();
    bytes[0] = 2;
    assert_eq!(ProducerRow::decode(&bytes), Err(BadRow));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = BatchRow::decode(&bytes);
        let _ = ProducerRow::decode(&bytes);
        let _ = StagedRow::decode(&bytes);
        let _ = KeyRow::decode(&bytes);
    }
}
