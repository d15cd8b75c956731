//! Q3: the storage quota of a tenant whose oldest records go for it.

use super::{Harness, append, audit, topic_name};
use crate::command::{Appended, ProducerSequence};
use crate::committer::QuotaChange;
use crate::error::StorageError;
use crate::keyed::KeysBuilder;
use crate::keys::QuotaPart;
use crate::transaction::TransactionSequence;
use levee_types::quota::{Action, Dimension, Quota};
use levee_types::{ErrorCode, LeveeError, PartitionId, TenantId};
use std::sync::atomic::Ordering;

const LIMIT: u64 = 1_000;

impl Harness {
    fn limit_storage(&self, tenant: TenantId, limit: u64, action: Action) {
        let quota = Quota { action: Some(action), ..Quota::of(limit) };
        let change = QuotaChange { set: vec![(Dimension::Storage, quota)], unset: vec![] };
        self.wait(self.shard.set_quotas(tenant, QuotaPart::Tenant, change, audit())).unwrap();
    }

    /// Appends a batch of so many bytes, a millisecond later.
    fn put(&self, partition: PartitionId, bytes: usize) -> Result<Appended, LeveeError> {
        self.clock.0.fetch_add(1, Ordering::Relaxed);
        Ok(self.append(partition, &"x".repeat(bytes), None::<ProducerSequence>)?)
    }

    /// What the thread that makes room does next. Tells for whom.
    fn make_room(&self) -> Option<TenantId> {
        let (tenant, bytes) = self.shard.inner.pressure.take()?;
        self.wait(self.shard.make_room(tenant, bytes)).unwrap();
        Some(tenant)
    }

    fn bytes_of(&self, tenant: TenantId) -> u64 {
        self.shard.tenant_by_id(tenant).unwrap().unwrap().stored_bytes
    }
}

#[test]
fn q3_the_oldest_of_all_topics_goes_and_no_byte_too_many_is_stored() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let (a, b) = (harness.topic(tenant, "a", &[]), harness.topic(tenant, "b", &[]));
    harness.limit_storage(tenant, LIMIT, Action::TrimOldest);
    for n in 0..9 {
        harness.put(if n % 2 == 0 { a } else { b }, 100).unwrap();
    }
    harness.put(b, 75).unwrap();
    assert_eq!(harness.make_room(), None, "there is room for now");
    harness.put(a, 1).unwrap();
    assert_eq!(harness.make_room(), Some(tenant), "room is made ahead");
    // The first batch of `a` is gone, which brings it to 876.
    assert_eq!((harness.bytes_of(tenant), harness.shard.offsets(a).unwrap().start), (876, 100));
    harness.put(a, 124).unwrap();
    assert_eq!(harness.bytes_of(tenant), LIMIT, "to the byte");
    let error = harness.put(a, 1).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    assert!(error.retry_after.is_some() && !error.hint.is_empty(), "{error:?}");
    assert!(error.message.contains("acme") && error.message.contains("1000 bytes"), "{error}");
    assert_eq!(harness.read(b).len(), 5, "reading goes on");
    assert_eq!(harness.make_room(), Some(tenant));
    assert_eq!((harness.bytes_of(tenant), harness.shard.offsets(b).unwrap().start), (900, 100));
    harness.put(a, 1).unwrap();
    // One that needs more room than is left ahead.
    assert_eq!(harness.put(b, 600).unwrap_err().code, ErrorCode::QuotaExceeded);
    harness.make_room();
    harness.put(b, 600).unwrap();
    assert!(harness.bytes_of(tenant) <= LIMIT);
    // All of it, but nothing that would never fit.
    assert_eq!(harness.put(b, 1_001).unwrap_err().code, ErrorCode::LimitExceeded);
    assert_eq!(harness.put(b, 1_000).unwrap_err().code, ErrorCode::QuotaExceeded);
    harness.make_room();
    harness.put(b, 1_000).unwrap();
    assert_eq!((harness.read(a).len(), harness.read(b).len()), (0, 1));

    let harness = harness.crash(|| false);
    assert_eq!(harness.bytes_of(tenant), LIMIT);
    assert_eq!(harness.put(b, 1).unwrap_err().code, ErrorCode::QuotaExceeded);
}

#[test]
fn q3_every_append_finds_room_and_nothing_else_is_lost() {
    let harness = Harness::new();
    let (tenant, other) = (harness.tenant("acme"), harness.tenant("other"));
    let beside = harness.topic(other, "a", &[]);
    harness.put(beside, 500).unwrap();
    let topics = [harness.topic(tenant, "a", &[]), harness.topic(tenant, "b", &[])];
    harness.limit_storage(tenant, LIMIT, Action::TrimOldest);
    let mut sizes = std::collections::VecDeque::new();
    for n in 0..300_usize {
        let bytes = 1 + n * 37 % 120;
        let which = topics[n % 2];
        if let Err(error) = harness.put(which, bytes) {
            assert_eq!(error.code, ErrorCode::QuotaExceeded, "{error}");
            assert_eq!(harness.make_room(), Some(tenant));
            harness.put(which, bytes).unwrap();
        }
        sizes.push_back(bytes as u64);
        let stored = harness.bytes_of(tenant);
        assert!(stored <= LIMIT, "{stored}");
        while sizes.iter().sum::<u64>() > stored {
            sizes.pop_front();
        }
        assert_eq!(sizes.iter().sum::<u64>(), stored, "what is left is the youngest");
        assert!(n < 20 || stored > LIMIT * 7 / 10, "{stored}: more went than had to");
    }
    assert_eq!(harness.bytes_of(other), 500);
}

#[test]
fn tables_are_not_trimmed_and_what_changed_meanwhile_counts() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let table = harness.topic(tenant, "table", &[("cleanup.policy", "compact")]);
    let both = harness.topic(tenant, "both", &[("cleanup.policy", "compact,delete")]);
    harness.limit_storage(tenant, LIMIT, Action::TrimOldest);
    let put = |partition, bytes: usize| -> Result<Appended, StorageError> {
        let keys = Some(KeysBuilder::default().finish());
        let append = crate::command::Append { keys, ..append(partition, &"x".repeat(bytes), None) };
        harness.wait(async { harness.shard.submit(append).await?.await })
    };
    put(table, 600).unwrap();
    put(both, 400).unwrap();
    assert!(put(table, 1).is_err());

    // Whoever raises the limit, or has appends refused, before the records are gone keeps them.
    harness.limit_storage(tenant, LIMIT, Action::Reject);
    harness.make_room();
    assert_eq!(LeveeError::from(put(table, 1).unwrap_err()).code, ErrorCode::LimitExceeded);
    harness.limit_storage(tenant, 2 * LIMIT, Action::TrimOldest);
    put(table, 1).unwrap();
    assert_eq!(harness.make_room(), None);
    assert_eq!(harness.bytes_of(tenant), 1_001);

    harness.limit_storage(tenant, LIMIT, Action::TrimOldest);
    assert!(put(table, 1).is_err());
    harness.make_room();
    assert_eq!((harness.read(both).len(), harness.read(table).len()), (0, 2));
    // There is nothing left that may go.
    put(table, 399).unwrap();
    assert!(put(table, 1).is_err());
    harness.make_room();
    assert_eq!(harness.bytes_of(tenant), LIMIT);
    harness.wait(harness.shard.delete_topic(tenant, topic_name("table"), audit())).unwrap();
    put(both, 400).unwrap();
}

#[test]
fn what_is_staged_finds_room_too() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "a", &[]);
    harness.limit_storage(tenant, LIMIT, Action::TrimOldest);
    harness.put(p, 500).unwrap();
    harness.put(p, 400).unwrap();
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let stage = |index| {
        let sequence = TransactionSequence { session, number: 1, index, timeout_ms: 60_000 };
        harness.wait(async { harness.shard.stage(append(p, &"x".repeat(300), None), sequence).await?.await })
    };
    for (index, left) in [(0, Some(400)), (1, None), (2, Some(0))] {
        if let Some(left) = left {
            let error = LeveeError::from(stage(index).unwrap_err());
            assert_eq!(error.code, ErrorCode::QuotaExceeded, "{error}");
            assert_eq!(harness.make_room(), Some(tenant));
            assert_eq!(harness.bytes_of(tenant), left, "room for all that is staged");
        }
        stage(index).unwrap();
    }
    assert_eq!(LeveeError::from(stage(3).unwrap_err()).code, ErrorCode::LimitExceeded, "it would never fit");
}
