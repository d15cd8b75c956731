//! Logs of partitions: offsets, order, repetitions, trimming, timestamps, durability.

use super::{Harness, append, audit, topic_name};
use crate::catalog::NewTopic;
use crate::command::{Append, ProducerSequence, ProducerSession};
use crate::error::StorageError;
use crate::log::PartitionOffsets;
use crate::settings::ShardSettings;
use crate::tail::Cached;
use levee_types::{Durability, PartitionId, ProducerId, TenantName};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

#[test]
fn offsets_are_dense_and_survive_a_restart() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    assert_eq!(harness.append(p, "abc", None).unwrap().base_offset, 0);
    assert_eq!(harness.append(p, "de", None).unwrap().base_offset, 3);
    assert_eq!(harness.read(p), ["abc", "de"]);
    let harness = harness.reopen();
    assert_eq!(harness.read(p), ["abc", "de"]);
    assert_eq!(harness.append(p, "f", None).unwrap().base_offset, 5);
    let offsets = harness.shard.offsets(p).unwrap();
    assert_eq!(offsets, PartitionOffsets { start: 0, end: 6, stored_bytes: 6, appended_bytes: 6 });
    let other = PartitionId { partition: 1, ..p };
    assert_eq!(harness.read(other), Vec::<String>::new());
    assert!(matches!(
        harness.append(PartitionId { partition: 2, ..p }, "x", None),
        Err(StorageError::NoTopic)
    ));
}

#[test]
fn offsets_outside_of_the_log_are_refused() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    harness.append(p, "abc", None).unwrap();
    assert!(matches!(
        harness.shard.fetch(p, 4, 1),
        Err(StorageError::OffsetOutOfRange { offset: 4, start: 0, end: 3 })
    ));
    assert!(harness.shard.fetch(p, 3, 1).unwrap().batches.is_empty());
}

#[test]
fn a_repeated_batch_is_stored_once_also_after_a_restart() {
    let mut harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let at = |sequence| Some(ProducerSequence { producer: session.producer, epoch: session.epoch, sequence });
    for round in 0..2 {
        for (sequence, text) in [(0, "abc"), (3, "de"), (5, "f")] {
            let appended = harness.append(p, text, at(sequence)).unwrap();
            assert_eq!((appended.base_offset, appended.duplicate), (sequence, round > 0));
        }
        harness = harness.reopen();
    }
    assert_eq!(harness.read(p), ["abc", "de", "f"]);
    assert!(matches!(
        harness.append(p, "h", at(7)),
        Err(StorageError::OutOfOrderSequence { sequence: 7, expected: 6 })
    ));
    assert!(matches!(harness.append(p, "xy", at(1)), Err(StorageError::OutOfOrderSequence { .. })));
    assert!(matches!(harness.append(p, "xy", at(3 + 1)), Err(StorageError::OutOfOrderSequence { .. })));
    for sequence in 6..20 {
        harness.append(p, "x", at(sequence)).unwrap();
    }
    assert!(matches!(harness.append(p, "abc", at(0)), Err(StorageError::DuplicateSequence { sequence: 0 })));
}

#[test]
fn an_older_epoch_is_fenced_everywhere_and_a_newer_one_begins_at_zero() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let old = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let at = |epoch, sequence| Some(ProducerSequence { producer: old.producer, epoch, sequence });
    harness.append(p, "abc", at(0, 0)).unwrap();
    let new = harness.wait(harness.shard.init_producer(tenant, Some(old.producer))).unwrap();
    assert_eq!((new.producer, new.epoch), (old.producer, 2));
    for partition in [p, PartitionId { partition: 1, ..p }] {
        assert!(matches!(
            harness.append(partition, "d", at(0, 3)),
            Err(StorageError::ProducerFenced { epoch: 0, current: 2 })
        ));
    }
    assert_eq!(harness.append(p, "d", at(2, 0)).unwrap().base_offset, 3);
    assert!(matches!(harness.append(p, "d", at(3, 0)), Err(StorageError::UnknownProducer)));
    let unknown = ProducerSequence { producer: ProducerId(99), epoch: 0, sequence: 0 };
    assert!(matches!(harness.append(p, "d", Some(unknown)), Err(StorageError::UnknownProducer)));
    let unknown = harness.wait(harness.shard.init_producer(tenant, Some(ProducerId(99))));
    assert!(matches!(unknown, Err(StorageError::UnknownProducer)));
}

#[test]
fn trimming_removes_whole_batches_and_moves_the_start() {
    let mut harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    for text in ["abc", "de", "f"] {
        harness.append(p, text, None).unwrap();
    }
    let trim = |harness: &Harness, before| harness.wait(harness.shard.trim(p, before, audit()));
    assert!(matches!(trim(&harness, 7), Err(StorageError::OffsetOutOfRange { .. })));
    assert_eq!(trim(&harness, 4).unwrap(), 4);
    assert_eq!(harness.read(p), ["de", "f"]);
    assert_eq!(
        harness.shard.offsets(p).unwrap(),
        PartitionOffsets { start: 4, end: 6, stored_bytes: 3, appended_bytes: 6 }
    );
    assert!(matches!(harness.shard.fetch(p, 3, 1), Err(StorageError::OffsetOutOfRange { start: 4, .. })));
    assert!(matches!(harness.shard.fetch_cached(p, 0, 1), Cached::Miss));
    assert_eq!(trim(&harness, 2).unwrap(), 4, "the start never goes back");
    assert_eq!(trim(&harness, 6).unwrap(), 6);
    harness = harness.reopen();
    assert_eq!(
        harness.shard.offsets(p).unwrap(),
        PartitionOffsets { start: 6, end: 6, stored_bytes: 0, appended_bytes: 6 }
    );
    assert_eq!(harness.append(p, "gh", None).unwrap().base_offset, 6);
    assert_eq!(harness.read(p), ["gh"]);
    assert_eq!(harness.shard.offsets(p).unwrap().stored_bytes, 2);
}

#[test]
fn timestamps_lead_to_the_first_batch_that_has_them_or_later() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    for (text, timestamp) in [("abc", 100), ("de", 50), ("f", 200), ("g", 150)] {
        let append = Append { max_timestamp_ms: Some(timestamp), ..append(p, text, None) };
        harness.wait(async { harness.shard.submit(append).await?.await }).unwrap();
    }
    for (timestamp, offset) in [(0, 0), (100, 0), (101, 5), (200, 5), (201, 7)] {
        assert_eq!(harness.shard.offset_at(p, timestamp).unwrap(), offset, "{timestamp}");
    }
}

#[test]
fn relaxed_records_are_readable_at_once_and_synced_when_due() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    let durable = harness.shard.status().durable_sequence;
    let relaxed = |text| Append { durability: Durability::Relaxed, ..append(p, text, None) };
    let send = |text| harness.wait(async { harness.shard.submit(relaxed(text)).await?.await }).unwrap();
    send("abc");
    assert_eq!(harness.read(p), ["abc"]);
    assert_eq!(harness.shard.status().durable_sequence, durable);
    harness.clock.0.fetch_add(1000, Ordering::Relaxed);
    send("de");
    // The answer comes before the sync that is due; the next command finds it done.
    harness.wait(harness.shard.trim(p, 0, audit())).unwrap();
    assert!(harness.shard.status().durable_sequence > durable);
}

/// While files of the index are written again because something of them was erased.
#[test]
fn what_rocksdb_may_flush_by_itself_is_synced_before_it_is_applied() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    let relaxed = |text| Append { durability: Durability::Relaxed, ..append(p, text, None) };
    let send = |text| harness.wait(async { harness.shard.submit(relaxed(text)).await?.await }).unwrap();
    let expected = harness.shard.inner.index.expect_flushes();
    send("abc");
    drop(expected);
    send("de");
    assert_eq!(harness.crash(|| false).read(p), ["abc"]);
}

#[test]
fn a_fetch_of_tiny_batches_is_bounded_by_their_number_too() {
    let harness = Harness::new();
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    for _ in 0..10 {
        harness.append(p, "x", None).unwrap();
    }
    let max_bytes = 3 * (1 + crate::FETCH_OVERHEAD_BYTES);
    assert_eq!(harness.shard.fetch(p, 0, max_bytes).unwrap().batches.len(), 3);
    let cached = harness.shard.fetch_cached(p, 0, max_bytes);
    assert!(matches!(cached, Cached::Batches(batches, 10) if batches.len() == 3));
}

#[test]
fn producers_that_begin_at_once_share_a_sync() {
    let harness = Harness::new();
    let (acme, other) = (harness.tenant("acme"), harness.tenant("other"));
    let p = harness.topic(acme, "orders", &[]);
    let shard = harness.shard.clone();
    let old = harness.wait(shard.init_producer(acme, None)).unwrap();
    let sent = |epoch| Some(ProducerSequence { producer: old.producer, epoch, sequence: 0 });
    let submit = |epoch| {
        let shard = shard.clone();
        async move { shard.submit(append(p, "abc", sent(epoch))).await?.await }
    };

    let before = harness.segments.syncs();
    let new = [acme, acme, other].map(|tenant| harness.ask(shard.init_producer(tenant, None)));
    let again = harness.ask(shard.init_producer(acme, Some(old.producer)));
    let unknown = harness.ask(shard.init_producer(acme, Some(ProducerId(99))));
    let (fenced, stored) = (harness.ask(submit(0)), harness.ask(submit(2)));
    assert_eq!(new.map(|new| harness.wait(new).unwrap().producer), [2, 3, 1].map(ProducerId));
    assert_eq!(harness.segments.syncs(), before + 1);
    assert_eq!(harness.wait(again).unwrap(), ProducerSession { producer: old.producer, epoch: 2 });
    assert!(matches!(harness.wait(unknown), Err(StorageError::UnknownProducer)));
    assert!(matches!(harness.wait(fenced), Err(StorageError::ProducerFenced { epoch: 0, current: 2 })));
    assert_eq!(harness.wait(stored).unwrap().base_offset, 0);

    // They have counters in common with changes of the catalog: neither loses what the other did.
    let topic = NewTopic { name: topic_name("more"), partitions: 1, set: BTreeMap::new() };
    let before = harness.ask(shard.init_producer(acme, None));
    let topics = harness.ask(shard.create_topics(acme, vec![topic], audit()));
    let after = harness.ask(shard.init_producer(other, None));
    assert_eq!(harness.wait(before).unwrap().producer, ProducerId(4));
    assert!(harness.wait(topics).unwrap()[0].is_ok());
    assert_eq!(harness.wait(after).unwrap().producer, ProducerId(2));
    // From here on the rows are all there is.
    drop(shard);
    let harness = harness.crash(|| false);
    assert_eq!(harness.shard.tenant(&TenantName::new("acme").unwrap()).unwrap().unwrap().topics, 2);
    let next = harness.wait(harness.shard.init_producer(acme, None)).unwrap();
    assert_eq!(next.producer, ProducerId(5), "ids are never reused");
    let next = harness.wait(harness.shard.init_producer(acme, Some(old.producer))).unwrap();
    assert_eq!(next.epoch, 4);
}

#[test]
fn a_producer_of_a_tenant_that_is_deleted_meanwhile_is_refused() {
    // A turn is worth a session: the two queues are served in the order of the calls.
    let settings =
        ShardSettings { segment_bytes: 256 * 1024, group_bytes: 64 * 1024, ..ShardSettings::default() };
    let harness = Harness::with(settings);
    let acme = harness.tenant("acme");
    let shard = harness.shard.clone();
    let before = harness.ask(shard.init_producer(acme, None));
    let deleted = harness.ask(shard.delete_tenant(TenantName::new("acme").unwrap(), 0, audit()));
    assert_eq!(harness.wait(before).unwrap().producer, ProducerId(1));
    harness.wait(deleted).unwrap();
    let after = harness.ask(shard.init_producer(acme, None));
    let again = harness.ask(shard.init_producer(acme, Some(ProducerId(1))));
    assert!(matches!(harness.wait(after), Err(StorageError::NoTenant)));
    assert!(matches!(harness.wait(again), Err(StorageError::NoTenant)));
}

#[test]
fn a_renewal_is_done_once_however_often_and_late_it_is_asked_for() {
    let mut harness = Harness::new();
    let tenant = harness.tenant("acme");
    let first = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let renew = |harness: &Harness, epoch| {
        let held = ProducerSession { epoch, ..first };
        harness.wait(harness.shard.renew_producer(tenant, held)).map(|session| session.epoch)
    };
    assert!(matches!(renew(&harness, 1), Err(StorageError::UnknownProducer)), "it has no such epoch");
    assert_eq!(renew(&harness, 0).unwrap(), 1);
    harness = harness.reopen();
    assert_eq!(renew(&harness, 0).unwrap(), 1, "the answer was lost");
    assert_eq!(renew(&harness, 1).unwrap(), 2);
    let fenced = |result| matches!(result, Err(StorageError::ProducerFenced { epoch: 0, current: 2 }));
    assert!(fenced(renew(&harness, 0)), "a late copy");
    assert_eq!(renew(&harness, 1).unwrap(), 2);

    // A repetition is told from a renewal after somebody else took the producer over.
    let other = harness.wait(harness.shard.init_producer(tenant, Some(first.producer))).unwrap();
    assert!(matches!(renew(&harness, 2), Err(StorageError::ProducerFenced { .. })));
    assert_eq!(renew(&harness, other.epoch).unwrap(), other.epoch + 1);
    assert!(matches!(renew(&harness, 2), Err(StorageError::ProducerFenced { .. })));
}

#[test]
fn an_append_that_expects_another_offset_changes_nothing() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let sent = |sequence| ProducerSequence { producer: session.producer, epoch: session.epoch, sequence };
    let submit = |text: &'static str, expected: u64, sequence: Option<u64>| {
        let shard = harness.shard.clone();
        let append = Append { expected_offset: Some(expected), ..append(p, text, sequence.map(sent)) };
        async move { shard.submit(append).await?.await }
    };
    // Of those that meet in a group one wins, and the others learn what it left.
    let racers = ["abc", "de", "f"].map(|text| harness.ask(submit(text, 0, None)));
    let [first, second, third] = racers.map(|racer| harness.wait(racer));
    assert_eq!(first.unwrap().base_offset, 0);
    for lost in [second, third] {
        assert!(matches!(lost, Err(StorageError::OffsetMismatch { expected: 0, current: 3 })), "{lost:?}");
    }
    assert!(matches!(
        harness.wait(submit("de", 4, Some(0))),
        Err(StorageError::OffsetMismatch { expected: 4, current: 3 })
    ));
    // The refused one took no place in the sequence.
    assert_eq!(harness.wait(submit("de", 3, Some(0))).unwrap().base_offset, 3);
    let again = harness.wait(submit("de", 3, Some(0))).unwrap();
    assert_eq!((again.base_offset, again.duplicate), (3, true), "a repetition lost no race");
    assert_eq!(harness.read(p), ["abc", "de"]);
    assert_eq!(harness.crash(|| false).read(p), ["abc", "de"]);
}
