//! What is too old or too much goes, and nothing else.

mod model;

use super::{Harness, append, audit, topic_name};
use crate::catalog::tenants::{Suspension, TenantChange};
use crate::catalog::{NewTopic, TopicChange};
use crate::error::StorageError;
use crate::maintenance::{Maintenance, Upkeep};
use crate::retention::Retention;
use crate::settings::ShardSettings;
use levee_types::topic::Properties;
use levee_types::{PartitionId, TenantId, TenantName};
use std::sync::atomic::Ordering;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn properties(set: &[(&str, &str)]) -> Properties {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Harness {
    fn with_defaults(set: &[(&str, &str)]) -> Self {
        Self::with(ShardSettings {
            segment_bytes: 256 * 1024,
            topic_defaults: properties(set),
            ..ShardSettings::default()
        })
    }

    /// One look by a broker that has just started.
    fn look(&self) {
        let (mut maintenance, _stop) = Maintenance::new(self.shard.clone(), Upkeep::Records);
        self.wait(maintenance.remove_expired()).unwrap();
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn append_at(&self, partition: PartitionId, text: &str, timestamp_ms: i64) {
        let append =
            crate::command::Append { max_timestamp_ms: Some(timestamp_ms), ..append(partition, text, None) };
        self.wait(async { self.shard.submit(append).await?.await }).unwrap();
    }

    fn change_tenant(&self, name: &str, change: TenantChange) {
        self.wait(self.shard.update_tenant(TenantName::new(name).unwrap(), change, audit())).unwrap();
    }

    fn stored(&self, tenant: TenantId) -> u64 {
        self.shard.tenant_by_id(tenant).unwrap().unwrap().stored_bytes
    }
}

#[test]
fn old_batches_go_to_the_millisecond() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[("retention.ms", "1000")]);
    harness.pass(HOUR_MS);
    harness.append(p, "ab", None).unwrap();
    harness.pass(1);
    harness.append(p, "c", None).unwrap();
    harness.pass(999);
    harness.look();
    assert_eq!(harness.read(p), ["ab", "c"], "as old as it may be");
    harness.pass(1);
    harness.look();
    assert_eq!(harness.read(p), ["c"]);
    let offsets = harness.shard.offsets(p).unwrap();
    assert_eq!((offsets.start, offsets.end, offsets.stored_bytes), (2, 3, 1));
    assert_eq!(harness.stored(tenant), 1);
    assert!(matches!(harness.shard.fetch(p, 0, 100), Err(StorageError::OffsetOutOfRange { start: 2, .. })));
    harness.pass(1);
    harness.look();
    assert_eq!(harness.read(p), Vec::<String>::new(), "the last one as well");
    assert_eq!(harness.append(p, "d", None).unwrap().base_offset, 3);
    let harness = harness.crash(|| false);
    assert_eq!(harness.shard.offsets(p).unwrap().start, 3);
}

#[test]
fn timestamps_count_but_hold_nothing_up() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[("retention.ms", "3600000")]);
    harness.pass(100 * HOUR_MS);
    let now = 100 * HOUR_MS;
    harness.append_at(p, "a", now - 2 * HOUR_MS);
    harness.append_at(p, "b", now + 1000 * HOUR_MS);
    harness.append_at(p, "c", now - 2 * HOUR_MS);
    harness.look();
    assert_eq!(harness.read(p), ["b", "c"], "only what nothing younger comes before");
    harness.pass(HOUR_MS + 1);
    harness.look();
    assert_eq!(harness.read(p), Vec::<String>::new());
}

#[test]
fn what_was_appended_by_a_wrong_clock_goes_with_what_is_behind_it() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[("retention.ms", "3600000")]);
    harness.pass(HOUR_MS);
    harness.clock.1.store(1000 * HOUR_MS, Ordering::Relaxed);
    harness.append(p, "a", None).unwrap();
    harness.clock.1.store(0, Ordering::Relaxed);
    harness.pass(1);
    harness.append(p, "b", None).unwrap();
    harness.pass(HOUR_MS);
    harness.look();
    assert_eq!(harness.read(p), ["a", "b"]);
    harness.pass(1);
    harness.look();
    assert_eq!(harness.read(p), Vec::<String>::new());
}

#[test]
fn what_is_too_much_goes_but_for_the_last_batch() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[("retention.bytes", "5")]);
    for text in ["aa", "bb", "c"] {
        harness.append(p, text, None).unwrap();
    }
    harness.look();
    assert_eq!(harness.read(p), ["aa", "bb", "c"], "it is as much as it may be");
    harness.append(p, "d", None).unwrap();
    harness.look();
    assert_eq!(harness.read(p), ["bb", "c", "d"]);
    harness.append(p, "much too much", None).unwrap();
    harness.look();
    assert_eq!(harness.read(p), ["much too much"]);
    harness.look();
    assert_eq!(harness.read(p), ["much too much"]);
    assert_eq!(harness.stored(tenant), 13);
}

#[test]
fn the_nearest_layer_says_how_long() {
    let harness = Harness::with_defaults(&[("retention.ms", "3000")]);
    let (acme, apex) = (harness.tenant("acme"), harness.tenant("apex"));
    let tenants = properties(&[("retention.ms", "2000")]);
    let change = TenantChange { set_topic_defaults: tenants, ..TenantChange::default() };
    harness.change_tenant("acme", change);
    assert_eq!(
        harness.shard.tenant_by_id(acme).unwrap().unwrap().topic_defaults,
        properties(&[("retention.ms", "2000")])
    );
    let topics = [
        harness.topic(acme, "own", &[("retention.ms", "1000")]),
        harness.topic(acme, "tenants", &[]),
        harness.topic(apex, "servers", &[]),
        harness.topic(apex, "unlimited", &[("retention.ms", "-1")]),
        harness.topic(apex, "both", &[("cleanup.policy", "delete")]),
    ];
    for partition in topics {
        harness.append(partition, "a", None).unwrap();
    }
    let left = |ms: i64| {
        harness.pass(ms);
        harness.look();
        topics.map(|partition| harness.read(partition).len())
    };
    assert_eq!(left(1000), [1; 5]);
    assert_eq!(left(1), [0, 1, 1, 1, 1]);
    assert_eq!(left(1000), [0, 0, 1, 1, 1]);
    assert_eq!(left(1000), [0, 0, 0, 1, 0]);

    // Back to what the server says.
    let unset = vec!["retention.ms".to_owned()];
    let change = TenantChange { unset_topic_defaults: unset, ..TenantChange::default() };
    harness.change_tenant("acme", change);
    harness.append(topics[1], "b", None).unwrap();
    assert_eq!(left(3000)[1], 1);
    assert_eq!(left(1)[1], 0);
}

#[test]
fn tables_and_tenants_that_are_closed_keep_everything() {
    let harness = Harness::with_defaults(&[("retention.ms", "1000"), ("retention.bytes", "1")]);
    let names = ["active", "readonly", "frozen", "deleting"];
    let tenants = names.map(|name| harness.tenant(name));
    let partitions = tenants.map(|tenant| harness.topic(tenant, "orders", &[]));
    let table = harness.topic(tenants[0], "table", &[("cleanup.policy", "compact")]);
    for partition in partitions.into_iter().chain([table]) {
        for text in ["a", "b"] {
            let keys = (partition == table).then(|| crate::keyed::KeysBuilder::default().finish());
            let append = crate::command::Append { keys, ..append(partition, text, None) };
            harness.wait(async { harness.shard.submit(append).await?.await }).unwrap();
        }
    }
    let suspend = |name, suspension| {
        let change = TenantChange { suspension: Some(suspension), ..TenantChange::default() };
        harness.change_tenant(name, change);
    };
    suspend("readonly", Suspension::ReadOnly);
    suspend("frozen", Suspension::Frozen);
    harness
        .wait(harness.shard.delete_tenant(TenantName::new("deleting").unwrap(), 1_000_000, audit()))
        .unwrap();
    harness.pass(5000);
    harness.look();
    assert_eq!(partitions.map(|partition| harness.read(partition).len()), [0, 0, 2, 2]);
    assert_eq!(harness.read(table).len(), 2);
    suspend("frozen", Suspension::None);
    harness.look();
    assert_eq!(harness.read(partitions[2]).len(), 0);
}

#[test]
fn what_changed_since_it_was_found_is_not_removed() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[("retention.ms", "1000")]);
    let gone = harness.topic(tenant, "gone", &[("retention.ms", "1000")]);
    for partition in [p, gone] {
        harness.append(partition, "a", None).unwrap();
    }
    harness.pass(2000);
    let retention = Retention { ms: Some(1000), bytes: None };
    let found = |partition| {
        let cut = harness.shard.expired(partition, retention, 2000).unwrap().unwrap();
        (cut, retention)
    };
    let cuts = vec![found(p), found(gone)];
    let change = TopicChange::Config { set: properties(&[("retention.ms", "-1")]), unset: vec![] };
    harness.wait(harness.shard.update_topic(tenant, topic_name("orders"), change, audit())).unwrap();
    harness.wait(harness.shard.delete_topic(tenant, topic_name("gone"), audit())).unwrap();
    assert_eq!(harness.wait(harness.shard.expire(tenant, cuts.clone())).unwrap(), 0);
    assert_eq!(harness.read(p), ["a"]);

    let change = TopicChange::Config { set: Properties::new(), unset: vec!["retention.ms".to_owned()] };
    harness.wait(harness.shard.update_topic(tenant, topic_name("orders"), change, audit())).unwrap();
    let set = properties(&[("retention.ms", "1000")]);
    harness.change_tenant("acme", TenantChange { set_topic_defaults: set, ..TenantChange::default() });
    harness.wait(harness.shard.expire(tenant, cuts.clone())).unwrap();
    assert_eq!(harness.read(p), Vec::<String>::new(), "the same again, from another layer");
    let change = TenantChange { suspension: Some(Suspension::Frozen), ..TenantChange::default() };
    harness.change_tenant("acme", change);
    harness.append(p, "b", None).unwrap();
    harness.wait(harness.shard.expire(tenant, cuts)).unwrap();
    assert_eq!(harness.read(p), ["b"], "a trim never goes back, and never on");
}

#[test]
fn every_topic_of_every_tenant_is_looked_at() {
    let harness = Harness::with_defaults(&[]);
    let mut kept = Vec::new();
    for name in ["aaa", "bbb", "ccc"] {
        let tenant = harness.tenant(name);
        let topics = |from: u32, set: &[(&str, &str)]| -> Vec<_> {
            let new =
                |n| NewTopic { name: topic_name(&format!("t{n}")), partitions: 1, set: properties(set) };
            let new = (from..from + 700).map(new).collect();
            let made = harness.wait(harness.shard.create_topics(tenant, new, audit())).unwrap();
            made.into_iter().map(|made| made.unwrap().0.id).collect()
        };
        let ids = [topics(0, &[]), topics(700, &[("retention.ms", "1")])].concat();
        for (n, id) in ids.into_iter().enumerate() {
            if n % 50 == 49 || n == 700 || n == 1399 {
                let partition = PartitionId { tenant, topic: id, partition: 0 };
                harness.append(partition, "a", None).unwrap();
                kept.push((partition, n < 700));
            }
        }
    }
    harness.pass(2);
    harness.look();
    for (partition, is_kept) in kept {
        assert_eq!(harness.read(partition).len(), usize::from(is_kept), "{partition}");
    }
}

/// A topic whose records expire after a millisecond, with more of them than one step finds, by so many steps.
fn of_steps(steps: usize) -> (Harness, TenantId, PartitionId) {
    let harness = Harness::with_defaults(&[]);
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[("retention.ms", "1")]);
    let relaxed =
        || crate::command::Append { durability: levee_types::Durability::Relaxed, ..append(p, "a", None) };
    for _ in 0..steps * crate::retention::BATCHES_AT_ONCE + 10 {
        harness.wait(async { harness.shard.submit(relaxed()).await?.await }).unwrap();
    }
    (harness, tenant, p)
}

/// It would be found again and again.
#[test]
fn a_look_ends_when_the_records_stay_after_all() {
    let (harness, tenant, p) = of_steps(2);
    harness.pass(2);
    let (mut maintenance, _stop) = Maintenance::new(harness.shard.clone(), Upkeep::Records);
    let mut look = std::pin::pin!(maintenance.remove_expired());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(look.as_mut().poll(&mut context).is_pending());
    let change = TopicChange::Config { set: properties(&[("retention.ms", "-1")]), unset: vec![] };
    harness.wait(harness.shard.update_topic(tenant, topic_name("orders"), change, audit())).unwrap();
    let is_over = (0..20).any(|_| {
        let is_over = look.as_mut().poll(&mut context).is_ready();
        if !is_over {
            let commands = harness.shard.inner.queue.take(Some(std::time::Duration::ZERO)).unwrap();
            harness.committer.borrow_mut().work(commands);
        }
        is_over
    });
    assert!(is_over);
    assert_eq!(harness.stored(tenant), crate::retention::BATCHES_AT_ONCE as u64 + 10, "{p}");
}

#[test]
fn any_number_of_batches_from_a_clock_that_was_ahead_goes() {
    let harness = Harness::with_defaults(&[]);
    harness.pass(1_000_000);
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    for _ in 0..crate::retention::BATCHES_AT_ONCE + 10 {
        harness.append(p, "a", None).unwrap();
    }
    harness.pass(-1_000_000);
    harness.append(p, "b", None).unwrap();
    let retention = Retention { ms: Some(1000), bytes: None };
    let now_ms = harness.shard.unix_ms() + 2000;
    let cut = harness.shard.expired(p, retention, now_ms).unwrap().unwrap();
    assert_eq!(cut.before, crate::retention::BATCHES_AT_ONCE as u64 + 11);
}

#[test]
fn more_than_one_step_finds_goes_as_well() {
    let (harness, tenant, p) = of_steps(1);
    harness.pass(2);
    harness.append(p, "b", None).unwrap();
    harness.look();
    assert_eq!(harness.read(p), ["b"]);
    assert_eq!(harness.stored(tenant), 1);
}
