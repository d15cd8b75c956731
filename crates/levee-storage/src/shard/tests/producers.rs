//! The quota of producers: the oldest are forgotten, all others go on.

use super::{Harness, audit};
use crate::command::{ProducerSequence, ProducerSession};
use crate::committer::QuotaChange;
use crate::error::StorageError;
use crate::keys::QuotaPart;
use levee_types::quota::{Dimension, Quota};
use levee_types::{ProducerId, TenantId};

fn limit(harness: &Harness, tenant: TenantId, producers: u64) {
    let quota = Quota { limit: Some(producers), ..Quota::default() };
    let change = QuotaChange { set: vec![(Dimension::Producers, quota)], unset: Vec::new() };
    harness.wait(harness.shard.set_quotas(tenant, QuotaPart::Tenant, change, audit())).unwrap();
}

fn init(harness: &Harness, tenant: TenantId) -> Result<ProducerId, StorageError> {
    harness.wait(harness.shard.init_producer(tenant, None)).map(|session| session.producer)
}

fn is_known(harness: &Harness, tenant: TenantId, producer: u64) -> bool {
    let held = ProducerSession { producer: ProducerId(producer), epoch: 0 };
    match harness.wait(harness.shard.renew_producer(tenant, held)) {
        Ok(_) => true,
        Err(StorageError::UnknownProducer) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn at_the_quota_the_oldest_is_forgotten_and_one_below_none() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    limit(&harness, tenant, 3);
    for id in 1..=3 {
        assert_eq!(init(&harness, tenant).unwrap(), ProducerId(id));
    }
    assert!(is_known(&harness, tenant, 1));
    init(&harness, tenant).unwrap();
    let known = |harness: &Harness| (1..=4).map(|id| is_known(harness, tenant, id)).collect::<Vec<_>>();
    assert_eq!(known(&harness), [false, true, true, true]);
    assert_eq!(known(&harness.reopen()), [false, true, true, true]);
}

#[test]
fn a_quota_of_nothing_refuses_producers_and_nothing_else() {
    let harness = Harness::new();
    let (tenant, other) = (harness.tenant("acme"), harness.tenant("other"));
    let p = harness.topic(tenant, "orders", &[]);
    let old = init(&harness, tenant).unwrap();
    limit(&harness, tenant, 0);
    let refused = init(&harness, tenant).unwrap_err().to_string();
    assert!(refused.contains("at its limit of 0"), "{refused}");
    assert_eq!(init(&harness, other).unwrap(), ProducerId(1));
    let sent = Some(ProducerSequence { producer: old, epoch: 0, sequence: 0 });
    harness.append(p, "those that are there go on", sent).unwrap();
    limit(&harness, tenant, 1);
    assert_eq!(init(&harness, tenant).unwrap(), ProducerId(2), "nothing was given meanwhile");
}

#[test]
fn what_a_lowered_quota_forgets_is_one_entry_of_a_usual_size() {
    let mut harness = Harness::new();
    let tenant = harness.tenant("acme");
    for _ in 0..200 {
        init(&harness, tenant).unwrap();
    }
    limit(&harness, tenant, 2);
    let before = harness.shard.status().journal_bytes;
    init(&harness, tenant).unwrap();
    let entry = harness.shard.status().journal_bytes - before;
    assert!(entry < 1000, "{entry} bytes");
    let known = |harness: &Harness| [1, 2, 199, 200, 201].map(|id| is_known(harness, tenant, id));
    assert_eq!(known(&harness), [false, false, false, true, true]);
    harness = harness.crash(|| false);
    assert_eq!(known(&harness), [false, false, false, true, true]);
    assert_eq!(init(&harness, tenant).unwrap(), ProducerId(202), "ids are never reused");
}
