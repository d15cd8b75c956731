//! A tenant that is made of what another broker exported: whole at the end, and nobody's before.

use super::{Harness, append, audit, topic_name, unlimited};
use crate::catalog::NewTopic;
use crate::catalog::groups::{ImportedGroup, ImportedProgress, Progress};
use crate::catalog::tenants::{Suspension, TenantChange};
use crate::catalog::users::User;
use crate::catalog::view::LogBounds;
use crate::command::Place;
use crate::committer::QuotaTarget;
use crate::error::StorageError;
use levee_types::group::{Ahead, AheadState, GroupKind};
use levee_types::quota::{Dimension, Quota, Quotas};
use levee_types::{ErrorCode, GroupName, LeveeError, PartitionId, TenantId, TenantName, UserId, UserName};
use std::collections::BTreeMap;

fn name(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

fn begin(harness: &Harness, quotas: Quotas) -> TenantId {
    harness.wait(harness.shard.begin_import(name("acme"), unlimited(), quotas, audit())).unwrap().id
}

fn topic(harness: &Harness, tenant: TenantId) -> PartitionId {
    let new = NewTopic { name: topic_name("orders"), partitions: 2, set: BTreeMap::new() };
    harness.wait(harness.shard.import_topics(tenant, vec![(new, 77)])).unwrap();
    let topic = harness.shard.topic(tenant, &topic_name("orders")).unwrap().unwrap();
    assert_eq!(topic.created_ms, 77);
    PartitionId { tenant, topic: topic.id, partition: 0 }
}

fn put(
    harness: &Harness,
    partition: PartitionId,
    text: &str,
    base_offset: u64,
    append_time_ms: i64,
) -> Result<(), StorageError> {
    let place = Place { base_offset, append_time_ms };
    harness.wait(async { harness.shard.import_batch(append(partition, text, None), place).await?.await })
}

fn user(name: &str, certificates: &[&str]) -> User {
    User {
        id: UserId(0),
        name: UserName::new(name).unwrap(),
        is_admin: true,
        is_disabled: true,
        groups: vec![],
        certificates: certificates.iter().map(ToString::to_string).collect(),
        created_ms: 5,
    }
}

fn code<T>(result: Result<T, StorageError>) -> Option<ErrorCode> {
    result.err().map(|error| LeveeError::from(error).code)
}

/// The tenant as the export of a log that was trimmed in the middle of a batch makes it.
fn fill(harness: &Harness) -> PartitionId {
    let tenant = begin(harness, Quotas::default());
    let partition = topic(harness, tenant);
    let bounds = LogBounds { start: 7, first: 5, end: 11 };
    harness.wait(harness.shard.import_start(partition, bounds)).unwrap();
    put(harness, partition, "abc", 5, 1_000).unwrap();
    put(harness, partition, "def", 8, 500).unwrap();
    partition
}

#[test]
fn a_group_is_where_it_was_and_comes_out_as_it_went_in() {
    let harness = Harness::new();
    let partition = fill(&harness);
    let tenant = partition.tenant;
    let ahead = vec![
        Ahead { first: 9, records: 1, state: AheadState::Done },
        Ahead { first: 10, records: 1, state: AheadState::Delivered(3) },
    ];
    let at = |partition, offset, ahead| ImportedProgress {
        topic: topic_name("orders"),
        partition,
        progress: Progress { offset, committed_ms: 9, ahead },
    };
    let group = |name: &str, progress| ImportedGroup {
        name: GroupName::new(name).unwrap(),
        kind: GroupKind::Consumers,
        created_ms: 5,
        progress,
    };
    let import = |group| harness.wait(harness.shard.import_group(tenant, group));
    import(group("jobs", vec![at(0, 8, ahead.clone())])).unwrap();
    assert_eq!(code(import(group("jobs", vec![]))), Some(ErrorCode::InvalidArgument));
    assert_eq!(code(import(group("beyond", vec![at(0, 12, vec![])]))), Some(ErrorCode::OffsetOutOfRange));
    assert_eq!(code(import(group("absent", vec![at(2, 0, vec![])]))), Some(ErrorCode::NotFound));
    let twice = vec![at(0, 8, vec![]), at(0, 9, vec![])];
    assert_eq!(code(import(group("twice", twice))), Some(ErrorCode::InvalidArgument));
    harness.wait(harness.shard.finish_import(tenant, Suspension::None, audit())).unwrap();
    let harness = harness.crash(|| false);
    let mut seen = Vec::new();
    let view = harness.shard.view(tenant);
    view.groups(|group| {
        view.progress(group.id, |at, progress| {
            seen.push((group.name.to_string(), group.created_ms, at, progress));
            Ok::<_, StorageError>(())
        })
    })
    .unwrap();
    assert_eq!(seen, [("jobs".to_owned(), 5, partition, Progress { offset: 8, committed_ms: 9, ahead })]);
}

#[test]
fn a_log_is_what_it_was_also_after_the_power_is_lost() {
    let harness = Harness::new();
    let partition = fill(&harness);
    harness.wait(harness.shard.finish_import(partition.tenant, Suspension::ReadOnly, audit())).unwrap();
    let harness = harness.crash(|| false);
    let tenant = harness.shard.tenant(&name("acme")).unwrap().unwrap();
    assert_eq!((tenant.suspension, tenant.topics, tenant.stored_bytes), (Suspension::ReadOnly, 1, 6));
    let offsets = harness.shard.offsets(partition).unwrap();
    assert_eq!((offsets.start, offsets.end, offsets.stored_bytes), (7, 11, 6));
    let fetched = harness.shard.fetch(partition, 7, 1_000).unwrap();
    let places: Vec<_> =
        fetched.batches.iter().map(|batch| (batch.base_offset, batch.append_time_ms)).collect();
    assert_eq!(places, [(5, 1_000), (8, 500)]);
    assert_eq!(harness.shard.offset_at(partition, 900).unwrap(), 7);
    // What comes behind goes on where it ends, and only that was appended by the tenant.
    assert_eq!(harness.append(partition, "x", None).unwrap().base_offset, 11);
    let used = harness.shard.hourly_use(partition.tenant, 0, 1, 1).unwrap();
    let sums = used.values().fold((0, 0), |sum, hour| (sum.0 + hour.bytes_in, sum.1 + hour.records_in));
    assert_eq!(sums, (1, 1));
    assert!(code(put(&harness, partition, "y", 12, 0)).is_some(), "it is whole");
}

#[test]
fn half_a_tenant_stays_what_it_is_until_it_is_deleted() {
    let harness = Harness::new();
    let tenant = fill(&harness).tenant;
    let harness = harness.crash(|| true);
    let half = harness.shard.tenant(&name("acme")).unwrap().unwrap();
    assert_eq!((half.id, half.suspension), (tenant, Suspension::Importing));
    for suspension in [Suspension::None, Suspension::ReadOnly, Suspension::Frozen] {
        let change = TenantChange { suspension: Some(suspension), ..TenantChange::default() };
        let changed = harness.wait(harness.shard.update_tenant(name("acme"), change, audit()));
        assert_eq!(code(changed), Some(ErrorCode::InvalidArgument));
    }
    harness.wait(harness.shard.delete_tenant(name("acme"), 60_000, audit())).unwrap();
    let finished = harness.wait(harness.shard.finish_import(tenant, Suspension::None, audit()));
    assert_eq!(code(finished), Some(ErrorCode::InvalidArgument), "it is being deleted");
    harness.wait(harness.shard.undelete_tenant(name("acme"), audit())).unwrap();
    let half = harness.shard.tenant(&name("acme")).unwrap().unwrap();
    assert_eq!(half.suspension, Suspension::Importing);
    harness.wait(harness.shard.delete_tenant(name("acme"), 0, audit())).unwrap();
    assert_eq!(harness.shard.status().tenants, 0);
}

#[test]
fn only_half_tenants_take_batches_at_a_stated_place_and_only_at_their_end() {
    let harness = Harness::new();
    let whole = harness.tenant("whole");
    let partition = harness.topic(whole, "orders", &[]);
    assert_eq!(code(put(&harness, partition, "abc", 0, 0)), Some(ErrorCode::InvalidArgument));
    let partition = fill(&harness);
    for elsewhere in [0, 10, 12, u64::MAX] {
        assert_eq!(code(put(&harness, partition, "x", elsewhere, 0)), Some(ErrorCode::InvalidArgument));
    }
    let bounds = LogBounds { start: 20, first: 20, end: 20 };
    let again = harness.wait(harness.shard.import_start(partition, bounds));
    assert_eq!(code(again), Some(ErrorCode::InvalidArgument), "there is something in it");
    let other = PartitionId { partition: 1, ..partition };
    for bad in [LogBounds { start: 3, first: 4, end: 5 }, LogBounds { start: 6, first: 4, end: 5 }] {
        let started = harness.wait(harness.shard.import_start(other, bad));
        assert_eq!(code(started), Some(ErrorCode::InvalidArgument), "{bad:?}");
    }
}

#[test]
fn an_import_that_is_given_up_leaves_nothing_and_touches_nothing_else() {
    let harness = Harness::new();
    let other = harness.tenant("other");
    let partition = fill(&harness);
    harness.wait(harness.shard.import_users(partition.tenant, vec![user("a", &["DNS:a"])])).unwrap();
    harness.wait(harness.shard.discard_import(other, audit())).unwrap();
    harness.wait(harness.shard.discard_import(partition.tenant, audit())).unwrap();
    harness.wait(harness.shard.discard_import(partition.tenant, audit())).unwrap();
    assert_eq!((harness.shard.status().tenants, harness.shard.status().topics), (1, 0));
    assert!(harness.shard.tenant(&name("other")).unwrap().is_some());
    assert_eq!(harness.shard.user_of_certificate("DNS:a").unwrap(), None);
    assert!(code(put(&harness, partition, "x", 11, 0)).is_some());
}

#[test]
fn what_is_taken_or_twice_or_too_much_is_refused() {
    let harness = Harness::new();
    let limit = Quota { limit: Some(4), ..Quota::default() };
    let tenant = begin(&harness, [(Dimension::Storage, limit)].into_iter().collect());
    let again = harness.shard.begin_import(name("acme"), unlimited(), Quotas::default(), audit());
    assert_eq!(code(harness.wait(again)), Some(ErrorCode::AlreadyExists));
    let users = |users| harness.wait(harness.shard.import_users(tenant, users));
    users(vec![user("a", &["DNS:a"])]).unwrap();
    assert_eq!(code(users(vec![user("b", &["DNS:a"])])), Some(ErrorCode::AlreadyExists));
    assert_eq!(code(users(vec![user("a", &[])])), Some(ErrorCode::InvalidArgument));
    assert_eq!(code(users(vec![user("c", &[]), user("c", &[])])), Some(ErrorCode::InvalidArgument));
    let pair = vec![user("c", &["DNS:c"]), user("d", &["DNS:c"])];
    assert_eq!(code(users(pair)), Some(ErrorCode::InvalidArgument));
    let target = QuotaTarget::User(UserName::new("nobody").unwrap());
    let quotas = harness.wait(harness.shard.import_quotas(tenant, vec![(target, Quotas::default())]));
    assert_eq!(code(quotas), Some(ErrorCode::NotFound));
    let partition = topic(&harness, tenant);
    put(&harness, partition, "abcd", 0, 0).unwrap();
    assert_eq!(code(put(&harness, partition, "e", 4, 0)), Some(ErrorCode::LimitExceeded));
}

#[test]
fn a_view_shows_one_moment() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let partition = harness.topic(tenant, "orders", &[]);
    harness.append(partition, "abc", None).unwrap();
    harness.append(partition, "def", None).unwrap();
    harness.wait(harness.shard.trim(partition, 4, audit())).unwrap();
    let view = harness.shard.view(tenant);
    harness.append(partition, "ghi", None).unwrap();
    harness.wait(harness.shard.trim(partition, 9, audit())).unwrap();
    harness.topic(tenant, "later", &[]);
    assert_eq!(view.bounds(partition).unwrap(), LogBounds { start: 4, first: 3, end: 6 });
    let mut names = Vec::new();
    view.topics(|topic| {
        names.push(topic.name.to_string());
        Ok::<_, StorageError>(())
    })
    .unwrap();
    assert_eq!(names, ["orders"]);
    assert_eq!(view.tenant().unwrap().stored_bytes, 3);
    let now = harness.shard.view(tenant);
    assert_eq!(now.bounds(partition).unwrap(), LogBounds { start: 9, first: 9, end: 9 });
}
