//! Removing every record of a key.

use super::*;
use crate::keys::{self, Keyspace};
use crate::rows::ErasureRow;
use prost::Message;

impl World {
    fn erase(&self, partition: PartitionId, key: &str) -> u64 {
        let event = AuditEvent { action: "EraseKey".to_owned(), resource: "receipt:7".to_owned(), ..audit() };
        let shard = &self.harness.shard;
        self.harness.wait(shard.erase_key(partition, key.as_bytes(), event)).unwrap()
    }

    fn erasures(&self) -> Vec<ErasureRow> {
        let mut cursor = self.harness.shard.inner.index.cursor(Keyspace::State, keys::erasures());
        cursor.first().unwrap();
        let mut rows = Vec::new();
        while let Some((_, row)) = cursor.item() {
            rows.push(ErasureRow::decode(row).unwrap());
            cursor.next().unwrap();
        }
        rows
    }
}

#[test]
fn no_record_of_an_erased_key_is_left() {
    let world = World::new(&[("min.compaction.lag.ms", "1000000")]);
    for text in ["abc", "aXa", "b", "A", "ca"] {
        world.put(text);
    }
    assert_eq!(world.erase(world.table, "a"), 5);
    assert_eq!(world.log(), [(1, 'b'), (2, 'c'), (4, 'X'), (6, 'b'), (8, 'c')]);
    world.is_exact();
    assert_eq!(world.get("a"), None);
    assert!(!matches!(world.harness.shard.fetch_cached(world.table, 0, 100), Cached::Batches(..)));
    // Durable when it is answered, and the key may come again.
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.log(), [(1, 'b'), (2, 'c'), (4, 'X'), (6, 'b'), (8, 'c')]);
    assert_eq!(world.get("a"), None);
    assert_eq!(world.put("a"), 10);
    assert_eq!(world.get("a"), Some((10, "a".to_owned())));
    let verified = world.harness.shard.verify_partition(world.table, &mut |_| true).unwrap();
    assert_eq!(verified.findings, []);
}

#[test]
fn the_journal_and_the_audit_log_are_told() {
    let world = World::new(&[]);
    world.put("ab");
    assert_eq!(world.erase(world.table, "a"), 1);
    assert_eq!(
        world.erase(world.table, "x"),
        0,
        "what compaction removed before may still be in the journal"
    );
    let rows = world.erasures();
    assert_eq!(rows.len(), 2);
    let ErasureRow { tenant, segments, action, resource, .. } = &rows[0];
    assert_eq!((*tenant, &segments[..]), (world.tenant.0, &[][..]));
    assert_eq!((&action[..], &resource[..]), ("EraseKey", "receipt:7"));
    let (lines, _) = world.harness.shard.audit_log(world.tenant, 0, 100).unwrap();
    assert_eq!(lines.iter().filter(|line| line.event.action == "EraseKey").count(), 2);
}

#[test]
fn a_key_is_erased_from_topics_that_are_no_tables() {
    let world = World::new(&[]);
    let topic = world.harness.topic(world.tenant, "plain", &[]);
    for text in ["abc", "a", "bb", "ab"] {
        world.harness.append(topic, text, None).unwrap();
    }
    assert_eq!(world.erase(topic, "b"), 4);
    let texts = world.harness.shard.fetch(topic, 0, 1000).unwrap().batches;
    let texts: Vec<_> =
        texts.iter().map(|batch| (batch.base_offset, batch.records, &batch.bytes[..])).collect();
    assert_eq!(texts, [(0, 3, &b"a-c"[..]), (3, 1, b"a"), (4, 2, b""), (6, 2, b"a")]);
    let rows = world.erasures();
    assert_eq!(rows[0].segments, [1], "where they were");
    world.harness.append(topic, "b", None).unwrap();
    assert_eq!(world.erase(topic, "a"), 3);
    assert_eq!(world.erasures()[1].segments, [], "batches were rewritten: copies may be anywhere");

    let moved = world.harness.topic(world.tenant, "moved", &[]);
    world.harness.append(moved, "b", None).unwrap();
    let rows = world.harness.shard.log().rows(moved, 0, 10).unwrap();
    let batches = rows.into_iter().map(|(base, row)| (moved, base, row)).collect();
    world.harness.wait(world.harness.shard.relocate(world.tenant, batches)).unwrap();
    assert_eq!(world.erase(moved, "b"), 1);
    assert_eq!(world.erasures()[2].segments, [], "nor is it known where it was moved from");
    let other = PartitionId { partition: 1, ..topic };
    assert_eq!(world.erase(other, "a"), 0);
}

#[test]
fn a_record_that_comes_during_an_erasure_stays() {
    let world = World::new(&[]);
    world.put("ab");
    world.put("a");
    let shard = &world.harness.shard;
    let mut erasure = std::pin::pin!(shard.erase_key(world.table, b"a", audit()));
    let mut context = Context::from_waker(std::task::Waker::noop());
    // It has read the first batch, and asked for its change.
    assert!(erasure.as_mut().poll(&mut context).is_pending());
    world.put("a");
    assert_eq!(world.harness.wait(erasure).unwrap(), 2);
    assert_eq!(world.log(), [(1, 'b'), (3, 'a')]);
    assert_eq!(world.get("a"), Some((3, "a".to_owned())));
    // The row is removed at the end, too: after a trim it may lead nowhere.
    world.harness.wait(shard.trim(world.table, 4, audit())).unwrap();
    assert_eq!(world.erase(world.table, "a"), 0);
    assert_eq!(shard.tables().key_row(world.table, b"a").unwrap(), None);
}
