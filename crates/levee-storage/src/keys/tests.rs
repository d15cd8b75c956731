use super::*;
use levee_types::hex;
use proptest::prelude::*;

fn partition() -> impl Strategy<Value = PartitionId> {
    (1..=u32::MAX, any::<u64>(), any::<u32>()).prop_map(|(tenant, topic, partition)| PartitionId {
        tenant: TenantId(tenant),
        topic: TopicId(topic),
        partition,
    })
}

fn inside(key: &[u8], (from, to): &KeyRange) -> bool {
    from.as_slice() <= key && key < to.as_slice()
}

proptest! {
    #[test]
    fn keys_sort_by_their_parts(a in (partition(), any::<u64>()), b in (partition(), any::<u64>())) {
        prop_assert_eq!(batch(a.0, a.1).cmp(&batch(b.0, b.1)), a.cmp(&b));
        prop_assert_eq!(last_u64(&batch(a.0, a.1)), Some(a.1));
    }

    #[test]
    fn a_range_holds_its_own_and_nothing_else(a in (partition(), any::<u64>()), b in (partition(), any::<u64>())) {
        let key = batch(b.0, b.1);
        prop_assert_eq!(inside(&key, &batches(a.0)), a.0 == b.0);
        prop_assert_eq!(
            inside(&key, &batches_of_topic(a.0.tenant, a.0.topic)),
            (a.0.tenant, a.0.topic) == (b.0.tenant, b.0.topic)
        );
        prop_assert_eq!(inside(&key, &of_tenant(a.0.tenant)), a.0.tenant == b.0.tenant);
        // Random partitions are hardly ever the same.
        for range in [batches(b.0), batches_of_topic(b.0.tenant, b.0.topic), of_tenant(b.0.tenant)] {
            prop_assert!(inside(&key, &range));
        }
    }

    #[test]
    fn no_scan_by_name_leaves_its_tenant(tenant in 1..u32::MAX, name in "[A-Za-z0-9.-]{1,20}", prefix in ".{0,5}") {
        let (tenant, next) = (TenantId(tenant), TenantId(tenant + 1));
        let name = TopicName::new(&name);
        prop_assume!(name.is_ok());
        let range = with_prefix(topics_from(tenant, &prefix));
        let own = topic_by_name(tenant, &name.clone().unwrap());
        prop_assert_eq!(inside(&own, &range), name.as_ref().unwrap().as_str().starts_with(&prefix));
        prop_assert!(!inside(&topic_by_name(next, &name.unwrap()), &range));
    }
}

#[test]
fn format_1_is_pinned() {
    let partition = PartitionId { tenant: TenantId(1), topic: TopicId(2), partition: 3 };
    let hex = |key: Vec<u8>| hex::encode(&key);
    assert_eq!(hex(checkpoint()), "0000000001");
    assert_eq!(hex(node_counters()), "0000000002");
    assert_eq!(hex(tenant_by_name(&TenantName::new("abc").unwrap())), "0000000003616263");
    assert_eq!(hex(tenant(TenantId(1))), "000000000400000001");
    assert_eq!(hex(tenant_counters(TenantId(1))), "0000000105");
    assert_eq!(hex(topic_by_name(TenantId(1), &TopicName::new("a").unwrap())), "000000010661");
    assert_eq!(hex(topic(TenantId(1), TopicId(2))), "00000001070000000000000002");
    assert_eq!(hex(trim(partition)), "0000000108000000000000000200000003");
    assert_eq!(
        hex(partition_producer(partition, ProducerId(4))),
        "00000001090000000000000002000000030000000000000004"
    );
    assert_eq!(hex(producer(TenantId(1), ProducerId(4))), "000000010a0000000000000004");
    assert_eq!(hex(transaction(TenantId(1), ProducerId(4))), "000000011a0000000000000004");
    assert_eq!(hex(staged(TenantId(1), ProducerId(4), 5)), "000000011b000000000000000400000005");
    assert_eq!(
        hex(transaction_deadline(6, TenantId(1), ProducerId(4))),
        "000000001c0000000000000006000000010000000000000004"
    );
    assert_eq!(hex(staged_use(TenantId(1))), "000000011d");
    assert_eq!(hex(batch(partition, 5)), "00000001200000000000000002000000030000000000000005");
    assert_eq!(hex(group_by_name(TenantId(1), &GroupName::new("g").unwrap())), "000000011767");
    assert_eq!(hex(group(TenantId(1), GroupId(2))), "00000001180000000000000002");
    assert_eq!(hex(progress(GroupId(4), partition)), "00000001190000000000000004000000000000000200000003");
    assert_eq!(progress_partition(TenantId(1), &progress(GroupId(4), partition)), Some(partition));
}

#[test]
fn staged_batches_of_some_producers_are_one_range() {
    let tenant = TenantId(1);
    let key = |producer| staged(tenant, ProducerId(producer), u32::MAX);
    for (range, expected) in [(2..=3, [false, true, true, false]), (0..=u64::MAX, [true; 4])] {
        let range = staged_of(tenant, range);
        assert_eq!([1, 2, 3, 4].map(|producer| inside(&key(producer), &range)), expected);
    }
    let range = staged_of(tenant, 0..=u64::MAX);
    assert!(inside(&key(u64::MAX), &range) && !inside(&staged_use(tenant), &range));
    assert!(!inside(&staged(TenantId(2), ProducerId(1), 0), &range));
    assert_eq!(staged_producer(&key(7)), Some(ProducerId(7)));
    let deadline = transaction_deadline(9, TenantId(3), ProducerId(8));
    assert_eq!(transaction_deadline_of(&deadline), Some((9, TenantId(3), ProducerId(8))));
    assert!(inside(&deadline, &transaction_deadlines()));
}
