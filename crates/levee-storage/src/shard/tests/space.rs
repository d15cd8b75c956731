//! The journal gives space back, and nothing else.

mod erasure;
mod model;
mod opening;
mod readers;

use super::{Harness, append, audit, topic_name};
use crate::error::StorageError;
use crate::maintenance::{Maintenance, Upkeep};
use crate::segments::{MemorySegments, SegmentStore};
use crate::settings::ShardSettings;
use levee_types::PartitionId;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SEGMENT: u64 = 16 * 1024;

fn settings() -> ShardSettings {
    ShardSettings {
        segment_bytes: SEGMENT,
        group_bytes: 2048,
        maintenance_bytes_per_s: 0,
        ..ShardSettings::default()
    }
}

/// Gives back what can be given back.
fn give_back(harness: &Harness) {
    let (mut maintenance, _stop) = Maintenance::new(harness.shard.clone(), Upkeep::Space);
    harness.wait(maintenance.give_back()).unwrap();
}

/// The same, until so many commands were done. Tells whether it was over before.
fn give_back_for(harness: &Harness, commands: usize) -> Result<bool, StorageError> {
    let (mut maintenance, _stop) = Maintenance::new(harness.shard.clone(), Upkeep::Space);
    let mut working = pin!(maintenance.give_back());
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..commands {
        if let Poll::Ready(done) = working.as_mut().poll(&mut context) {
            return done.map(|()| true);
        }
        let commands = harness.shard.inner.queue.take(Some(Duration::ZERO)).unwrap();
        harness.committer.borrow_mut().work(commands);
    }
    Ok(false)
}

/// A batch of so many bytes that can be told from others.
fn text(number: usize, bytes: usize) -> String {
    format!("{number:06}{}", "x".repeat(bytes.saturating_sub(6)))
}

/// Appends batches of 1000 bytes.
fn fill(harness: &Harness, partition: PartitionId, numbers: Range<usize>) -> Vec<String> {
    let texts: Vec<_> = numbers.map(|number| text(number, 1000)).collect();
    for text in &texts {
        harness.append(partition, text, None).unwrap();
    }
    texts
}

fn segments(harness: &Harness) -> Vec<u64> {
    harness.segments.list().unwrap()
}

/// All bytes of all segments.
fn all_bytes(harness: &Harness) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in segments(harness) {
        let length = usize::try_from(harness.segments.length(id).unwrap()).unwrap();
        harness.segments.read(id, 0, length, &mut bytes).unwrap();
    }
    bytes
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn segments_of_a_deleted_topic_go_and_what_is_counted_follows() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let (kept, dropped) = (harness.topic(tenant, "kept", &[]), harness.topic(tenant, "dropped", &[]));
    fill(&harness, dropped, 0..100);
    let texts = fill(&harness, kept, 100..104);
    let before = harness.shard.status();
    give_back(&harness);
    assert_eq!(harness.shard.status().segments, before.segments, "everything is needed");
    harness.wait(harness.shard.delete_topic(tenant, topic_name("dropped"), audit())).unwrap();
    give_back(&harness);
    let after = harness.shard.status();
    assert_eq!(after.segments, segments(&harness).len() as u64);
    assert!(after.segments <= 2 && after.journal_bytes < before.journal_bytes / 3, "{before:?} {after:?}");
    assert_eq!(harness.read(kept), texts);
    let harness = harness.reopen();
    assert_eq!(harness.shard.status().segments, after.segments);
    assert_eq!(harness.read(kept), texts);
}

#[test]
fn what_little_is_needed_is_moved_and_read_as_it_was() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let (kept, dropped) = (harness.topic(tenant, "kept", &[]), harness.topic(tenant, "dropped", &[]));
    let mut texts = Vec::new();
    for number in 0..20 {
        texts.extend(fill(&harness, kept, number..number + 1));
        fill(&harness, dropped, 1000..1004);
    }
    let offset_at = |harness: &Harness| harness.shard.offset_at(kept, 0).unwrap();
    let (offsets, at) = (harness.shard.offsets(kept).unwrap(), offset_at(&harness));
    let before = segments(&harness);
    harness.wait(harness.shard.trim(dropped, 80_000, audit())).unwrap();
    give_back(&harness);
    assert!(!segments(&harness).contains(&before[1]), "{before:?} {:?}", segments(&harness));
    assert!(harness.shard.status().journal_bytes < 3 * SEGMENT);
    assert_eq!(harness.read(kept), texts);
    assert_eq!((harness.shard.offsets(kept).unwrap(), offset_at(&harness)), (offsets, at));
    let stored = harness.shard.tenant_by_id(tenant).unwrap().unwrap().stored_bytes;
    let quiet = segments(&harness);
    give_back(&harness);
    assert_eq!(segments(&harness), quiet, "and then there is peace");
    // Again, from where they are now; and after a power loss.
    let harness = harness.crash(|| false);
    assert_eq!(harness.read(kept), texts);
    assert_eq!(harness.shard.tenant_by_id(tenant).unwrap().unwrap().stored_bytes, stored);
}

#[test]
fn a_part_of_a_batch_is_found_where_it_was_moved_and_not_when_it_is_gone() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let (kept, dropped) = (harness.topic(tenant, "kept", &[]), harness.topic(tenant, "dropped", &[]));
    fill(&harness, kept, 0..2);
    fill(&harness, dropped, 1000..1080);
    let batch = harness.shard.fetch(kept, 0, 1).unwrap().batches.remove(0);
    let (length, crc) = (batch.bytes.len(), batch.crc);
    let part = |base_offset, crc, part: Range<usize>| {
        harness.shard.fetch_part(kept, base_offset, crc, &part).unwrap()
    };
    let is_there = || {
        for range in [0..1, 10..700, 700..length, 0..length] {
            assert_eq!(part(0, crc, range.clone()), Some(batch.bytes.slice(range)));
        }
    };
    is_there();
    assert_eq!(part(0, crc, length - 1..length + 1), None, "beyond its end");
    assert_eq!(part(0, crc + 1, 0..1), None, "another batch");
    assert_eq!(part(1000, crc, 0..1), None, "the one behind it");
    harness.wait(harness.shard.trim(dropped, 80_000, audit())).unwrap();
    let before = segments(&harness);
    give_back(&harness);
    assert!(!segments(&harness).contains(&before[0]), "it was moved");
    is_there();
    harness.wait(harness.shard.trim(kept, 1000, audit())).unwrap();
    assert_eq!(part(0, crc, 0..1), None, "trimmed");
    harness.wait(harness.shard.delete_topic(tenant, topic_name("kept"), audit())).unwrap();
    assert!(matches!(harness.shard.fetch_part(kept, 0, crc, &(0..1)), Err(StorageError::NoTopic)));
}

#[test]
fn a_batch_that_is_trimmed_while_it_is_moved_does_not_come_back() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let (kept, dropped) = (harness.topic(tenant, "kept", &[]), harness.topic(tenant, "dropped", &[]));
    fill(&harness, kept, 0..2);
    fill(&harness, dropped, 100..140);
    harness.wait(harness.shard.trim(dropped, 40_000, audit())).unwrap();
    let shard = harness.shard.clone();
    let lying = shard.lying_in(&[1].into(), &[], 1 << 20).unwrap();
    assert_eq!(lying.batches.len(), 2);
    harness.wait(harness.shard.trim(kept, 1000, audit())).unwrap();
    let (moved, damaged) = harness.wait(shard.relocate(tenant, lying.batches)).unwrap();
    assert_eq!((moved, damaged.len()), (1000, 0), "only the one that is still there");
    assert_eq!(harness.read(kept), [text(1, 1000)]);
}

#[test]
fn a_step_moves_few_batches_however_small_they_are() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let kept = harness.topic(tenant, "kept", &[]);
    for number in 0..65 {
        harness.append(kept, &text(number, 100), None).unwrap();
    }
    let all = segments(&harness).into_iter().collect();
    let first = harness.shard.lying_in(&all, &[], 1 << 20).unwrap();
    let behind = harness.shard.lying_in(&all, &first.next.unwrap(), 1 << 20).unwrap();
    assert_eq!((first.batches.len(), behind.batches.len(), behind.next), (64, 1, None));
    assert_eq!((first.bytes, behind.bytes), (64 * 228, 228), "with what a batch takes beside its bytes");
    let (moved, _) = harness.wait(harness.shard.relocate(tenant, first.batches)).unwrap();
    assert_eq!(moved, 6_400);
}

#[test]
fn what_recovery_needs_is_not_deleted_whoever_asks() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    fill(&harness, p, 0..20);
    let harness = harness.reopen();
    fill(&harness, p, 20..60);
    harness.wait(harness.shard.trim(p, 60_000, audit())).unwrap();
    let there = segments(&harness);
    let needed_from = harness.shard.flushed().unwrap().segment;
    assert!(there[0] < needed_from && needed_from < there[there.len() - 1]);
    let before = there.iter().filter(|id| **id < needed_from).count() as u64;
    let deleted = harness.wait(harness.shard.delete_segments(there.clone())).unwrap();
    assert_eq!(deleted, before);
    assert_eq!(harness.wait(harness.shard.delete_segments(there)).unwrap(), 0, "once is enough");
    let harness = harness.crash(|| false);
    assert_eq!(segments(&harness)[0], needed_from);
    assert_eq!(harness.append(p, "x", None).unwrap().base_offset, 60_000);
}

#[test]
fn segments_with_batches_of_open_transactions_wait() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let sequence =
        crate::transaction::TransactionSequence { session, number: 1, index: 0, timeout_ms: 60_000 };
    let batch = append(p, &text(7, 500), None);
    harness.wait(async { harness.shard.stage(batch, sequence).await?.await }).unwrap();
    fill(&harness, p, 0..40);
    harness.wait(harness.shard.trim(p, 40_000, audit())).unwrap();
    give_back(&harness);
    assert_eq!(segments(&harness)[0], 1, "the batch is not in the log yet");
    let commit = crate::transaction::TransactionCommit {
        session,
        number: 1,
        staged: 1,
        batches: Vec::new(),
        commits: Vec::new(),
        weight: 1,
    };
    harness.wait(harness.shard.commit_transaction(tenant, commit)).unwrap();
    assert_eq!(harness.read(p), [text(7, 500)]);
    give_back(&harness);
    assert!(segments(&harness)[0] > 1, "and now it is, it was moved");
    let harness = harness.crash(|| false);
    assert_eq!(harness.read(p), [text(7, 500)]);
}

#[test]
fn a_segment_with_a_damaged_batch_stays_and_is_told() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let (kept, dropped) = (harness.topic(tenant, "kept", &[]), harness.topic(tenant, "dropped", &[]));
    let texts = fill(&harness, kept, 0..2);
    fill(&harness, dropped, 100..140);
    harness.wait(harness.shard.trim(dropped, 40_000, audit())).unwrap();
    let row = harness.shard.lying_in(&[1].into(), &[], 1 << 20).unwrap().batches[0].2;
    harness.segments.damage(1, usize::try_from(row.position).unwrap(), |byte| *byte ^= 1);
    give_back(&harness);
    assert_eq!(segments(&harness)[0], 1);
    assert!(matches!(harness.shard.fetch(kept, 0, 100), Err(StorageError::Damaged { segment: 1, .. })));
    assert_eq!(harness.shard.fetch(kept, 1000, 100).unwrap().batches[0].bytes, texts[1].as_bytes());
}

#[test]
fn what_is_pinned_is_not_deleted() {
    let harness = Harness::with(settings());
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    fill(&harness, p, 0..40);
    harness.wait(harness.shard.trim(p, 40_000, audit())).unwrap();
    let before = segments(&harness);
    let pinned = harness.wait(harness.shard.inner.pins.pin());
    give_back(&harness);
    assert_eq!(segments(&harness), before);
    drop(pinned);
    give_back(&harness);
    assert_eq!(segments(&harness).len(), 1);
}

/// Says that it is over when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// C5, for segments: readers beside it, at any moment.
#[test]
fn readers_go_on_while_what_they_read_is_moved_and_deleted() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let (kept, dropped) = (harness.topic(tenant, "kept", &[]), harness.topic(tenant, "dropped", &[]));
    let texts = fill(&harness, kept, 0..30);
    let is_over = AtomicBool::new(false);
    let reads = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let shard = harness.shard.clone();
            let (texts, is_over, reads) = (&texts, &is_over, &reads);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    for (number, text) in texts.iter().enumerate() {
                        let fetched = shard.fetch(kept, number as u64 * 1000, 1);
                        let batches = fetched.map(|fetched| fetched.batches);
                        if batches.as_ref().map_or(true, |batches| batches[0].bytes != text.as_bytes()) {
                            is_over.store(true, Ordering::Relaxed);
                            panic!("{batches:?}");
                        }
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // Readers end when this does, also when it fails.
        let _over = Over(&is_over);
        let mut end = 0;
        for round in 0..40 {
            // All that is kept is in segments that have little else before long.
            fill(&harness, dropped, 0..15);
            end += 15_000;
            harness.wait(harness.shard.trim(dropped, end, audit())).unwrap();
            let all = segments(&harness).into_iter().collect();
            let mut from = Some(Vec::new());
            while let Some(key) = from {
                let lying = harness.shard.lying_in(&all, &key, 4096).unwrap();
                from = lying.next;
                harness.wait(harness.shard.relocate(tenant, lying.batches)).unwrap();
            }
            give_back(&harness);
            if is_over.load(Ordering::Relaxed) {
                panic!("a reader failed in round {round}");
            }
        }
    });
    assert!(reads.into_inner() > 100);
    assert!(segments(&harness)[0] > 30, "all were deleted that there had been");
}

/// Opens what is there, and gives why it does not open.
fn refused(segments: &Arc<MemorySegments>, directory: &std::path::Path) -> String {
    let opened = crate::shard::Shard::open_with(
        Arc::clone(segments),
        super::ID,
        directory,
        settings(),
        Arc::new(super::LetterCodec),
        Arc::<super::TestClock>::default(),
    );
    opened.err().expect("it must not open").to_string()
}

/// Stops gracefully.
fn close(harness: Harness) -> (Arc<MemorySegments>, tempfile::TempDir) {
    let Harness { segments, directory, shard, committer, .. } = harness;
    shard.stop();
    committer.into_inner().finish();
    drop(shard);
    (segments, directory)
}
