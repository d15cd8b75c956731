//! Groups: how far they have come is as durable as records, goes back by a seek only, and is refused to whoever lost
//! the partition.

use super::{Harness, append, audit};
use crate::catalog::groups::{Group, Progress};
use crate::command::Commit;
use crate::committer::QuotaChange;
use crate::error::StorageError;
use crate::fence::Fence;
use crate::keys::QuotaPart;
use levee_types::group::{Ahead, AheadState, GroupKind, QueueSettings, StartAt};
use levee_types::quota::{Dimension, Quota};
use levee_types::{GroupName, PartitionId, TenantId, TopicName};

fn name(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

fn open(harness: &Harness, tenant: TenantId, group: &str) -> Result<Group, StorageError> {
    harness.wait(harness.shard.open_group(tenant, name(group), GroupKind::Consumers, audit()))
}

/// A group, and a partition with six records.
fn billing() -> (Harness, PartitionId, Group) {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let partition = harness.topic(tenant, "orders", &[]);
    harness.append(partition, "abcdef", None).unwrap();
    let group = open(&harness, tenant, "billing").unwrap();
    (harness, partition, group)
}

fn at(group: &Group, partition: PartitionId, offset: u64, fence: &Fence) -> Commit {
    Commit { group: group.id, partition, offset, ahead: Vec::new(), fence: fence.clone() }
}

fn commit(harness: &Harness, commit: Commit) -> Result<(), StorageError> {
    let tenant = commit.partition.tenant;
    harness.wait(harness.shard.commit(tenant, vec![commit])).unwrap().remove(0)
}

/// What is committed: as it is decided on, and as it is read.
fn committed(harness: &Harness, group: &Group, partition: PartitionId) -> Option<u64> {
    let in_turn = harness.shard.progress_in_turn(partition.tenant, group.id, vec![partition]);
    let in_turn = harness.wait(in_turn).unwrap().remove(0);
    let read = harness.shard.progress(partition.tenant, group.id).unwrap();
    let read = read.into_iter().find(|(id, _)| *id == partition).map(|(_, progress)| progress);
    assert_eq!(in_turn, read);
    read.map(|progress| progress.offset)
}

#[test]
fn a_group_is_made_once_and_told_by_its_name() {
    let harness = Harness::new();
    let (tenant, other) = (harness.tenant("acme"), harness.tenant("other"));
    let group = open(&harness, tenant, "billing").unwrap();
    assert_eq!(open(&harness, tenant, "billing").unwrap(), group);
    assert_eq!(harness.shard.group(tenant, &name("billing")).unwrap(), Some(group.clone()));
    assert_eq!(harness.shard.group(other, &name("billing")).unwrap(), None);
    let settings = QueueSettings {
        topics: vec![TopicName::new("jobs").unwrap()],
        max_deliveries: 7,
        dead_letter_topic: Some(TopicName::new("dead").unwrap()),
        ordered_by_key: true,
        start: StartAt::TimestampMs(5),
    };
    let queue = GroupKind::Queue(settings);
    let made = harness.wait(harness.shard.open_group(tenant, name("jobs"), queue.clone(), audit())).unwrap();
    assert_eq!(made.kind, queue);
    let again = harness.wait(harness.shard.open_group(tenant, name("billing"), queue, audit())).unwrap();
    assert_eq!(again, group, "the one that is there, of whatever kind");
    let harness = harness.reopen();
    let page = harness.shard.list_groups(tenant, "", None, 1).unwrap();
    assert_eq!((page.items, page.next.as_deref()), (vec![group], Some("billing")));
    let page = harness.shard.list_groups(tenant, "", Some("billing"), 10).unwrap();
    assert_eq!((page.items, page.next), (vec![made], None));
    assert_eq!(harness.shard.list_groups(tenant, "x", None, 10).unwrap().items, []);
}

#[test]
fn a_deleted_group_is_gone_and_its_id_is_not_used_again() {
    let (harness, p, group) = billing();
    let kept = open(&harness, p.tenant, "kept").unwrap();
    for group in [&group, &kept] {
        commit(&harness, at(group, p, 2, &Fence::new())).unwrap();
    }
    harness.wait(harness.shard.delete_group(p.tenant, name("billing"), audit())).unwrap();
    let refused = commit(&harness, at(&group, p, 3, &Fence::new()));
    assert!(matches!(refused, Err(StorageError::NoGroup)), "{refused:?}");
    let gone = harness.wait(harness.shard.delete_group(p.tenant, name("billing"), audit()));
    assert!(matches!(gone, Err(StorageError::NoGroup)), "{gone:?}");
    let again = open(&harness, p.tenant, "billing").unwrap();
    assert_ne!(again.id, group.id);
    assert_eq!(committed(&harness, &again, p), None);
    assert_eq!(committed(&harness, &kept, p), Some(2));
    assert_eq!(harness.shard.progress(p.tenant, group.id).unwrap(), []);
}

#[test]
fn the_quota_of_groups_is_exact_and_of_one_tenant() {
    let harness = Harness::new();
    let (tenant, other) = (harness.tenant("acme"), harness.tenant("other"));
    let quota = Quota { limit: Some(2), ..Quota::default() };
    let change = QuotaChange { set: vec![(Dimension::Groups, quota)], unset: Vec::new() };
    harness.wait(harness.shard.set_quotas(tenant, QuotaPart::Tenant, change, audit())).unwrap();
    open(&harness, tenant, "a").unwrap();
    open(&harness, tenant, "b").unwrap();
    let refused = open(&harness, tenant, "c").unwrap_err().to_string();
    assert!(refused.contains("at its limit of 2 groups"), "{refused}");
    open(&harness, tenant, "a").expect("it is there");
    open(&harness, other, "c").unwrap();
    harness.wait(harness.shard.delete_group(tenant, name("a"), audit())).unwrap();
    open(&harness, tenant, "c").unwrap();
}

#[test]
fn g1_a_commit_never_goes_back_and_a_seek_does() {
    let (harness, p, group) = billing();
    let fence = Fence::new();
    assert_eq!(committed(&harness, &group, p), None);
    for (offset, expected) in [(0, 0), (4, 4), (3, 4), (4, 4), (6, 6)] {
        commit(&harness, at(&group, p, offset, &fence)).unwrap();
        assert_eq!(committed(&harness, &group, p), Some(expected));
    }
    let beyond = commit(&harness, at(&group, p, 7, &fence));
    assert!(
        matches!(beyond, Err(StorageError::OffsetOutOfRange { offset: 7, start: 0, end: 6 })),
        "{beyond:?}"
    );
    let seek =
        |offset| harness.wait(harness.shard.seek_group(p.tenant, group.id, vec![(p, offset)], audit()));
    assert!(matches!(seek(7), Err(StorageError::OffsetOutOfRange { .. })));
    seek(1).unwrap();
    assert_eq!(committed(&harness, &group, p), Some(1));
    commit(&harness, at(&group, p, 2, &fence)).unwrap();
    let harness = harness.reopen();
    assert_eq!(committed(&harness, &group, p), Some(2));
    commit(&harness, at(&group, p, 1, &fence)).unwrap();
    assert_eq!(committed(&harness, &group, p), Some(2), "also when it was read anew");
}

#[test]
fn g3_behind_a_closed_fence_nothing_is_committed_however_long_it_was_on_its_way() {
    let (harness, p, group) = billing();
    let (old, new) = (Fence::new(), Fence::new());
    let before = harness.ask(harness.shard.commit(p.tenant, vec![at(&group, p, 1, &old)]));
    assert!(harness.wait(before).unwrap()[0].is_ok());
    let on_its_way = harness.ask(harness.shard.commit(p.tenant, vec![at(&group, p, 3, &old)]));
    old.close();
    let read = harness.ask(harness.shard.progress_in_turn(p.tenant, group.id, vec![p]));
    let progress = harness.wait(read).unwrap().remove(0).unwrap();
    assert_eq!(progress.offset, 1);
    let refused = harness.wait(on_its_way).unwrap().remove(0);
    assert!(matches!(refused, Err(StorageError::MemberFenced)), "{refused:?}");
    commit(&harness, at(&group, p, 2, &new)).unwrap();
    assert_eq!(committed(&harness, &group, p), Some(2));
}

#[test]
fn what_is_read_in_turn_has_every_commit_before_it() {
    let (harness, p, group) = billing();
    let fence = Fence::new();
    let committing = harness.ask(harness.shard.commit(p.tenant, vec![at(&group, p, 5, &fence)]));
    let reading = harness.ask(harness.shard.progress_in_turn(p.tenant, group.id, vec![p]));
    let progress = harness.wait(reading).unwrap().remove(0);
    assert_eq!(progress.map(|progress| progress.offset), Some(5));
    assert!(harness.wait(committing).unwrap()[0].is_ok());
}

#[test]
fn commits_of_one_call_stand_each_for_itself() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let q = PartitionId { partition: 1, ..p };
    let absent = PartitionId { partition: 2, ..p };
    harness.append(p, "abc", None).unwrap();
    harness.append(q, "abc", None).unwrap();
    let group = open(&harness, tenant, "billing").unwrap();
    let closed = Fence::new();
    closed.close();
    let fence = Fence::new();
    let commits = vec![
        at(&group, p, 4, &fence),
        at(&group, absent, 0, &fence),
        at(&group, p, 1, &closed),
        at(&group, q, 3, &fence),
    ];
    let results = harness.wait(harness.shard.commit(tenant, commits)).unwrap();
    assert!(matches!(
        results[..],
        [
            Err(StorageError::OffsetOutOfRange { .. }),
            Err(StorageError::NoTopic),
            Err(StorageError::MemberFenced),
            Ok(())
        ]
    ));
    assert_eq!(committed(&harness, &group, p), None);
    assert_eq!(committed(&harness, &group, q), Some(3));
}

#[test]
fn another_tenant_commits_nothing_here() {
    let harness = Harness::new();
    let (tenant, other) = (harness.tenant("acme"), harness.tenant("other"));
    let p = harness.topic(tenant, "orders", &[]);
    harness.append(p, "abc", None).unwrap();
    let group = open(&harness, tenant, "billing").unwrap();
    let foreign = harness.wait(harness.shard.commit(other, vec![at(&group, p, 1, &Fence::new())]));
    assert!(matches!(foreign.unwrap()[0], Err(StorageError::NoTopic)));
    assert_eq!(committed(&harness, &group, p), None);
}

#[test]
fn g2_an_acknowledged_commit_survives_a_power_loss_also_of_a_relaxed_topic() {
    for durability in ["durable", "relaxed"] {
        let harness = Harness::new();
        let tenant = harness.tenant("acme");
        let p = harness.topic(tenant, "orders", &[("durability", durability)]);
        harness.append(p, "abc", None).unwrap();
        let group = open(&harness, tenant, "billing").unwrap();
        commit(&harness, at(&group, p, 2, &Fence::new())).unwrap();
        let harness = harness.crash(|| false);
        assert_eq!(committed(&harness, &group, p), Some(2), "{durability}");
    }
}

#[test]
fn what_a_queue_knows_ahead_comes_back_as_it_was() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "jobs", &[]);
    harness.append(p, "abcdefghij", None).unwrap();
    let group = open(&harness, tenant, "work").unwrap();
    let fence = Fence::new();
    let ahead = vec![
        Ahead { first: 3, records: 2, state: AheadState::Done },
        Ahead { first: 5, records: 1, state: AheadState::Delivered(4) },
        Ahead { first: 8, records: 2, state: AheadState::Done },
    ];
    let with = |offset, ahead: &[Ahead]| Commit { ahead: ahead.to_vec(), ..at(&group, p, offset, &fence) };
    commit(&harness, with(2, &ahead)).unwrap();
    commit(&harness, with(1, &[])).unwrap();
    let harness = harness.crash(|| false);
    let progress = harness.shard.progress(tenant, group.id).unwrap().remove(0).1;
    assert_eq!(progress, Progress { offset: 2, committed_ms: 0, ahead: ahead.clone() });
    commit(&harness, with(2, &ahead[..1])).unwrap();
    assert_eq!(harness.shard.progress(tenant, group.id).unwrap()[0].1.ahead, ahead[..1]);
    let beyond = Ahead { first: 9, records: 2, state: AheadState::Done };
    let refused = commit(&harness, with(2, &[beyond]));
    assert!(matches!(refused, Err(StorageError::OffsetOutOfRange { offset: 11, .. })), "{refused:?}");
}

#[test]
fn a_dead_record_is_moved_and_done_at_once_or_neither() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let jobs = harness.topic(tenant, "jobs", &[]);
    let dead = harness.topic(tenant, "dead", &[("durability", "relaxed")]);
    harness.append(jobs, "abc", None).unwrap();
    let group = open(&harness, tenant, "work").unwrap();
    let fence = Fence::new();
    let give_up = |text, commit| harness.wait(harness.shard.commit_dead(append(dead, text, None), commit));
    let refused = give_up("x", at(&group, jobs, 4, &fence));
    assert!(matches!(refused, Err(StorageError::OffsetOutOfRange { .. })), "{refused:?}");
    assert_eq!(harness.read(dead), [""; 0]);
    let moved = give_up("a", at(&group, jobs, 1, &fence)).unwrap();
    assert_eq!(moved.base_offset, 0);
    fence.close();
    let refused = give_up("x", at(&group, jobs, 2, &fence));
    assert!(matches!(refused, Err(StorageError::MemberFenced)), "{refused:?}");
    let harness = harness.crash(|| false);
    assert_eq!(harness.read(dead), ["a"]);
    assert_eq!(committed(&harness, &group, jobs), Some(1));
}

#[test]
fn with_a_topic_goes_what_was_committed_of_it() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let (p, kept) = (harness.topic(tenant, "orders", &[]), harness.topic(tenant, "kept", &[]));
    let group = open(&harness, tenant, "billing").unwrap();
    for partition in [p, kept] {
        harness.append(partition, "abc", None).unwrap();
        commit(&harness, at(&group, partition, 2, &Fence::new())).unwrap();
    }
    let orders = TopicName::new("orders").unwrap();
    harness.wait(harness.shard.delete_topic(tenant, orders, audit())).unwrap();
    let left = harness.shard.progress(tenant, group.id).unwrap();
    assert_eq!(left.iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), [kept]);
    let late = commit(&harness, at(&group, p, 3, &Fence::new()));
    assert!(matches!(late, Err(StorageError::NoTopic)), "{late:?}");
}

#[test]
fn commits_share_a_sync() {
    let (harness, p, group) = billing();
    let fence = Fence::new();
    let before = harness.segments.syncs();
    let commits: Vec<_> = (1..=6)
        .map(|offset| harness.ask(harness.shard.commit(p.tenant, vec![at(&group, p, offset, &fence)])))
        .collect();
    for commit in commits {
        assert!(harness.wait(commit).unwrap()[0].is_ok());
    }
    assert_eq!(harness.segments.syncs() - before, 1);
    assert_eq!(committed(&harness, &group, p), Some(6));
}
