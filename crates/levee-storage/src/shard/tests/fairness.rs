//! Tenants beside each other: who waits for whom. Groups are counted, and no time.

use super::{Harness, append, topic_name};
use crate::catalog::NewTopic;
use crate::command::{Append, Appended};
use crate::error::StorageError;
use crate::settings::ShardSettings;
use levee_types::PartitionId;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const GROUP: u64 = 8192;

type Appending = Pin<Box<dyn Future<Output = Result<Appended, StorageError>>>>;

/// With room for 2 MiB in all.
fn harness() -> Harness {
    Harness::with(ShardSettings {
        segment_bytes: 1024 * 1024,
        group_bytes: GROUP,
        queue_bytes: 2 * 1024 * 1024,
        ..ShardSettings::default()
    })
}

fn partition(harness: &Harness, tenant: &str) -> PartitionId {
    harness.topic(harness.tenant(tenant), "orders", &[])
}

/// An append on its way, also when there is no room for it.
fn send(harness: &Harness, append: Append) -> Appending {
    let shard = harness.shard.clone();
    let mut sent: Appending = Box::pin(async move { shard.submit(append).await?.await });
    assert!(poll(&mut sent).is_pending());
    sent
}

fn sends(
    harness: &Harness,
    partition: PartitionId,
    weight: u32,
    bytes: usize,
    count: usize,
) -> Vec<Appending> {
    let text = "x".repeat(bytes);
    let each = || send(harness, Append { weight, ..append(partition, &text, None) });
    std::iter::repeat_with(each).take(count).collect()
}

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// How many of these are done. They must be done in their order.
fn done(sent: &mut Vec<Appending>) -> usize {
    let before = sent.len();
    let mut last = None;
    sent.retain_mut(|sent| match poll(sent) {
        Poll::Ready(result) => {
            let offset = Some(result.unwrap().base_offset);
            assert!(offset > last, "reordered");
            last = offset;
            false
        }
        Poll::Pending => true,
    });
    before - sent.len()
}

/// Lets the committer do what it takes at once, and gives how many syncs that took.
fn group(harness: &Harness) -> u64 {
    let before = harness.segments.syncs();
    let commands = harness.shard.inner.queue.take(Some(Duration::ZERO)).unwrap();
    harness.committer.borrow_mut().work(commands);
    harness.segments.syncs() - before
}

#[test]
fn a_light_tenant_waits_for_one_group_of_a_heavy_one_beside_that_which_is_written() {
    for bytes in [1, 1000, 5000, 100_000] {
        let harness = harness();
        let (heavy, light) = (partition(&harness, "heavy"), partition(&harness, "light"));
        let mut queued = sends(&harness, heavy, 10, bytes, 3000);
        assert_eq!(group(&harness), 1);
        let written = harness.shard.inner.queue.take(Some(Duration::ZERO)).unwrap();
        let mut sent = send(&harness, append(light, "abc", None));
        harness.committer.borrow_mut().work(written);
        assert!(poll(&mut sent).is_pending());
        // The group behind the one that was being written; after a batch of many groups it may be only begun.
        assert_eq!(group(&harness), 1);
        if poll(&mut sent).is_pending() {
            assert!(bytes as u64 > GROUP, "{bytes}");
            assert_eq!(group(&harness), 1);
            assert!(poll(&mut sent).is_ready(), "{bytes}");
        }
        assert!(done(&mut queued) > 0 && !queued.is_empty());
    }
}

#[test]
fn a_heavy_tenant_has_all_for_itself_when_it_is_alone() {
    let harness = harness();
    let heavy = partition(&harness, "heavy");
    let mut queued = sends(&harness, heavy, 1, 1000, 100);
    let mut groups = 0;
    while !queued.is_empty() {
        groups += group(&harness);
        assert!(done(&mut queued) > 0);
    }
    assert_eq!(groups, 100_u64.div_ceil(GROUP.div_ceil(1256)), "full groups, small as the weight is");
}

#[test]
fn many_tenants_share_by_weight() {
    let harness = harness();
    let weights = [1, 2, 5, 10, 10, 20, 50, 100];
    let partitions = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| partition(&harness, &format!("tenant-{n}")));
    let mut tenants = Vec::new();
    for (p, weight) in partitions.into_iter().zip(weights) {
        tenants.push(sends(&harness, p, weight, 200, 3000));
    }
    let mut served = vec![0; weights.len()];
    for _ in 0..200 {
        group(&harness);
        for (served, sent) in served.iter_mut().zip(&mut tenants) {
            *served += done(sent);
        }
    }
    assert!(tenants.iter().all(|left| !left.is_empty()), "somebody was done before: {served:?}");
    let (all, weight): (usize, u32) = (served.iter().sum(), weights.iter().sum());
    for (served, of) in served.iter().zip(weights) {
        let share = all as f64 * f64::from(of) / f64::from(weight);
        // Within a turn, and a batch.
        let turn = GROUP as f64 / 100.0 * f64::from(of) / 456.0;
        assert!((*served as f64 - share).abs() <= turn + 1.0, "weight {of}: {served} of {share}");
    }
}

#[test]
fn sessions_of_producers_win_no_turns_for_the_batches_behind_them() {
    let harness = harness();
    let (light, heavy) = (harness.tenant("light"), partition(&harness, "heavy"));
    let p = harness.topic(light, "orders", &[]);
    let shard = harness.shard.clone();
    let mut light_sent = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..500 {
        sessions.push(harness.ask(shard.init_producer(light, None)));
        light_sent.extend(sends(&harness, p, 1, 200, 4));
    }
    let mut heavy_sent = sends(&harness, heavy, 10, 200, 3000);
    let (mut of_light, mut of_heavy) = (0, 0);
    for _ in 0..100 {
        group(&harness);
        of_light += done(&mut light_sent);
        of_heavy += done(&mut heavy_sent);
    }
    assert!(!light_sent.is_empty() && !heavy_sent.is_empty(), "{of_light}, {of_heavy}");
    assert!(of_heavy >= 10 * of_light, "{of_light} of weight 1, {of_heavy} of weight 10");
}

#[test]
fn changes_of_the_catalog_by_one_tenant_do_not_hold_up_the_records_of_others() {
    let harness = harness();
    let (churning, light) = (harness.tenant("churning"), partition(&harness, "light"));
    let shard = harness.shard.clone();
    let create = |n: usize| {
        let topic = NewTopic { name: topic_name(&format!("t{n}")), partitions: 1, set: BTreeMap::new() };
        harness.ask(shard.create_topics(churning, vec![topic], super::audit()))
    };
    let mut queued: Vec<_> = (0..100).map(create).collect();
    group(&harness);
    let mut sent = send(&harness, append(light, "abc", None));
    assert!(group(&harness) <= 2, "the record, and a change behind it");
    assert!(poll(&mut sent).is_ready());
    let changed = queued.iter_mut().filter_map(|change| match poll(change) {
        Poll::Ready(made) => Some(made.unwrap().remove(0).is_ok()),
        Poll::Pending => None,
    });
    assert!((1..=3).contains(&changed.filter(|is_made| *is_made).count()));
}

#[test]
fn nothing_is_lost_or_reordered_when_the_shard_stops() {
    let harness = harness();
    let partitions = ["one", "two", "three"].map(|name| partition(&harness, name));
    let mut sent = Vec::new();
    for n in 0..2000 {
        for p in partitions {
            sent.push((p, n, send(&harness, append(p, &format!("{n:06}{}", "x".repeat(800)), None))));
        }
    }
    group(&harness);
    harness.shard.stop();
    while let Some(commands) = harness.shard.inner.queue.take(None) {
        harness.committer.borrow_mut().work(commands);
    }
    let mut kept = BTreeMap::new();
    for (p, n, mut sent) in sent {
        match poll(&mut sent) {
            Poll::Ready(Ok(_)) => kept.entry(p).or_insert_with(Vec::new).push(n),
            Poll::Ready(Err(StorageError::Stopping)) => {}
            other => panic!("{n}: {other:?}"),
        }
    }
    let harness = harness.reopen();
    for p in partitions {
        let found: Vec<usize> = harness.read(p).iter().map(|text| text[..6].parse().unwrap()).collect();
        assert_eq!(found, kept[&p]);
        assert!((1..2000).contains(&found.len()), "all or nothing had room: {}", found.len());
        assert!(found.iter().copied().eq(0..found.len()), "a hole: {found:?}");
    }
}

#[test]
fn an_append_that_is_dropped_while_it_waits_for_room_is_not_stored() {
    let harness = harness();
    let p = partition(&harness, "acme");
    let mut sent = sends(&harness, p, 10, 100_000, 20);
    let dropped = sent.split_off(15);
    drop(dropped);
    let last = send(&harness, append(p, "last", None));
    let last = harness.wait(last).unwrap();
    assert_eq!(done(&mut sent), 15);
    assert_eq!(last.base_offset, 15 * 100_000);
}
