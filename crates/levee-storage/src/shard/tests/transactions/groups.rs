//! Commands of transactions in one group with others, and what comes twice within it.

use super::super::append;
use super::{World, is_aborted};
use crate::error::StorageError;
use crate::transaction::{Staged, TransactionSequence};

impl World {
    /// Stages a batch, without waiting for it.
    fn ask_to_stage(
        &self,
        sequence: TransactionSequence,
        which: usize,
        text: &str,
    ) -> impl Future<Output = Result<Staged, StorageError>> + use<> {
        let (shard, batch) = (self.harness.shard.clone(), append(self.partitions[which], text, None));
        async move { shard.stage(batch, sequence).await?.await }
    }
}

#[test]
fn commits_of_many_producers_share_a_sync_with_what_else_there_is() {
    let world = World::new();
    let (harness, shard) = (&world.harness, world.harness.shard.clone());
    let mut others = Vec::new();
    for _ in 0..5 {
        let session = harness.wait(shard.init_producer(world.tenant, None)).unwrap();
        let sequence = TransactionSequence { session, ..world.sequence(1, 0) };
        world.stage_as(sequence, world.partitions[0], "abc").unwrap();
        others.push(session);
    }
    let before = harness.segments.syncs();
    let batch = append(world.partitions[0], "x", None);
    let appended = harness.ask(async { shard.submit(batch).await?.await });
    let commits = others.into_iter().map(|session| {
        let commit = crate::TransactionCommit { session, ..world.commit_of(1, 1, &[]) };
        harness.ask(shard.commit_transaction(world.tenant, commit))
    });
    let commits: Vec<_> = commits.collect();
    assert_eq!(harness.wait(appended).unwrap().base_offset, 0);
    for (n, commit) in commits.into_iter().enumerate() {
        assert_eq!(harness.wait(commit).unwrap().base_offsets, [1 + 3 * n as u64]);
    }
    assert_eq!(harness.segments.syncs(), before + 1);
    assert_eq!(world.read()[0].len(), 6);
}

#[test]
fn a_transaction_that_comes_at_once_is_committed_as_one_that_comes_bit_by_bit() {
    let world = World::new();
    let (harness, shard) = (&world.harness, world.harness.shard.clone());
    let staged = [(0, 0, "abc"), (1, 1, "de"), (1, 1, "de"), (2, 0, "f")]
        .map(|(index, which, text)| harness.ask(world.ask_to_stage(world.sequence(1, index), which, text)));
    let ask = |number, count, inline| {
        harness.ask(shard.commit_transaction(world.tenant, world.commit_of(number, count, inline)))
    };
    let commit = ask(1, 3, &[(1, "gh")]);
    let again = ask(1, 3, &[(1, "gh")]);
    let next = harness.ask(world.ask_to_stage(world.sequence(2, 0), 0, "i"));
    let late = harness.ask(world.ask_to_stage(world.sequence(1, 3), 0, "late"));
    let aborted = harness.ask(shard.abort_transaction(world.tenant, world.session, 2));
    let too_late = ask(2, 1, &[]);
    let inline = ask(3, 0, &[(0, "j")]);
    assert_eq!(staged.map(|staged| harness.wait(staged).unwrap().duplicate), [false, false, true, false]);
    let (commit, again) = (harness.wait(commit).unwrap(), harness.wait(again).unwrap());
    assert_eq!(commit.base_offsets, [0, 0, 3, 2]);
    assert_eq!((&again.base_offsets, commit.duplicate, again.duplicate), (&commit.base_offsets, false, true));
    assert!(!harness.wait(next).unwrap().duplicate);
    assert!(harness.wait(late).is_err());
    harness.wait(aborted).unwrap();
    assert!(is_aborted(harness.wait(too_late)));
    assert_eq!(harness.wait(inline).unwrap().base_offsets, [4]);
    let all = [["abc", "f", "j"].map(str::to_owned).to_vec(), ["de", "gh"].map(str::to_owned).to_vec()];
    assert_eq!(world.read(), all);
    drop(shard);
    let world = world.with(|harness| harness.crash(|| false));
    assert_eq!(world.read(), all);
    // From here on the rows are all there is: they are what the memory was.
    assert!(matches!(world.stage(3, 0, 0, "x"), Err(StorageError::TransactionEnded { number: 3 })));
    assert!(!world.stage(4, 0, 0, "x").unwrap());
}

#[test]
fn an_epoch_that_begins_in_the_group_ends_what_was_staged_in_it() {
    let world = World::new();
    let (harness, shard) = (&world.harness, world.harness.shard.clone());
    let staged = harness.ask(world.ask_to_stage(world.sequence(1, 0), 0, "abc"));
    let other = harness.ask(shard.init_producer(world.tenant, Some(world.session.producer)));
    let commit = harness.ask(shard.commit_transaction(world.tenant, world.commit_of(1, 1, &[])));
    harness.wait(staged).unwrap();
    let session = harness.wait(other).unwrap();
    assert!(matches!(harness.wait(commit), Err(StorageError::ProducerFenced { .. })));
    drop(shard);
    let mut world = world.with(|harness| harness.crash(|| false));
    world.session = session;
    assert!(super::nothing_is_staged(&world));
    assert!(!world.stage(1, 0, 0, "de").unwrap());
    assert_eq!(world.commit(1, 1, &[]).unwrap().base_offsets, [0]);
    assert_eq!(world.read()[0], ["de"]);
}
