//! Members of groups.

pub(crate) mod member;

use crate::harness::{Broker, hint, of_tenant, produce_request, reason};
use crate::tenancy::{allow, allow_group, named, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Sent;
use levee_proto::v1::offset_spec::Spec;
use levee_types::acl::AclOperation;
use member::{Member, join};
use std::time::{Duration, Instant};

async fn produce(broker: &Broker, partition: u32, values: &[&str]) {
    broker.produce().produce(of_tenant("acme", produce_request("orders", partition, values))).await.unwrap();
}

/// What the group has committed of topic orders: (partition, offset).
async fn committed(broker: &Broker, group: &str) -> Vec<(u32, Option<u64>)> {
    let request = v1::GetGroupRequest { name: group.to_owned(), ..Default::default() };
    let got = broker.groups().get_group(of_tenant("acme", request)).await.unwrap().into_inner();
    got.partitions.into_iter().map(|at| (at.partition, at.committed_offset)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_member_reads_commits_and_goes_on_where_it_was() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    produce(&broker, 0, &["a", "b", "c"]).await;
    produce(&broker, 1, &["x"]).await;
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 4).await;
    assert_eq!((member.partitions(), member.generation), (vec![0, 1], 1));
    let mut values = member.values();
    values.sort_unstable();
    assert_eq!(values, ["a", "b", "c", "x"]);
    // What comes is read as it comes.
    produce(&broker, 1, &["y"]).await;
    member.until(|member| member.read.len() == 5).await;
    let (zero, one) = (member.assignment(0), member.assignment(1));
    assert_eq!(member.commit(&[(zero, 2), (one, 2)]).await, []);
    // One that is behind changes nothing.
    assert_eq!(member.commit(&[(zero, 1)]).await, []);
    assert_eq!(committed(&broker, "billing").await, [(0, Some(2)), (1, Some(2))]);
    drop(member);

    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 1).await;
    assert_eq!(member.read, [(0, 2, "c".to_owned())]);
    let assigned = &member.has[&member.assignment(1)];
    assert_eq!((assigned.offset, assigned.committed_offset, assigned.end_offset), (2, Some(2), 2));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_committed_nothing_begins_where_its_member_says() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    produce(&broker, 0, &["a"]).await;
    produce(&broker, 0, &["b"]).await;
    let starts = [
        (None, 0),
        (Some(Spec::Edge(v1::OffsetEdge::Start as i32)), 0),
        (Some(Spec::Edge(v1::OffsetEdge::End as i32)), 2),
        (Some(Spec::TimestampMs(0)), 0),
        (Some(Spec::TimestampMs(i64::MAX)), 2),
    ];
    for (spec, expected) in starts {
        let start = spec.map(|spec| v1::OffsetSpec { spec: Some(spec) });
        let join = v1::ConsumeJoin { start, ..join("fresh", &["orders"]) };
        let mut member = Member::join(&broker, join).await;
        member.until(|member| member.has.len() == 1).await;
        let assigned = &member.has[&member.assignment(0)];
        assert_eq!((assigned.offset, assigned.committed_offset), (expected, None), "{spec:?}");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_and_take_over() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 4).await;
    let mut first = Member::join(&broker, join("billing", &["orders"])).await;
    first.until(|member| member.has.len() == 4).await;
    let mut second = Member::join(&broker, join("billing", &["orders"])).await;
    first.until(|member| member.has.len() == 2).await;
    second.until(|member| member.has.len() == 2).await;
    assert!(second.generation > first.generation);
    let mut all = [first.partitions(), second.partitions()].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    for partition in 0..4 {
        produce(&broker, partition, &[&partition.to_string()]).await;
    }
    first.until(|member| member.read.len() == 2).await;
    second.until(|member| member.read.len() == 2).await;
    second.commit_all().await;
    // One leaves well, the other goes on with all.
    drop(second);
    first.until(|member| member.has.len() == 4).await;
    for partition in 0..4 {
        produce(&broker, partition, &["more"]).await;
    }
    // What was committed is not read again.
    first.until(|member| member.read.len() == 6).await;
    assert_eq!(first.values().iter().filter(|value| **value == "more").count(), 4);
    broker.stop().await;
}

/// G4: nobody is told that it has a partition before the one that had it let go; G1: nor begins before what that one
/// has committed until then.
#[tokio::test(flavor = "multi_thread")]
async fn g4_what_is_revoked_waits_until_it_is_released() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    for partition in 0..2 {
        produce(&broker, partition, &["a", "b"]).await;
    }
    let mut first = Member::join(&broker, join("billing", &["orders"])).await;
    first.is_obedient = false;
    first.until(|member| member.read.len() == 4).await;
    let mut second = Member::join(&broker, join("billing", &["orders"])).await;
    first.until(|member| member.revoked.len() == 1).await;
    second.listen(Duration::from_millis(300)).await;
    assert!(second.has.is_empty(), "it has what is not released");
    let revoked = *first.revoked.first().unwrap();
    let partition = first.has[&revoked].partition;
    // What is done is committed before it is let go of.
    assert_eq!(first.commit(&[(revoked, 1)]).await, []);
    first.release(vec![revoked]).await;
    second.until(|member| member.read.len() == 1).await;
    let assigned = &second.has[&second.assignment(partition)];
    assert_eq!((assigned.offset, assigned.committed_offset), (1, Some(1)));
    assert_eq!(second.read, [(partition, 1, "b".to_owned())]);
    // Afterwards it is too late.
    let failures = first.commit(&[(revoked, 2)]).await;
    let error = failures[0].error.clone().unwrap();
    assert_eq!(
        (failures.len(), failures[0].assignment, error.code()),
        (1, revoked, v1::ErrorCode::MemberFenced)
    );
    assert!(!error.hint.is_empty() && !error.retryable);
    assert_eq!(committed(&broker, "billing").await.iter().filter(|at| at.1 == Some(1)).count(), 1);
    broker.stop().await;
}

/// G3: who was silent for its session timeout has lost what it had, and commits nothing when it wakes up.
#[tokio::test(flavor = "multi_thread")]
async fn g3_a_member_that_was_silent_commits_nothing() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    produce(&broker, 0, &["a", "b"]).await;
    let brief = v1::ConsumeJoin { session_timeout_ms: 1_000, ..join("billing", &["orders"]) };
    let mut silent = Member::join(&broker, brief).await;
    silent.until(|member| member.has.len() == 2 && member.read.len() == 2).await;
    let lost = silent.assignment(0);
    let began = Instant::now();
    // It has the default timeout.
    let mut heir = Member::join(&broker, join("billing", &["orders"])).await;
    heir.until(|member| member.has.len() == 2).await;
    let took = began.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_secs(3)).contains(&took), "{took:?}");
    silent.send_commit(&[(lost, 2)]).await;
    let end = silent.end().await.unwrap_err();
    assert_eq!(reason(&end).0, "MEMBER_FENCED");
    assert!(hint(&end).contains("heartbeat"), "{end:?}");
    assert_eq!((silent.lost.len(), silent.committed.len(), silent.has.len()), (2, 0, 0));
    assert_eq!(committed(&broker, "billing").await, [(0, None), (1, None)]);
    // The one that gives signs of life stays.
    heir.until(|member| member.read.len() == 2).await;
    heir.commit_all().await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_keep_a_member_alive() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let brief = v1::ConsumeJoin { session_timeout_ms: 1_000, ..join("billing", &["orders"]) };
    let mut member = Member::join(&broker, brief).await;
    for _ in 0..10 {
        member.beat().await;
        member.listen(Duration::from_millis(300)).await;
    }
    produce(&broker, 0, &["a"]).await;
    member.until(|member| member.read.len() == 1).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_keeps_what_was_revoked_is_expelled() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    let brief = v1::ConsumeJoin { session_timeout_ms: 1_000, ..join("billing", &["orders"]) };
    let mut first = Member::join(&broker, brief).await;
    first.is_obedient = false;
    first.until(|member| member.has.len() == 2).await;
    let mut second = Member::join(&broker, join("billing", &["orders"])).await;
    let keep = async {
        loop {
            first.beat().await;
            match tokio::time::timeout(Duration::from_millis(200), first.end()).await {
                Ok(end) => return end.unwrap_err(),
                Err(_) => continue,
            }
        }
    };
    let (end, ()) = tokio::join!(keep, second.until(|member| member.has.len() == 2));
    assert_eq!(reason(&end).0, "MEMBER_FENCED");
    assert!(hint(&end).contains("ConsumeRelease"), "{end:?}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_comes_back_to_what_it_had() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 4).await;
    let fixed =
        |instance: &str| v1::ConsumeJoin { instance: instance.to_owned(), ..join("billing", &["orders"]) };
    let mut one = Member::join(&broker, fixed("one")).await;
    one.until(|member| member.has.len() == 4).await;
    let mut two = Member::join(&broker, fixed("two")).await;
    one.until(|member| member.has.len() == 2).await;
    two.until(|member| member.has.len() == 2).await;
    let (kept, id, generation) = (one.partitions(), one.id, two.generation);
    drop(one);
    // It counts as a member that is away.
    let request =
        || of_tenant("acme", v1::GetGroupRequest { name: "billing".to_owned(), ..Default::default() });
    loop {
        let got = broker.groups().get_group(request()).await.unwrap().into_inner();
        assert_eq!(got.group.unwrap().members, 2);
        if got.members.iter().any(|member| member.away) {
            let away = got.members.iter().find(|member| member.away).unwrap();
            assert_eq!((away.instance.as_str(), away.assigned, away.member_id), ("one", 2, id));
            break;
        }
    }
    let mut again = Member::join(&broker, fixed("one")).await;
    again.until(|member| member.has.len() == 2).await;
    assert_eq!(again.partitions(), kept);
    assert_ne!(again.id, id);
    produce(&broker, two.partitions()[0], &["a"]).await;
    two.until(|member| member.read.len() == 1).await;
    assert_eq!((two.generation, two.has.len(), two.lost.len(), two.revoked.len()), (generation, 2, 0, 0));

    // A second one of the same name takes its place.
    let mut other = Member::join(&broker, fixed("one")).await;
    other.until(|member| member.has.len() == 2).await;
    assert_eq!(other.partitions(), kept);
    let end = again.end().await.unwrap_err();
    assert_eq!((reason(&end).0.as_str(), again.lost.len()), ("ALREADY_EXISTS", 2));
    assert!(hint(&end).contains("instance"), "{end:?}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stops_sending_has_left() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    produce(&broker, 0, &["a"]).await;
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 1).await;
    // What it committed last is answered.
    let assignment = member.assignment(0);
    let id = member.send_commit(&[(assignment, 1)]).await;
    member.close();
    member.end().await.unwrap();
    assert_eq!(member.committed, [v1::ConsumeCommitted { commit_id: id, failures: vec![] }]);
    let request = v1::ListGroupsRequest::default();
    let listed = broker.groups().list_groups(of_tenant("acme", request)).await.unwrap().into_inner();
    assert_eq!((listed.groups.len(), listed.groups[0].members), (1, 0));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_come_only_against_credit_and_commits_without() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    for _ in 0..10 {
        produce(&broker, 0, &[&"x".repeat(1000)]).await;
    }
    let poor = v1::ConsumeJoin { credit_bytes: 1, ..join("billing", &["orders"]) };
    let mut member = Member::join(&broker, poor).await;
    member.until(|member| member.read.len() == 1).await;
    member.listen(Duration::from_millis(200)).await;
    assert_eq!(member.read.len(), 1, "one batch may exceed the credit");
    let assignment = member.assignment(0);
    for offset in 0..=1 {
        assert_eq!(member.commit(&[(assignment, offset)]).await, []);
    }
    member.send(Sent::Credit(v1::ReadCredit { bytes: 3_500 })).await;
    member.listen(Duration::from_millis(200)).await;
    assert!((3..=5).contains(&member.read.len()), "{}", member.read.len());
    broker.stop().await;
}

/// Of a tenant that has used up its egress, commits and signs of life go on.
#[tokio::test(flavor = "multi_thread")]
async fn commits_are_not_held_up_by_a_quota() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let dimension = v1::QuotaDimension::Egress as i32;
    let set = vec![v1::Quota { dimension, limit: Some(20_000), ..Default::default() }];
    let target = Some(v1::QuotaTarget { tenant: "acme".to_owned(), part: None });
    let request = v1::SetQuotasRequest { target, set, unset: vec![] };
    broker.quotas().set_quotas(request).await.unwrap();
    for _ in 0..40 {
        produce(&broker, 0, &[&"x".repeat(10_000)]).await;
    }
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| !member.read.is_empty()).await;
    // The rest of the log is some 15 s away.
    for _ in 0..10 {
        let began = Instant::now();
        member.commit_all().await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert!(member.read.len() < 40, "there is nothing to wait for");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_come_and_go_under_a_group() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    broker.make("acme", "others", 1).await;
    produce(&broker, 0, &["a"]).await;
    let mut member = Member::join(&broker, join("billing", &["orders", "others"])).await;
    member.until(|member| member.has.len() == 2 && member.read.len() == 1).await;
    // Partitions that are added are noticed after a while.
    let add = v1::AddPartitionsRequest { name: "orders".to_owned(), partitions: 3, ..Default::default() };
    broker.topics().add_partitions(of_tenant("acme", add)).await.unwrap();
    let beating = async {
        loop {
            member.beat().await;
            member.listen(Duration::from_millis(500)).await;
            if member.has.len() == 4 {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), beating).await.unwrap();
    let delete = v1::DeleteTopicRequest { name: "orders".to_owned(), ..Default::default() };
    broker.topics().delete_topic(of_tenant("acme", delete)).await.unwrap();
    member.until(|member| member.lost.len() == 3).await;
    assert_eq!(member.has.values().next().unwrap().topic, "others");
    // The rest goes on.
    broker.produce().produce(of_tenant("acme", produce_request("others", 0, &["b"]))).await.unwrap();
    member.until(|member| member.read.len() == 2).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_goes_on_behind_what_is_trimmed() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    for value in ["a", "b", "c"] {
        produce(&broker, 0, &[value]).await;
    }
    let poor = v1::ConsumeJoin { credit_bytes: 1, ..join("billing", &["orders"]) };
    let mut member = Member::join(&broker, poor).await;
    member.until(|member| member.read.len() == 1).await;
    let trim = |before_offset| v1::TrimPartitionRequest {
        name: "orders".to_owned(),
        before_offset,
        ..Default::default()
    };
    broker.topics().trim_partition(of_tenant("acme", trim(2))).await.unwrap();
    member.may_skip = true;
    member.send(Sent::Credit(v1::ReadCredit { bytes: 10_000 })).await;
    member.until(|member| member.read.len() == 2).await;
    assert_eq!(member.values(), ["a", "c"]);
    // So does one that comes back to it.
    let assignment = member.assignment(0);
    assert_eq!(member.commit(&[(assignment, 1)]).await, []);
    drop(member);
    let mut again = Member::join(&broker, join("billing", &["orders"])).await;
    again.until(|member| member.read.len() == 1).await;
    let assigned = &again.has[&again.assignment(0)];
    assert_eq!((assigned.offset, assigned.committed_offset), (2, Some(1)));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_told_when_the_broker_stops() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.has.len() == 1).await;
    let stopping = broker.begin_stop();
    let end = member.end().await.unwrap_err();
    assert_eq!(reason(&end).0, "UNAVAILABLE");
    stopping.wait().await;
}

/// A right on a topic or on the group that is taken away ends the stream; its partitions go on with others.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_rights_are_taken_away_is_one_no_more() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    operator.make_tenant("acme").await;
    operator.make_topic("acme", "orders").await;
    let consume = [AclOperation::Consume as i32];
    let mut rules = Vec::new();
    for name in ["stays", "loses-the-topic", "loses-the-group", "is-disabled"] {
        operator.make_user("acme", name, false, &[]).await;
        let on_topic = operator.make_rule("acme", allow(user(name), &consume, named("orders"))).await;
        let on_group = operator.make_rule("acme", allow_group(user(name), &consume, Some("billing"))).await;
        rules.push((on_topic, on_group));
    }
    let credential = async |name: &str| operator.full_token("acme", name).await.1;
    let mut victims = Vec::new();
    for name in ["loses-the-topic", "loses-the-group", "is-disabled"] {
        let credential = credential(name).await;
        victims.push((
            Member::try_join(&broker, &credential, join("billing", &["orders"])).await.unwrap(),
            credential,
        ));
    }
    victims[0].0.until(|member| member.has.len() == 1).await;
    let mut heir =
        Member::try_join(&broker, &credential("stays").await, join("billing", &["orders"])).await.unwrap();
    // Not even the names of topics and groups can be guessed.
    let elsewhere = Member::try_join(&broker, &victims[0].1, join("other", &["orders"])).await;
    assert_eq!(reason(&elsewhere.err().unwrap()).0, "PERMISSION_DENIED");
    operator.delete_rules("acme", vec![rules[1].0, rules[2].1]).await;
    let disable = v1::UpdateUserRequest {
        tenant: "acme".to_owned(),
        name: "is-disabled".to_owned(),
        disabled: Some(true),
        ..Default::default()
    };
    let _: v1::UpdateUserResponse = operator.must(Op::UpdateUser, &disable).await;
    let codes = ["PERMISSION_DENIED", "PERMISSION_DENIED", "UNAUTHENTICATED"];
    for ((mut victim, credential), code) in victims.into_iter().zip(codes) {
        assert_eq!(reason(&victim.end().await.unwrap_err()).0, code);
        let again = Member::try_join(&broker, &credential, join("billing", &["orders"])).await;
        assert_eq!(reason(&again.err().unwrap()).0, code);
    }
    heir.until(|member| member.has.len() == 1).await;
    broker.stop().await;
}
