//! How transactions end that nobody commits: by their deadline, another epoch, or with what they belong to.

use super::super::{Harness, audit, topic_name};
use super::{TIMEOUT_MS, World, is_aborted, nothing_is_staged};
use crate::committer::QuotaChange;
use crate::error::StorageError;
use crate::keys::{self, Keyspace, QuotaPart};
use crate::operation::Operation;
use crate::settings::ShardSettings;
use crate::transaction::TransactionSequence;
use levee_types::limits::{MAX_OPEN_TRANSACTIONS, MAX_TRANSACTION_BATCHES};
use levee_types::quota::{Dimension, Quota};
use levee_types::{ErrorCode, LeveeError, TenantId, TenantName};
use std::sync::atomic::Ordering;

fn limit(world: &World, dimension: Dimension, limit: u64) {
    let quota = Quota { limit: Some(limit), ..Quota::default() };
    let change = QuotaChange { set: vec![(dimension, quota)], unset: Vec::new() };
    let shard = &world.harness.shard;
    world.harness.wait(shard.set_quotas(world.tenant, QuotaPart::Tenant, change, audit())).unwrap();
}

fn sweep(world: &World, now_ms: i64) -> Option<i64> {
    world.harness.wait(world.harness.shard.abort_expired_transactions(now_ms)).unwrap()
}

#[test]
fn t4_an_open_transaction_is_aborted_at_its_deadline_and_not_before() {
    let world = World::new();
    let deadline = i64::from(TIMEOUT_MS) + 1000;
    world.harness.clock.0.store(1000, Ordering::Relaxed);
    world.stage(1, 0, 0, "abc").unwrap();
    world.harness.clock.0.store(5000, Ordering::Relaxed);
    world.stage(1, 1, 0, "de").unwrap();
    assert_eq!(sweep(&world, deadline - 1), Some(deadline), "the first batch counts");
    assert!(!world.stage(1, 2, 0, "f").unwrap());
    let world = world.with(Harness::reopen);
    assert_eq!(sweep(&world, deadline), None);
    assert!(is_aborted(world.stage(1, 3, 0, "g")));
    assert!(is_aborted(world.commit(1, 3, &[])));
    assert_eq!(world.read()[0], Vec::<String>::new());
    // The answer is as durable as an answer must be.
    let world = world.with(|harness| harness.crash(|| false));
    assert!(is_aborted(world.commit(1, 3, &[])));
    world.stage(2, 0, 0, "abc").unwrap();
    world.commit(2, 1, &[]).unwrap();
}

#[test]
fn a_sweep_that_comes_late_takes_no_other_transaction() {
    let world = World::new();
    let shard = world.harness.shard.clone();
    world.stage(1, 0, 0, "abc").unwrap();
    world.harness.clock.0.store(10, Ordering::Relaxed);
    // The sweep has seen the first transaction when it ends, and the next one begins.
    let commit = world.harness.ask(shard.commit_transaction(world.tenant, world.commit_of(1, 1, &[])));
    let next = super::append(world.partitions[0], "de", None);
    let next = world.harness.ask(async { shard.stage(next, world.sequence(2, 0)).await?.await });
    let sweep = world.harness.ask(shard.abort_expired_transactions(i64::from(TIMEOUT_MS)));
    assert!(world.harness.wait(commit).is_ok() && world.harness.wait(next).is_ok());
    assert_eq!(world.harness.wait(sweep).unwrap(), Some(i64::from(TIMEOUT_MS) + 10));
    world.commit(2, 1, &[]).unwrap();
    assert_eq!(world.read()[0], ["abc", "de"]);
}

#[test]
fn many_that_are_due_share_syncs() {
    let mut world = World::new();
    for _ in 0..20 {
        world.session = world.harness.wait(world.harness.shard.init_producer(world.tenant, None)).unwrap();
        world.stage(1, 0, 0, "abc").unwrap();
    }
    let before = world.harness.segments.syncs();
    assert_eq!(sweep(&world, i64::MAX), None);
    assert_eq!(world.harness.segments.syncs(), before + 1);
    assert!(is_aborted(world.commit(1, 1, &[])));
}

#[test]
fn another_epoch_aborts_the_transaction_of_the_one_before() {
    let mut world = World::new();
    let old = world.session;
    for renews in [false, true] {
        let shard = &world.harness.shard;
        let number = u64::from(renews) + 1;
        if renews {
            world.commit(1, 0, &[]).unwrap();
        }
        world.stage(number, 0, 0, "abc").unwrap();
        let held = world.session;
        world.session = if renews {
            world.harness.wait(shard.renew_producer(world.tenant, held)).unwrap()
        } else {
            world.harness.wait(shard.init_producer(world.tenant, Some(held.producer))).unwrap()
        };
        assert!(nothing_is_staged(&world));
        let late = TransactionSequence { session: held, ..world.sequence(number, 1) };
        let late = world.stage_as(late, world.partitions[0], "late");
        assert!(matches!(late, Err(StorageError::ProducerFenced { .. })), "{late:?}");
        // Numbers count from 1 in each epoch, and nothing of the other one is there.
        assert!(matches!(
            world.stage(2, 0, 0, "x"),
            Err(StorageError::OutOfOrderTransaction { number: 2, expected: 1 })
        ));
    }
    assert_ne!(world.session, old);
    world.stage(1, 0, 0, "de").unwrap();
    assert_eq!(world.commit(1, 1, &[]).unwrap().base_offsets, [0]);
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.read()[0], ["de"]);
}

#[test]
fn producers_that_are_forgotten_take_their_transactions_along() {
    let mut world = World::new();
    let shard = world.harness.shard.clone();
    let mut sessions = vec![world.session];
    for _ in 0..9 {
        sessions.push(world.harness.wait(shard.init_producer(world.tenant, None)).unwrap());
    }
    for session in &sessions {
        world.session = *session;
        world.stage(1, 0, 0, "abc").unwrap();
    }
    // One, and then many at once. What is staged in the same group goes too.
    for (producers, index) in [(10, 1), (3, 2)] {
        limit(&world, Dimension::Producers, producers);
        world.session = sessions[1];
        let batch = super::append(world.partitions[0], "de", None);
        let sequence = world.sequence(1, index);
        let staged = world.harness.ask(async { shard.stage(batch, sequence).await?.await });
        let forgets = world.harness.ask(shard.init_producer(world.tenant, None));
        assert!(!world.harness.wait(staged).unwrap().duplicate);
        world.harness.wait(forgets).unwrap();
    }
    for session in &sessions[..9] {
        world.session = *session;
        assert!(matches!(world.commit(1, 1, &[]), Err(StorageError::UnknownProducer)));
    }
    drop(shard);
    world = world.with(|harness| harness.crash(|| false));
    world.session = sessions[9];
    assert_eq!(world.commit(1, 1, &[]).unwrap().base_offsets, [0]);
    assert!(nothing_is_staged(&world), "the others left nothing");
}

#[test]
fn what_is_staged_counts_against_the_quota_of_storage() {
    let world = World::new();
    limit(&world, Dimension::Storage, 10);
    let is_full = |result: Result<_, StorageError>| {
        result.err().map(|error| LeveeError::from(error).code) == Some(ErrorCode::LimitExceeded)
    };
    world.harness.append(world.partitions[0], "abcd", None).unwrap();
    world.stage(1, 0, 0, "abcd").unwrap();
    assert!(is_full(world.stage(1, 1, 0, "abc").map(drop)));
    world.stage(1, 1, 0, "ab").unwrap();
    // What is stored meanwhile may leave too little: then nothing of it is.
    world.harness.append(world.partitions[0], "x", None).unwrap();
    assert!(is_full(world.commit(1, 2, &[]).map(drop)));
    assert_eq!(world.read()[0], ["abcd", "x"]);
    world.harness.wait(world.harness.shard.trim(world.partitions[0], 4, audit())).unwrap();
    assert!(is_full(world.commit(1, 2, &[(0, "abcd")]).map(drop)));
    world.commit(1, 2, &[(0, "abc")]).unwrap();
    assert_eq!(world.stored_bytes(), 10);
    world.abort(2).unwrap();
    assert!(is_full(world.stage(3, 0, 0, "a").map(drop)), "exactly at the limit");
    world.harness.wait(world.harness.shard.trim(world.partitions[0], 5, audit())).unwrap();
    world.stage(3, 0, 0, "a").unwrap();
    assert!(is_full(world.stage(3, 1, 0, "a").map(drop)));
    world.abort(3).unwrap();
    assert!(world.stage(4, 0, 0, "a").is_ok(), "what was aborted counts no more");
}

#[test]
fn a_topic_that_is_deleted_takes_the_commit_with_it_and_nothing_else() {
    let mut world = World::new();
    let other = world.harness.topic(world.tenant, "other", &[]);
    world.stage(1, 0, 0, "abc").unwrap();
    world.stage_as(world.sequence(1, 1), other, "de").unwrap();
    world
        .harness
        .wait(world.harness.shard.delete_topic(world.tenant, topic_name("orders"), audit()))
        .unwrap();
    world.partitions = [other, other];
    assert!(matches!(world.commit(1, 2, &[]), Err(StorageError::NoTopic)));
    assert_eq!(world.harness.read(other), Vec::<String>::new());
    assert!(matches!(world.commit(1, 2, &[]), Err(StorageError::NoTopic)), "it is as open as before");
    world.abort(1).unwrap();
    assert_eq!(world.commit(2, 0, &[(0, "f")]).unwrap().base_offsets, [0]);
    let gone = levee_types::PartitionId { partition: 9, ..other };
    assert!(matches!(world.stage_as(world.sequence(3, 0), gone, "x"), Err(StorageError::NoTopic)));
    assert!(nothing_is_staged(&world), "a batch for nowhere opens nothing");
}

#[test]
fn a_deleted_tenant_leaves_no_deadlines() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    let name = TenantName::new("acme").unwrap();
    world.harness.wait(world.harness.shard.delete_tenant(name, 0, audit())).unwrap();
    assert!(nothing_is_staged(&world));
    let world = world.with(|harness| harness.crash(|| false));
    assert!(nothing_is_staged(&world));
}

#[test]
fn a_deadline_that_nothing_has_any_more_is_removed() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    let index = &world.harness.shard.inner.index;
    let mut changes = index.changes();
    for (at_ms, tenant) in [(5, world.tenant), (6, TenantId(99))] {
        let key = keys::transaction_deadline(at_ms, tenant, world.session.producer);
        changes.add(&[Operation::Put { keyspace: Keyspace::State, key, value: Vec::new() }], [], 0, 0);
    }
    index.apply(changes).unwrap();
    assert_eq!(sweep(&world, 1000), Some(i64::from(TIMEOUT_MS)));
    world.commit(1, 1, &[]).unwrap();
}

#[test]
fn a_tenant_has_a_bounded_number_of_open_transactions() {
    let mut world = World::new();
    let is_refused = |result: Result<bool, StorageError>| {
        matches!(result, Err(StorageError::LimitExceeded { limit: MAX_OPEN_TRANSACTIONS, .. }))
    };
    let first = world.session;
    for open in 0..=MAX_OPEN_TRANSACTIONS {
        assert_eq!(is_refused(world.stage(1, 0, 0, "abc")), open == MAX_OPEN_TRANSACTIONS);
        world.session = world.harness.wait(world.harness.shard.init_producer(world.tenant, None)).unwrap();
    }
    assert!(is_refused(world.stage(1, 0, 0, "abc")));
    let last = std::mem::replace(&mut world.session, first);
    assert!(!world.stage(1, 1, 0, "de").unwrap(), "those that are open go on");
    world.commit(1, 2, &[]).unwrap();
    world.session = last;
    assert!(!world.stage(1, 0, 0, "abc").unwrap());
}

#[test]
fn a_transaction_has_a_bounded_number_of_batches() {
    let settings = ShardSettings { segment_bytes: 4 * 1024 * 1024, ..ShardSettings::default() };
    let world = World::on(Harness::with(settings));
    let is_refused = |result: Result<(), StorageError>| {
        matches!(result, Err(StorageError::LimitExceeded { what: "batches of this transaction", .. }))
    };
    let count = u32::try_from(MAX_TRANSACTION_BATCHES).unwrap();
    for index in 0..count {
        assert!(!world.stage(1, index, 0, "x").unwrap());
    }
    assert!(is_refused(world.stage(1, count, 0, "x").map(drop)));
    assert!(is_refused(world.commit(1, count, &[(0, "x")]).map(drop)));
    let offsets = world.commit(1, count, &[]).unwrap().base_offsets;
    assert_eq!(offsets, (0..u64::from(count)).collect::<Vec<_>>());
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.read()[0].len(), MAX_TRANSACTION_BATCHES);
    assert_eq!(world.commit(1, count, &[]).unwrap().base_offsets, offsets);
}
