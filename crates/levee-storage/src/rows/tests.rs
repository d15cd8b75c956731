use super::*;
use levee_types::hex;
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
    }
}

fn producer_row() -> ProducerRow {
    let sent = SentBatch { sequence: 1, records: 2, base_offset: 3, append_time_ms: 4 };
    ProducerRow { epoch: 5, window: [sent].into() }
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
    let trim = TrimRow { start: 1, end: 2, bytes: 3, max_timestamp_ms: 4 };
    assert_eq!(hex::encode(&trim.encode_to_vec()), "0801100218032004");
    assert_eq!(hex::encode(&ProducerEpoch { epoch: 1 }.encode_to_vec()), "0801");
}

#[test]
fn rows_round_trip_and_other_versions_are_refused() {
    assert_eq!(BatchRow::decode(&batch_row().encode()), Ok(batch_row()));
    assert_eq!(ProducerRow::decode(&producer_row().encode()), Ok(producer_row()));
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
    }
}
