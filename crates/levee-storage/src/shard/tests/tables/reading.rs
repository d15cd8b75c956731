//! Reading by key.

use super::*;

fn found(all: &[(u64, &str)]) -> Vec<(u64, String)> {
    all.iter().map(|(offset, text)| (*offset, (*text).to_owned())).collect()
}

#[test]
fn the_newest_record_of_each_key_is_found() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("bda");
    world.put("Cb");
    assert_eq!(world.get("a"), Some((5, "a".to_owned())));
    assert_eq!(world.get("b"), Some((7, "b".to_owned())));
    assert_eq!(world.get("c"), Some((6, "C".to_owned())), "a tombstone");
    assert_eq!(world.get("d"), Some((4, "d".to_owned())));
    assert_eq!(world.get("x"), None);
    assert_eq!(world.scan(10, 100), found(&[(5, "a"), (7, "b"), (4, "d")]));
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.scan(10, 100), found(&[(5, "a"), (7, "b"), (4, "d")]));
}

#[test]
fn what_is_rebuilt_from_the_journal_has_the_same_keys() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("Ba");
    let world = world.with(|harness| {
        let Harness { segments, clock, settings, shard, committer, directory: _ } = harness;
        drop((shard, committer));
        Harness::open(segments, tempfile::tempdir().unwrap(), settings, clock)
    });
    assert_eq!(world.scan(10, 100), found(&[(3 + 1, "a"), (2, "c")]));
    assert_eq!(world.get("b"), Some((3, "B".to_owned())));
}

#[test]
fn a_scan_goes_on_where_it_was_cut() {
    let world = World::new(&[]);
    // In the other order than that of the keys.
    for text in ["zyx", "wvu", "Ts", "dcb", "ab"] {
        world.put(text);
    }
    let all = world.scan(100, 100);
    assert_eq!(all.iter().map(|(_, key)| key.as_str()).collect::<String>(), "abcdsuvwxyz");
    for (records, bytes) in [(1, 100), (2, 100), (3, 2), (100, 1), (100, 3), (5, 4)] {
        assert_eq!(world.scan(records, bytes), all, "{records} records, {bytes} bytes");
        let page = world.page("", None, records, bytes);
        assert_eq!(page.records.len(), records.min(bytes));
    }
    assert_eq!(world.page("w", None, 10, 10).records.len(), 1);
    assert_eq!(world.page("w", Some("a"), 10, 10).records.len(), 1);
    assert_eq!(world.page("w", Some("w"), 10, 10).records.len(), 0);
    assert_eq!(world.page("w", Some("x"), 10, 10).records.len(), 0);
}

#[test]
fn what_was_trimmed_is_no_key() {
    let world = World::new(&[]);
    world.put("abc");
    world.put("b");
    // In the middle of a batch, which stays as a whole.
    world.harness.wait(world.harness.shard.trim(world.table, 2, audit())).unwrap();
    assert_eq!(world.get("a"), None);
    assert_eq!(world.scan(10, 100), found(&[(3, "b"), (2, "c")]));
    world.harness.wait(world.harness.shard.trim(world.table, 3, audit())).unwrap();
    assert_eq!(world.get("c"), None);
    assert_eq!(world.scan(10, 100), found(&[(3, "b")]));
    world.put("a");
    assert_eq!(world.scan(10, 100), found(&[(4, "a"), (3, "b")]));
}

#[test]
fn tables_of_others_are_not_seen() {
    let world = World::new(&[]);
    world.put("a");
    let other = PartitionId { partition: 1, ..world.table };
    assert_eq!(world.harness.shard.table_get(other, b"a").unwrap(), None);
    let others = world.harness.tenant("others");
    let other = world.harness.topic(others, "prices", &[("cleanup.policy", "compact")]);
    assert_eq!(other.topic, world.table.topic);
    assert_eq!(world.harness.shard.table_scan(other, b"", None, 10, 10).unwrap().records, []);
    assert_eq!(world.harness.shard.table_get(other, b"a").unwrap(), None);
}

#[test]
fn a_table_that_was_deleted_is_not_an_empty_one() {
    let world = World::new(&[]);
    world.put("a");
    let delete = world.harness.shard.delete_topic(world.tenant, topic_name("prices"), audit());
    world.harness.wait(delete).unwrap();
    let shard = &world.harness.shard;
    assert!(matches!(shard.table_get(world.table, b"a"), Err(StorageError::NoTopic)));
    assert!(matches!(shard.table_scan(world.table, b"", None, 1, 1), Err(StorageError::NoTopic)));
}

#[test]
fn a_damaged_record_is_told() {
    let world = World::new(&[]);
    world.put("abc");
    let (_, row) = world.harness.shard.inner.log.find(world.table, 0).unwrap().unwrap();
    let position = usize::try_from(row.position).unwrap();
    world.harness.segments.damage(row.segment, position, |byte| *byte ^= 1);
    let shard = &world.harness.shard;
    assert!(matches!(shard.table_get(world.table, b"b"), Err(StorageError::Damaged { offset: 0, .. })));
    let scanned = shard.table_scan(world.table, b"", None, 10, 10);
    assert!(matches!(scanned, Err(StorageError::Damaged { offset: 0, .. })));
}
