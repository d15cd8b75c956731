//! Transactions: all or nothing, whatever crashes, comes late or comes twice.

mod ends;
mod groups;
mod model;

use super::{Harness, TestClock, append, audit};
use crate::command::{Append, Commit, ProducerSession};
use crate::error::StorageError;
use crate::fence::Fence;
use crate::segments::{MemorySegments, SegmentStore};
use crate::tail::{Cached, Wake};
use crate::transaction::{Staged, TransactionCommit, TransactionCommitted, TransactionSequence};
use levee_types::group::GroupKind;
use levee_types::{Durability, GroupId, GroupName, PartitionId, ProducerId, TenantId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const TIMEOUT_MS: u32 = 60_000;

/// A tenant with a producer and two partitions.
struct World {
    harness: Harness,
    tenant: TenantId,
    session: ProducerSession,
    partitions: [PartitionId; 2],
}

impl World {
    fn new() -> Self {
        Self::on(Harness::new())
    }

    fn on(harness: Harness) -> Self {
        let tenant = harness.tenant("acme");
        let first = harness.topic(tenant, "orders", &[]);
        let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
        Self { harness, tenant, session, partitions: [first, PartitionId { partition: 1, ..first }] }
    }

    fn with(self, harness: impl FnOnce(Harness) -> Harness) -> Self {
        Self { harness: harness(self.harness), ..self }
    }

    fn sequence(&self, number: u64, index: u32) -> TransactionSequence {
        TransactionSequence { session: self.session, number, index, timeout_ms: TIMEOUT_MS }
    }

    /// Stages a batch for one of the partitions.
    fn stage(&self, number: u64, index: u32, which: usize, text: &str) -> Result<bool, StorageError> {
        self.stage_as(self.sequence(number, index), self.partitions[which], text)
    }

    fn stage_as(
        &self,
        sequence: TransactionSequence,
        partition: PartitionId,
        text: &str,
    ) -> Result<bool, StorageError> {
        let shard = &self.harness.shard;
        let batch = append(partition, text, None);
        let staged = self.harness.wait(async { shard.stage(batch, sequence).await?.await });
        staged.map(|Staged { duplicate }| duplicate)
    }

    fn commit_of(&self, number: u64, staged: u32, inline: &[(usize, &str)]) -> TransactionCommit {
        let batch = |(which, text): &(usize, &str)| append(self.partitions[*which], text, None);
        TransactionCommit {
            session: self.session,
            number,
            staged,
            batches: inline.iter().map(batch).collect(),
            commits: Vec::new(),
            weight: 1,
        }
    }

    fn commit(
        &self,
        number: u64,
        staged: u32,
        inline: &[(usize, &str)],
    ) -> Result<TransactionCommitted, StorageError> {
        let commit = self.commit_of(number, staged, inline);
        self.harness.wait(self.harness.shard.commit_transaction(self.tenant, commit))
    }

    fn abort(&self, number: u64) -> Result<(), StorageError> {
        self.harness.wait(self.harness.shard.abort_transaction(self.tenant, self.session, number))
    }

    fn read(&self) -> [Vec<String>; 2] {
        self.partitions.map(|partition| self.harness.read(partition))
    }

    fn stored_bytes(&self) -> u64 {
        self.harness.shard.tenant_by_id(self.tenant).unwrap().unwrap().stored_bytes
    }
}

fn is_aborted<T>(result: Result<T, StorageError>) -> bool {
    result.is_err_and(|error| matches!(error, StorageError::TransactionAborted))
}

/// Nothing of it is left but what the producer's last transaction was.
fn nothing_is_staged(world: &World) -> bool {
    let shard = &world.harness.shard;
    world.harness.wait(shard.abort_expired_transactions(0)).unwrap().is_none()
}

#[test]
fn nobody_reads_a_transaction_before_its_commit_and_everybody_all_of_it_after() {
    let world = World::new();
    let before = world.stored_bytes();
    assert!(!world.stage(1, 0, 0, "abc").unwrap());
    assert!(!world.stage(1, 1, 1, "de").unwrap());
    assert!(!world.stage(1, 2, 0, "f").unwrap());
    world.harness.append(world.partitions[0], "xyz", None).unwrap();
    assert_eq!(world.read(), [vec!["xyz".to_owned()], vec![]]);
    assert_eq!(world.stored_bytes(), before + 3, "what is staged is not stored");
    world.harness.clock.0.store(1234, Ordering::Relaxed);
    let committed = world.commit(1, 3, &[(1, "gh"), (0, "i")]).unwrap();
    assert_eq!(committed.base_offsets, [3, 0, 6, 2, 7]);
    assert_eq!((committed.commit_time_ms, committed.duplicate), (1234, false));
    let all =
        [["xyz", "abc", "f", "i"].map(str::to_owned).to_vec(), ["de", "gh"].map(str::to_owned).to_vec()];
    assert_eq!(world.read(), all);
    assert_eq!(world.stored_bytes(), before + 12);
    assert!(nothing_is_staged(&world));
    assert_eq!(world.harness.shard.fetch(world.partitions[1], 0, 9).unwrap().batches[0].append_time_ms, 1234);
    // Durable when it is answered.
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.read(), all);
    assert_eq!(world.harness.append(world.partitions[1], "z", None).unwrap().base_offset, 4);
}

#[test]
fn staging_needs_no_sync_and_a_commit_one() {
    let world = World::new();
    let before = world.harness.segments.syncs();
    for index in 0..10 {
        world.stage(1, index, 0, "abc").unwrap();
    }
    assert_eq!(world.harness.segments.syncs(), before);
    world.commit(1, 10, &[]).unwrap();
    assert_eq!(world.harness.segments.syncs(), before + 1);
}

/// The journal as if all behind so many bytes of its first segment had never been written.
fn cut(segments: &MemorySegments, bytes: usize) -> MemorySegments {
    let cut = MemorySegments::default();
    let length = segments.length(1).unwrap();
    let mut all = Vec::new();
    segments.read(1, 0, usize::try_from(length).unwrap(), &mut all).unwrap();
    cut.create(1, length, &all[..bytes]).unwrap();
    cut
}

#[test]
fn t1_a_crash_leaves_all_of_a_transaction_or_nothing() {
    let world = World::new();
    let begin = world.harness.shard.status().journal_bytes;
    for (index, which) in [(0, 0), (1, 1), (2, 0)] {
        world.stage(1, index, which, "abc").unwrap();
    }
    world.commit(1, 3, &[(1, "de")]).unwrap();
    let end = world.harness.shard.status().journal_bytes;
    let World { harness, tenant, session, partitions } = world;
    let all = [vec!["abc".to_owned(), "abc".to_owned()], vec!["abc".to_owned(), "de".to_owned()]];
    let mut seen = [0, 0];
    // Where the entry of the commit is torn is of no matter, but that it may be torn anywhere.
    for bytes in (begin..end).step_by(37).chain([end]) {
        let segments = Arc::new(cut(&harness.segments, usize::try_from(bytes).unwrap()));
        let directory = tempfile::tempdir().unwrap();
        let harness =
            Harness::open(segments, directory, harness.settings.clone(), Arc::new(TestClock::default()));
        let world = World { harness, tenant, session, partitions };
        if world.commit(1, 3, &[(1, "de")]).is_ok_and(|committed| !committed.duplicate) {
            // All was staged, and the commit was torn off.
            seen[0] += 1;
            assert!(bytes < end);
        } else if bytes < end {
            seen[1] += 1;
            assert_eq!(world.read(), [Vec::<String>::new(), Vec::new()], "cut at {bytes}");
            assert!(nothing_is_staged(&world));
            assert_eq!(
                world.commit(2, 0, &[(0, "abc"), (1, "abc"), (0, "abc"), (1, "de")]).unwrap().base_offsets,
                [0, 0, 3, 3]
            );
        }
        assert_eq!(world.read(), all, "cut at {bytes}");
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn what_a_power_loss_takes_of_the_staged_batches_is_missed_at_the_commit() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    world.harness.append(world.partitions[1], "x", None).unwrap();
    world.stage(1, 1, 0, "de").unwrap();
    // The first one was synced with what came behind it.
    let world = world.with(|harness| harness.crash(|| false));
    assert!(matches!(
        world.stage(1, 2, 0, "f"),
        Err(StorageError::OutOfOrderBatch { index: 2, expected: 1 })
    ));
    assert!(is_aborted(world.commit(1, 2, &[(1, "y")])));
    assert!(is_aborted(world.commit(1, 1, &[])), "that was the end of it");
    assert_eq!(world.read(), [vec![], vec!["x".to_owned()]]);
    assert!(nothing_is_staged(&world));
    world.stage(2, 0, 0, "abc").unwrap();
    assert_eq!(world.commit(2, 1, &[]).unwrap().base_offsets, [0]);
}

#[test]
fn a_lost_transaction_is_not_committed_as_an_empty_one() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    let world = world.with(|harness| harness.crash(|| false));
    assert!(is_aborted(world.commit(1, 1, &[(1, "y")])));
    assert_eq!(world.read(), [Vec::<String>::new(), Vec::new()]);
    assert_eq!(world.commit(2, 0, &[(1, "y")]).unwrap().base_offsets, [0]);
}

#[test]
fn t2_a_late_message_of_a_transaction_never_joins_the_next_one() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    world.commit(1, 1, &[]).unwrap();
    world.stage(2, 0, 0, "de").unwrap();
    world.abort(2).unwrap();
    world.stage(3, 0, 0, "f").unwrap();
    // Everything of the first two again, as the network may deliver it.
    for number in [1, 2] {
        for index in 0..3 {
            assert!(world.stage(number, index, 0, "late").is_err());
        }
        assert!(world.commit(number, 0, &[(0, "late")]).is_err());
        assert!(world.commit(number, 1, &[]).is_err());
        assert!(world.abort(number).is_err());
    }
    assert!(matches!(
        world.stage(4, 0, 0, "early"),
        Err(StorageError::OutOfOrderTransaction { number: 4, expected: 3 })
    ));
    assert!(matches!(world.commit(4, 0, &[]), Err(StorageError::OutOfOrderTransaction { .. })));
    assert_eq!(world.commit(3, 1, &[]).unwrap().base_offsets, [3]);
    assert_eq!(world.read()[0], ["abc", "f"]);
    assert!(matches!(
        world.commit(5, 0, &[]),
        Err(StorageError::OutOfOrderTransaction { number: 5, expected: 4 })
    ));
}

#[test]
fn i3_after_an_abort_nothing_is_taken_for_a_repetition() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    assert!(world.stage(1, 0, 0, "abc").unwrap(), "a repetition");
    world.abort(1).unwrap();
    world.abort(1).unwrap();
    assert!(is_aborted(world.stage(1, 0, 0, "abc")));
    assert!(is_aborted(world.commit(1, 1, &[])));
    assert!(!world.stage(2, 0, 1, "de").unwrap(), "the same index of another transaction");
    assert_eq!(world.commit(2, 1, &[]).unwrap().base_offsets, [0]);
    assert_eq!(world.read(), [vec![], vec!["de".to_owned()]]);
}

#[test]
fn an_abort_is_durable_and_holds_for_what_was_not_begun() {
    let world = World::new();
    world.abort(1).unwrap();
    let world = world.with(|harness| harness.crash(|| false));
    assert!(is_aborted(world.stage(1, 0, 0, "late")));
    assert!(is_aborted(world.commit(1, 0, &[(0, "late")])));
    world.stage(2, 0, 0, "abc").unwrap();
    world.abort(2).unwrap();
    let world = world.with(|harness| harness.crash(|| false));
    assert!(is_aborted(world.commit(2, 1, &[])));
    assert!(nothing_is_staged(&world));
}

#[test]
fn t5_a_repeated_commit_is_answered_as_the_first_one_also_after_a_restart() {
    let mut world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    world.stage(1, 1, 1, "de").unwrap();
    let first = world.commit(1, 2, &[(0, "f")]).unwrap();
    assert_eq!(first.base_offsets, [0, 0, 3]);
    for _ in 0..3 {
        world.harness.clock.0.fetch_add(1, Ordering::Relaxed);
        let again = world.commit(1, 2, &[(0, "f")]).unwrap();
        assert_eq!(again, TransactionCommitted { duplicate: true, ..first.clone() });
        world = world.with(|harness| harness.crash(|| false));
    }
    assert_eq!(world.read(), [["abc", "f"].map(str::to_owned).to_vec(), vec!["de".to_owned()]]);
    assert!(matches!(world.abort(1), Err(StorageError::TransactionEnded { number: 1 })));
    assert!(matches!(world.stage(1, 2, 0, "late"), Err(StorageError::TransactionEnded { number: 1 })));
}

#[test]
fn another_batch_with_a_place_that_is_taken_is_refused() {
    let world = World::new();
    world.stage(1, 0, 0, "abc").unwrap();
    for (which, text) in [(0, "abd"), (0, "ab"), (1, "abc")] {
        assert!(matches!(world.stage(1, 0, which, text), Err(StorageError::Invalid(_))), "{text}");
    }
    assert_eq!(world.commit(1, 1, &[]).unwrap().base_offsets, [0]);
}

/// Counts how often it was told.
#[derive(Default)]
struct Told(AtomicU32);

impl Wake for Told {
    fn wake(&self, _: u32) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn followers_are_told_of_a_commit_and_find_all_of_it() {
    let world = World::new();
    let shard = world.harness.shard.clone();
    let told = Arc::new(Told::default());
    let subscribe =
        |which: usize| shard.subscribe(world.partitions[which], Arc::clone(&told) as Arc<dyn Wake>, 0);
    let subscriptions = [subscribe(0), subscribe(1)];
    world.harness.append(world.partitions[0], "x", None).unwrap();
    assert!(matches!(shard.fetch_cached(world.partitions[0], 0, 9), Cached::Batches(..)));
    let told_before = told.0.load(Ordering::Relaxed);
    world.stage(1, 0, 0, "abc").unwrap();
    world.stage(1, 1, 1, "de").unwrap();
    assert_eq!(told.0.load(Ordering::Relaxed), told_before, "there is nothing to read");
    assert!(matches!(shard.fetch_cached(world.partitions[0], 1, 9), Cached::AtEnd(1)));
    world.commit(1, 2, &[(1, "f")]).unwrap();
    assert_eq!(told.0.load(Ordering::Relaxed), told_before + 2);
    // What was staged is in the log; what came with the commit is in memory as well.
    assert!(matches!(shard.fetch_cached(world.partitions[0], 1, 9), Cached::Miss));
    assert!(matches!(shard.fetch_cached(world.partitions[0], 4, 9), Cached::AtEnd(4)));
    assert!(matches!(shard.fetch_cached(world.partitions[1], 0, 9), Cached::Miss));
    assert!(matches!(shard.fetch_cached(world.partitions[1], 2, 9), Cached::Batches(_, 3)));
    assert_eq!(
        world.read(),
        [["x", "abc"].map(str::to_owned).to_vec(), ["de", "f"].map(str::to_owned).to_vec()]
    );
    drop(subscriptions);
}

#[test]
fn the_durability_of_topics_does_not_matter_for_a_commit() {
    let world = World::new();
    let relaxed = Append { durability: Durability::Relaxed, ..append(world.partitions[0], "abc", None) };
    let commit = TransactionCommit { batches: vec![relaxed], ..world.commit_of(1, 0, &[]) };
    world.harness.wait(world.harness.shard.commit_transaction(world.tenant, commit)).unwrap();
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.read()[0], ["abc"]);
}

#[test]
fn t3_offsets_of_groups_are_committed_with_the_batches_or_not_at_all() {
    let world = World::new();
    let shard = world.harness.shard.clone();
    let group = |name: &str| {
        let name = GroupName::new(name).unwrap();
        world.harness.wait(shard.open_group(world.tenant, name, GroupKind::Consumers, audit())).unwrap().id
    };
    let (group, gone) = (group("copiers"), GroupId(99));
    let [input, output] = world.partitions;
    world.harness.append(input, "abcdef", None).unwrap();
    let (fence, closed) = (Fence::new(), Fence::new());
    closed.close();
    let at = |group, offset, fence: &Fence| Commit {
        group,
        partition: input,
        offset,
        ahead: Vec::new(),
        fence: fence.clone(),
    };
    let commit = |number, staged, commits: Vec<Commit>| {
        let commit = TransactionCommit { commits, ..world.commit_of(number, staged, &[(1, "x")]) };
        world.harness.wait(shard.commit_transaction(world.tenant, commit))
    };
    let progress =
        || shard.progress(world.tenant, group).unwrap().first().map(|(_, progress)| progress.offset);
    world.stage(1, 0, 1, "abc").unwrap();
    // One that is refused refuses all, wherever it stands.
    for good in [vec![], vec![at(group, 2, &fence)]] {
        let with = |bad| good.iter().cloned().chain([bad]).collect();
        assert!(matches!(commit(1, 1, with(at(group, 2, &closed))), Err(StorageError::MemberFenced)));
        assert!(matches!(commit(1, 1, with(at(gone, 2, &fence))), Err(StorageError::NoGroup)));
        let beyond = commit(1, 1, with(at(group, 7, &fence)));
        assert!(matches!(beyond, Err(StorageError::OffsetOutOfRange { .. })));
        let foreign = PartitionId { tenant: TenantId(99), ..input };
        let foreign = Commit { partition: foreign, ..at(group, 2, &fence) };
        assert!(matches!(commit(1, 1, with(foreign)), Err(StorageError::NoTopic)));
        assert_eq!((progress(), world.harness.read(output)), (None, vec![]));
    }
    commit(1, 1, vec![at(group, 3, &fence), at(group, 2, &fence)]).unwrap();
    assert_eq!((progress(), world.harness.read(output).len()), (Some(3), 2));
    // What was lost in a crash takes its offsets along.
    world.stage(2, 0, 1, "de").unwrap();
    assert!(is_aborted(commit(2, 2, vec![at(group, 5, &fence)])));
    assert_eq!((progress(), world.harness.read(output).len()), (Some(3), 2));
    commit(3, 0, vec![at(group, 1, &fence)]).expect("it is behind, which changes nothing");
    fence.close();
    commit(3, 0, vec![at(group, 6, &fence)])
        .expect("a repetition is answered also when the partition is gone");
    assert_eq!((progress(), world.harness.read(output).len()), (Some(3), 3));
    drop(shard);
    let world = world.with(|harness| harness.crash(|| false));
    let shard = &world.harness.shard;
    let progress = shard.progress(world.tenant, group).unwrap();
    assert_eq!((progress[0].1.offset, world.harness.read(output).len()), (3, 3));
}

#[test]
fn sessions_of_others_have_no_transactions() {
    let mut world = World::new();
    let other = world.harness.tenant("other");
    world.stage(1, 0, 0, "abc").unwrap();
    let commit = world.commit_of(1, 1, &[]);
    let foreign = world.harness.wait(world.harness.shard.commit_transaction(other, commit));
    assert!(matches!(foreign, Err(StorageError::UnknownProducer)));
    let foreign = world.harness.wait(world.harness.shard.abort_transaction(other, world.session, 1));
    assert!(matches!(foreign, Err(StorageError::UnknownProducer)));
    let mine = world.session;
    for session in
        [ProducerSession { epoch: 7, ..mine }, ProducerSession { producer: ProducerId(99), epoch: 0 }]
    {
        world.session = session;
        assert!(matches!(world.stage(1, 1, 0, "x"), Err(StorageError::UnknownProducer)));
        assert!(matches!(world.commit(1, 1, &[]), Err(StorageError::UnknownProducer)));
        assert!(matches!(world.abort(1), Err(StorageError::UnknownProducer)));
    }
    world.session = mine;
    assert_eq!(world.commit(1, 1, &[]).unwrap().base_offsets, [0]);
}
