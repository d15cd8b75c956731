//! Failing writes and syncs, full disks and damage.

use super::{Harness, append, audit, topic_name};
use crate::command::{Append, ProducerSequence};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::operation::Operation;
use crate::segments::{Fault, SegmentStore};
use crate::status::ShardState;
use levee_types::{Durability, ProducerId};
use std::sync::atomic::Ordering;

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_what_was_is_there_after_a_restart() {
    for fault in [Fault::Sync, Fault::Write] {
        let harness = Harness::new();
        let p = harness.topic(harness.tenant("acme"), "orders", &[]);
        harness.append(p, "abc", None).unwrap();
        harness.segments.inject(fault);
        assert!(matches!(harness.append(p, "de", None), Err(StorageError::Failed { .. })));
        assert_eq!(harness.shard.status().state, ShardState::Failed);
        assert!(harness.append(p, "f", None).is_err(), "the fault happens once, but nothing is retried");
        assert_eq!(harness.read(p), ["abc"], "what failed is not readable");
        let harness = harness.crash(|| false);
        assert_eq!(harness.read(p), ["abc"]);
        assert_eq!(harness.append(p, "g", None).unwrap().base_offset, 3);
    }
}

#[test]
fn a_repetition_in_a_group_that_failed_is_not_called_stored() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let at = |sequence| Some(ProducerSequence { producer: session.producer, epoch: session.epoch, sequence });
    // More batches than the window holds, and then the first one again, all in one group.
    let sequences = (0..12).chain([0]);
    let receipts: Vec<_> = sequences
        .map(|sequence| harness.wait(harness.shard.submit(append(p, "x", at(sequence)))).unwrap())
        .collect();
    harness.segments.inject(Fault::Sync);
    for receipt in receipts {
        assert!(matches!(harness.wait(receipt), Err(StorageError::Failed { .. })));
    }
}

#[test]
fn a_full_disk_refuses_writes_and_goes_on_reading() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    let large = "x".repeat(7000);
    let mut stored = 0;
    harness.segments.inject(Fault::Create);
    let refused = loop {
        match harness.append(p, &large, None) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StorageError::Full { is_certain: true, .. }));
    assert_eq!(harness.shard.status().state, ShardState::Full);
    assert!(matches!(harness.append(p, "y", None), Err(StorageError::Full { .. })));
    assert_eq!(harness.read(p).len(), stored);
    let harness = harness.reopen();
    assert_eq!(harness.read(p).len(), stored);
    harness.append(p, &large, None).unwrap();
    assert_eq!(harness.read(p).len(), stored + 1);
}

#[test]
fn a_failed_sync_is_never_tried_again_although_relaxed_records_wait_for_one() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    let relaxed = Append { durability: Durability::Relaxed, ..append(p, "abc", None) };
    harness.wait(async { harness.shard.submit(relaxed).await?.await }).unwrap();
    let durable = harness.shard.status().durable_sequence;
    harness.clock.0.fetch_add(1000, Ordering::Relaxed);
    harness.segments.inject(Fault::Sync);
    assert!(harness.append(p, "de", None).is_err());
    assert_eq!(harness.shard.status().durable_sequence, durable);
}

#[test]
fn a_damaged_batch_is_reported_and_the_ones_before_it_are_served() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    let mut places = Vec::new();
    for text in ["abc", "de", "f"] {
        harness.append(p, text, None).unwrap();
        places.push(harness.shard.status().journal_bytes);
    }
    // The last bytes of the second entry are its payload, padded to 8.
    let mut found = false;
    for position in places[0]..places[1] {
        let mut byte = Vec::new();
        harness.segments.read(1, position, 2, &mut byte).unwrap();
        if byte == b"de" {
            harness.segments.damage(1, usize::try_from(position).unwrap(), |byte| *byte ^= 1);
            found = true;
        }
    }
    assert!(found);
    assert_eq!(harness.shard.fetch(p, 0, 100).unwrap().batches.len(), 1);
    assert!(matches!(harness.shard.fetch(p, 3, 100), Err(StorageError::Damaged { offset: 3, .. })));
    assert_eq!(harness.shard.fetch(p, 5, 100).unwrap().batches.len(), 1);
}

#[test]
fn producers_of_a_group_that_failed_never_were() {
    let harness = Harness::new();
    let acme = harness.tenant("acme");
    let old = harness.wait(harness.shard.init_producer(acme, None)).unwrap();
    let shard = harness.shard.clone();
    let asked = [None, Some(old.producer), None].map(|which| harness.ask(shard.init_producer(acme, which)));
    harness.segments.inject(Fault::Sync);
    for asked in asked {
        assert!(matches!(harness.wait(asked), Err(StorageError::Failed { .. })));
    }
    drop(shard);
    let harness = harness.crash(|| false);
    let new = harness.wait(harness.shard.init_producer(acme, None)).unwrap();
    assert_eq!(new.producer, ProducerId(2));
    let again = harness.wait(harness.shard.init_producer(acme, Some(old.producer))).unwrap();
    assert_eq!(again.epoch, 2);
}

#[test]
fn a_change_that_fails_half_way_leaves_nothing_behind() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    harness.append(p, "abc", None).unwrap();
    let index = &harness.shard.inner.index;
    let apply = |operation| {
        let mut changes = index.changes();
        changes.add(&[operation], [], 0, 0);
        index.apply(changes).unwrap();
    };
    let (keyspace, key) = (Keyspace::State, keys::audit_ends(tenant));
    let good = index.get(keyspace, &key).unwrap().unwrap();
    // The event that goes with the change cannot be added: the last thing that can fail.
    apply(Operation::Put { keyspace, key: key.clone(), value: vec![0xff] });
    assert!(harness.wait(harness.shard.trim(p, 3, audit())).is_err());
    assert!(harness.wait(harness.shard.delete_topic(tenant, topic_name("orders"), audit())).is_err());
    apply(Operation::Put { keyspace, key, value: good });

    assert_eq!(harness.append(p, "de", None).unwrap().base_offset, 3);
    assert_eq!(harness.read(p), ["abc", "de"]);
    let stored = |harness: &Harness| harness.shard.tenant_by_id(tenant).unwrap().unwrap().stored_bytes;
    assert_eq!(stored(&harness), 5);
    assert!(matches!(
        harness.wait(harness.shard.trim(p, 6, audit())),
        Err(StorageError::OffsetOutOfRange { start: 0, .. })
    ));
}
