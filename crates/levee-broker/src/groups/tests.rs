#![expect(clippy::disallowed_methods, reason = "a test spawns for itself")]

use super::{Doors, Groups, Membership, News, Wanted};
use crate::admission::{NodeAdmission, NodeRates};
use crate::ambient::{SystemClock, SystemRandom};
use crate::authorize::{Authorizer, InTenant, Permit};
use crate::identity::{Authenticator, Mode};
use crate::operation::Operation;
use crate::running_shard::RunningShard;
use crate::tenants::Tenants;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use levee_groups::consumers::Expelled;
use levee_storage::{Append, AuditEvent, Commit, Fence, NewTopic, ShardSettings, StorageError, Topic};
use levee_types::{
    Clock, Durability, ErrorCode, GroupName, LeveeError, PartitionId, PlanName, TenantName, TopicName,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::Request;

const PATIENCE: Duration = Duration::from_secs(10);

/// A tenant with a topic of four partitions with a record in each.
struct Setup {
    storage: RunningShard,
    groups: Groups,
    permit: Permit<InTenant>,
    topic: Arc<Topic>,
    _dir: TempDir,
}

impl Setup {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = ShardSettings { segment_bytes: 16 << 20, ..ShardSettings::default() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let storage = RunningShard::start(dir.path(), settings, Arc::clone(&clock), &SystemRandom).unwrap();
        let (name, plan) = (TenantName::new("acme").unwrap(), PlanName::new("unlimited").unwrap());
        let audit = AuditEvent::default;
        let tenant = storage.shard.create_tenant(name, plan, audit()).await.unwrap().0.id;
        let topic = NewTopic { name: TopicName::new("orders").unwrap(), partitions: 4, set: BTreeMap::new() };
        let made = storage.shard.create_topics(tenant, vec![topic], audit()).await.unwrap().remove(0);
        let topic = made.unwrap().0;
        for partition in 0..topic.partitions {
            let partition = PartitionId { tenant, topic: topic.id, partition };
            let batch = Bytes::from_static(b"x");
            // Storage does not look inside of a batch, and nobody reads this one.
            let append = Append {
                keys: None,
                partition,
                crc: 0,
                batch,
                records: 1,
                max_timestamp_ms: None,
                producer: None,
                expected_offset: None,
                durability: Durability::Durable,
                weight: 1,
            };
            storage.shard.submit(append).await.unwrap().await.unwrap();
        }
        let tenants = Tenants::new(
            storage.shard.clone(),
            Arc::clone(&clock),
            Arc::new(NodeAdmission::new(NodeRates::default())),
        );
        let authenticator = Arc::new(Authenticator::new(tenants.clone(), Mode::Dev));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Dev tenant acme"))]);
        let principal = authenticator.authenticate(&headers, None, [127, 0, 0, 1].into()).await.unwrap();
        let mut request = Request::new(());
        request.extensions_mut().insert(principal);
        let (audit, _refusals) = crate::audit::channel(storage.shard.clone());
        let permit =
            Authorizer::new(tenants, authenticator, audit).tenant(&request, Operation::Consume, "").unwrap();
        let groups = Groups::new(storage.shard.clone(), clock, Arc::new(SystemRandom), Doors::default());
        Self { storage, groups, permit, topic, _dir: dir }
    }

    async fn try_join(&self, session_timeout: Duration) -> Result<Membership, LeveeError> {
        let wanted = Wanted {
            group: billing(),
            instance: None,
            topics: vec![Arc::clone(&self.topic)],
            session_timeout,
        };
        self.groups.join(&self.permit, wanted).await
    }

    async fn join(&self) -> Membership {
        self.try_join(PATIENCE).await.unwrap()
    }

    async fn commit(
        &self,
        member: &Membership,
        partition: PartitionId,
        fence: &Fence,
    ) -> Result<(), StorageError> {
        let group = member.group();
        let commit = Commit { group, partition, offset: 1, ahead: Vec::new(), fence: fence.clone() };
        self.storage.shard.commit(self.permit.tenant(), vec![commit]).await.unwrap().remove(0)
    }
}

fn billing() -> GroupName {
    GroupName::new("billing").unwrap()
}

/// The next news.
async fn news(member: &Membership) -> News {
    loop {
        if let Some(news) = member.news() {
            return news;
        }
        timeout(PATIENCE, member.told()).await.unwrap();
    }
}

/// G3, G4: before a member is told that it has a partition, the fence of the one before is closed; and under a closed
/// fence nothing is committed.
#[tokio::test]
async fn g3_a_fence_is_closed_before_another_member_has_the_partition() {
    let setup = Setup::new().await;
    let first = setup.join().await;
    let has = news(&first).await.assigned;
    assert_eq!(has.len(), 4);
    let second = setup.join().await;
    let revoked = news(&first).await.revoked;
    assert_eq!((revoked.len(), second.news().is_none()), (2, true));
    let (kept, taken) = (0..4).partition::<Vec<u32>, _>(|assignment| !revoked.contains(assignment));
    // It is to let go of it, and may still commit.
    assert!(has.values().all(|offer| !offer.fence.is_closed()));
    setup.commit(&first, has[&taken[0]].partition, &has[&taken[0]].fence).await.unwrap();
    first.release(&revoked);
    let given = news(&second).await.assigned;
    let partitions = |offers: Vec<PartitionId>| offers.into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        partitions(given.values().map(|offer| offer.partition).collect()),
        partitions(taken.iter().map(|assignment| has[assignment].partition).collect())
    );
    let tenant = setup.permit.tenant();
    for assignment in taken {
        let offer = &has[&assignment];
        assert!(offer.fence.is_closed());
        let late = setup.commit(&first, offer.partition, &offer.fence).await;
        assert!(matches!(late, Err(StorageError::MemberFenced)), "{late:?}");
        let error = setup.groups.commit_of(tenant, &billing(), first.id(), assignment).unwrap_err();
        assert_eq!(error.code, ErrorCode::MemberFenced);
    }
    for assignment in kept {
        let (group, partition, fence) =
            setup.groups.commit_of(tenant, &billing(), first.id(), assignment).unwrap();
        assert_eq!((group, partition), (first.group(), has[&assignment].partition));
        setup.commit(&first, partition, &fence).await.unwrap();
    }
    // Whoever leaves can commit nothing any more.
    drop(second);
    assert!(given.values().all(|offer| offer.fence.is_closed()));
    assert_eq!(news(&first).await.assigned.len(), 2);
    assert!(setup.storage.stop().await);
}

#[tokio::test]
async fn g3_who_is_silent_is_fenced_before_the_others_are_told() {
    let setup = Setup::new().await;
    let timer = tokio::spawn(setup.groups.clone().keep_time());
    let silent = setup.try_join(Duration::from_millis(50)).await.unwrap();
    let has = news(&silent).await.assigned;
    let heir = setup.join().await;
    while heir.news().is_none_or(|news| news.assigned.is_empty()) {
        timeout(PATIENCE, heir.told()).await.unwrap();
    }
    assert!(has.values().all(|offer| offer.fence.is_closed()));
    assert_eq!(news(&silent).await.expelled, Some(Expelled::Silent));
    assert_eq!(setup.groups.members(setup.permit.tenant(), &billing()), 1);
    timer.abort();
    assert!(setup.storage.stop().await);
}

#[tokio::test]
async fn what_a_member_was_not_told_of_needs_no_release() {
    let setup = Setup::new().await;
    let slow = setup.join().await;
    let second = setup.join().await;
    assert_eq!(news(&second).await.assigned.len(), 2);
    let told = news(&slow).await;
    assert_eq!((told.assigned.len(), told.revoked.len()), (2, 0));
    assert!(setup.storage.stop().await);
}

#[tokio::test]
async fn nobody_joins_a_group_that_is_held_and_an_empty_one_is_forgotten() {
    let setup = Setup::new().await;
    let tenant = setup.permit.tenant();
    let hold = setup.groups.hold(tenant, &billing()).unwrap();
    assert_eq!(setup.try_join(PATIENCE).await.err().unwrap().code, ErrorCode::Unavailable);
    drop(hold);
    let member = setup.join().await;
    assert_eq!(setup.groups.look(tenant, &billing()).unwrap().members.len(), 1);
    drop(member);
    assert!(setup.groups.look(tenant, &billing()).is_none() && setup.groups.lock().groups.is_empty());
    assert!(setup.storage.stop().await);
}

#[tokio::test]
async fn a_group_that_nobody_could_join_is_forgotten() {
    let setup = Setup::new().await;
    let name = TopicName::new("wide").unwrap();
    let new = NewTopic { name, partitions: 10_000, set: BTreeMap::new() };
    let tenant = setup.permit.tenant();
    let made = setup.storage.shard.create_topics(tenant, vec![new], AuditEvent::default()).await.unwrap();
    let wide = made.into_iter().next().unwrap().unwrap().0;
    let topics = vec![Arc::clone(&setup.topic), wide];
    let wanted = Wanted { group: billing(), instance: None, topics, session_timeout: PATIENCE };
    let refused = setup.groups.join(&setup.permit, wanted).await.err().unwrap();
    assert_eq!(refused.code, ErrorCode::LimitExceeded);
    assert!(setup.groups.lock().groups.is_empty());
    assert!(setup.storage.stop().await);
}
