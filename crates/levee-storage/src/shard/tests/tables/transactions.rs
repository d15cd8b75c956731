//! Transactions into tables: the keys come with the records, or neither.

use super::*;
use crate::command::ProducerSession;
use crate::transaction::{TransactionCommit, TransactionSequence};

impl World {
    fn session(&self) -> ProducerSession {
        self.harness.wait(self.harness.shard.init_producer(self.tenant, None)).unwrap()
    }

    fn stage(&self, session: ProducerSession, number: u64, index: u32, partition: PartitionId, text: &str) {
        let sequence = TransactionSequence { session, number, index, timeout_ms: 60_000 };
        let batch = append(partition, text, None);
        let shard = &self.harness.shard;
        self.harness.wait(async { shard.stage(batch, sequence).await?.await }).unwrap();
    }
}

fn commit(session: ProducerSession, number: u64, staged: u32, batches: Vec<Append>) -> TransactionCommit {
    TransactionCommit { session, number, staged, batches, commits: Vec::new(), weight: 1 }
}

#[test]
fn what_is_staged_for_a_table_has_its_keys_at_the_commit() {
    let world = World::new(&[]);
    let session = world.session();
    let plain = world.harness.topic(world.tenant, "plain", &[]);
    world.put("ax");
    world.stage(session, 1, 0, world.table, "ab");
    world.stage(session, 1, 1, plain, "zzz");
    world.stage(session, 1, 2, world.table, "aX");
    assert_eq!(world.get("b"), None, "nobody reads a transaction before its commit");
    assert_eq!(world.get("a"), Some((0, "a".to_owned())));
    world.put("c");
    let inline = vec![keyed(append(world.table, "bd", None))];
    let done = world
        .harness
        .wait(world.harness.shard.commit_transaction(world.tenant, commit(session, 1, 3, inline)));
    assert_eq!(done.unwrap().base_offsets, [3, 0, 5, 7]);
    let all = |world: &World| ["a", "b", "c", "d", "x"].map(|key| world.get(key).map(|(offset, _)| offset));
    let expected = [5, 7, 2, 8, 6].map(Some);
    assert_eq!(all(&world), expected);
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(all(&world), expected);
    let world = world.with(|harness| {
        let Harness { segments, clock, settings, shard, committer, directory: _ } = harness;
        drop((shard, committer));
        Harness::open(segments, tempfile::tempdir().unwrap(), settings, clock)
    });
    assert_eq!(all(&world), expected);
    world.harness.wait(world.harness.shard.compact_partition(world.table, &mut |_| {})).unwrap();
    assert_eq!(all(&world), expected);
}

#[test]
fn what_is_still_on_its_way_has_its_keys_too() {
    let world = World::new(&[]);
    let session = world.session();
    let shard = world.harness.shard.clone();
    let staged = |index, text| {
        let sequence = TransactionSequence { session, number: 1, index, timeout_ms: 60_000 };
        let (shard, batch) = (shard.clone(), append(world.table, text, None));
        world.harness.ask(async move { shard.stage(batch, sequence).await?.await })
    };
    let (first, second) = (staged(0, "ab"), staged(1, "b"));
    let committed =
        world.harness.wait(shard.commit_transaction(world.tenant, commit(session, 1, 2, Vec::new())));
    assert_eq!(committed.unwrap().base_offsets, [0, 2]);
    world.harness.wait(first).unwrap();
    world.harness.wait(second).unwrap();
    assert_eq!(world.get("b"), Some((2, "b".to_owned())));
}

#[test]
fn a_topic_that_became_a_table_meanwhile_has_the_keys_of_what_was_staged() {
    let world = World::new(&[]);
    let session = world.session();
    let topic = world.harness.topic(world.tenant, "late", &[]);
    world.stage(session, 1, 0, topic, "ab");
    let set = [("cleanup.policy".to_owned(), "compact".to_owned())].into();
    let change = crate::catalog::TopicChange::Config { set, unset: Vec::new() };
    let shard = &world.harness.shard;
    world.harness.wait(shard.update_topic(world.tenant, topic_name("late"), change, audit())).unwrap();
    world.harness.wait(shard.commit_transaction(world.tenant, commit(session, 1, 1, Vec::new()))).unwrap();
    assert_eq!(shard.table_get(topic, b"b").unwrap().unwrap().offset, 1);
}

#[test]
fn a_commit_without_the_keys_of_a_table_changes_nothing() {
    let world = World::new(&[]);
    let session = world.session();
    world.stage(session, 1, 0, world.table, "ab");
    // As if the topic had become a table between the look and the decision.
    let command = |reply| {
        Command::CommitTransaction(world.tenant, commit(session, 1, 1, Vec::new()), Vec::new(), reply)
    };
    let refused = world.harness.wait(world.harness.shard.ask(command));
    assert!(matches!(refused, Err(StorageError::TopicChanged)));
    assert_eq!(world.log(), []);
    let shard = &world.harness.shard;
    world.harness.wait(shard.commit_transaction(world.tenant, commit(session, 1, 1, Vec::new()))).unwrap();
    assert_eq!(world.get("b"), Some((1, "b".to_owned())));
}
