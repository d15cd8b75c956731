//! Administering groups.

use crate::consume::member::{Member, join};
use crate::harness::{Broker, hint, of_tenant, produce_request, reason};
use crate::tenancy::{allow, named, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use tonic::{Response, Status};

fn acme<T>(message: T) -> tonic::Request<T> {
    of_tenant("acme", message)
}

async fn produce(broker: &Broker, topic: &str, partition: u32, values: &[&str]) {
    broker.produce().produce(acme(produce_request(topic, partition, values))).await.unwrap();
}

async fn get(broker: &Broker, name: &str) -> v1::GetGroupResponse {
    let request = v1::GetGroupRequest { name: name.to_owned(), ..Default::default() };
    broker.groups().get_group(acme(request)).await.unwrap().into_inner()
}

/// Until a group has so many members: a stream that the client drops is gone a moment later.
async fn wait_for_members(broker: &Broker, name: &str, members: u32) {
    while get(broker, name).await.group.unwrap().members != members {
        tokio::task::yield_now().await;
    }
}

fn seek(topic: &str, partitions: &[u32], to: Spec) -> v1::SeekGroupRequest {
    v1::SeekGroupRequest {
        name: "billing".to_owned(),
        topic: topic.to_owned(),
        partitions: partitions.to_vec(),
        to: Some(v1::OffsetSpec { spec: Some(to) }),
        ..Default::default()
    }
}

fn sought(answer: Result<Response<v1::SeekGroupResponse>, Status>) -> Vec<(u32, Option<u64>, u64)> {
    let partitions = answer.unwrap().into_inner().partitions;
    partitions.into_iter().map(|at| (at.partition, at.from_offset, at.to_offset)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shows_its_members_and_its_lag() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    produce(&broker, "orders", 0, &["a", "b", "c"]).await;
    produce(&broker, "orders", 1, &["x"]).await;
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 4).await;
    let assignment = member.assignment(0);
    assert_eq!(member.commit(&[(assignment, 1)]).await, []);
    let got = get(&broker, "billing").await;
    let group = got.group.unwrap();
    assert_eq!((group.name.as_str(), group.kind(), group.members), ("billing", v1::GroupKind::Consumers, 1));
    assert!(group.created_ms > 0);
    assert_eq!(got.generation, 1);
    let [only] = &got.members[..] else { panic!("{:?}", got.members) };
    assert_eq!((only.member_id, only.assigned, only.away), (member.id, 2, false));
    assert!(only.joined_ms >= group.created_ms && !only.user.is_empty());
    let partitions: Vec<_> = got
        .partitions
        .iter()
        .map(|at| (at.topic.as_str(), at.partition, at.committed_offset, at.end_offset, at.lag, at.member_id))
        .collect();
    let id = Some(member.id);
    assert_eq!(partitions, [("orders", 0, Some(1), 3, 2, id), ("orders", 1, None, 1, 1, id)]);
    assert!(got.partitions[0].committed_ms > 0);
    drop(member);
    wait_for_members(&broker, "billing", 0).await;
    // Of what nobody has, what is committed.
    let got = get(&broker, "billing").await;
    assert_eq!((got.partitions.len(), got.partitions[0].member_id, got.generation), (1, None, 0));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_listed_in_pages() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let mut members = Vec::new();
    for name in ["billing", "audit", "billing-2"] {
        members.push(Member::join(&broker, join(name, &["orders"])).await);
    }
    let list = |prefix: &str, page_size, page_token| {
        let mut groups = broker.groups();
        let prefix = prefix.to_owned();
        async move {
            let request = v1::ListGroupsRequest { prefix, page_size, page_token, ..Default::default() };
            let page = groups.list_groups(acme(request)).await.unwrap().into_inner();
            let names: Vec<_> = page.groups.into_iter().map(|group| (group.name, group.members)).collect();
            (names, page.next_page_token)
        }
    };
    let with = |name: &str| (name.to_owned(), 1);
    let (all, next) = list("", 0, String::new()).await;
    assert_eq!((all, next), (vec![with("audit"), with("billing"), with("billing-2")], String::new()));
    let (first, next) = list("b", 1, String::new()).await;
    assert_eq!(first, [with("billing")]);
    let (second, next) = list("b", 1, next).await;
    assert_eq!((second, next.as_str()), (vec![with("billing-2")], ""));
    // Another tenant has none of them.
    broker.make("beta", "orders", 1).await;
    let listed = broker.groups().list_groups(of_tenant("beta", v1::ListGroupsRequest::default())).await;
    assert_eq!(listed.unwrap().into_inner().groups, []);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeking_sets_where_a_group_goes_on() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 3).await;
    broker.make("acme", "others", 1).await;
    for partition in 0..3 {
        produce(&broker, "orders", partition, &["a", "b", "c"]).await;
    }
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 9).await;
    let assignment = member.assignment(0);
    assert_eq!(member.commit(&[(assignment, 3)]).await, []);
    let mut groups = broker.groups();
    let start = Spec::Edge(v1::OffsetEdge::Start as i32);
    let end = Spec::Edge(v1::OffsetEdge::End as i32);
    let refused = groups.seek_group(acme(seek("orders", &[], start))).await.unwrap_err();
    assert_eq!(reason(&refused).0, "GROUP_ACTIVE");
    assert!(hint(&refused).contains("stop its members"));
    // What its members do not consume can be set.
    assert_eq!(sought(groups.seek_group(acme(seek("others", &[], end))).await), [(0, None, 0)]);
    drop(member);
    wait_for_members(&broker, "billing", 0).await;

    let dry = v1::SeekGroupRequest { dry_run: true, ..seek("orders", &[], start) };
    let would = vec![(0, Some(3), 0), (1, None, 0), (2, None, 0)];
    assert_eq!(sought(groups.seek_group(acme(dry.clone())).await), would);
    assert_eq!(sought(groups.seek_group(acme(dry)).await), would, "a dry run changed something");
    assert_eq!(sought(groups.seek_group(acme(seek("orders", &[2, 0], start))).await), [would[0], would[2]]);
    let offset = groups.seek_group(acme(seek("orders", &[0], Spec::Offset(2)))).await;
    assert_eq!(sought(offset), [(0, Some(0), 2)]);
    assert_eq!(sought(groups.seek_group(acme(seek("orders", &[1], end))).await), [(1, None, 3)]);
    let time = groups.seek_group(acme(seek("orders", &[1], Spec::TimestampMs(0)))).await;
    assert_eq!(sought(time), [(1, Some(3), 0)]);
    let beyond = groups.seek_group(acme(seek("orders", &[0], Spec::Offset(4)))).await.unwrap_err();
    assert_eq!(reason(&beyond), ("OFFSET_OUT_OF_RANGE".to_owned(), beyond.message().to_owned()));
    assert!(beyond.message().contains("partition 0") && beyond.message().contains("0 to 3"), "{beyond:?}");
    // Members go on there.
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 7).await;
    assert_eq!(member.read.iter().filter(|(partition, ..)| *partition == 0).count(), 1);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_members_can_be_deleted() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    produce(&broker, "orders", 0, &["a"]).await;
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 1).await;
    member.commit_all().await;
    let mut groups = broker.groups();
    let delete =
        |dry_run| acme(v1::DeleteGroupRequest { name: "billing".to_owned(), dry_run, ..Default::default() });
    for dry_run in [true, false] {
        let refused = groups.delete_group(delete(dry_run)).await.unwrap_err();
        assert_eq!(reason(&refused).0, "GROUP_ACTIVE");
    }
    drop(member);
    wait_for_members(&broker, "billing", 0).await;
    groups.delete_group(delete(true)).await.unwrap();
    assert_eq!(get(&broker, "billing").await.partitions[0].committed_offset, Some(1));
    groups.delete_group(delete(false)).await.unwrap();
    for dry_run in [true, false] {
        let refused = groups.delete_group(delete(dry_run)).await.unwrap_err();
        assert_eq!(reason(&refused).0, "NOT_FOUND");
        assert!(hint(&refused).contains("levee group ls"));
    }
    // Another one of its name has committed nothing.
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.read.len() == 1).await;
    assert_eq!(member.has[&member.assignment(0)].committed_offset, None);
    broker.stop().await;
}

/// Partitions of topics that the caller may not describe are not shown, and their places not told.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_shows_only_topics_that_the_caller_may_describe() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    operator.make_tenant("acme").await;
    operator.make_user("acme", "root", true, &[]).await;
    let (_, root) = operator.full_token("acme", "root").await;
    for topic in ["orders", "secrets"] {
        operator.make_topic("acme", topic).await;
    }
    let member = Member::try_join(&broker, &root, join("billing", &["orders", "secrets"])).await;
    let mut member = member.unwrap();
    member.until(|member| member.has.len() == 2).await;
    operator.make_user("acme", "watcher", false, &[]).await;
    let describe = levee_types::acl::AclOperation::Describe as i32;
    operator.make_rule("acme", allow(user("watcher"), &[describe], named("orders"))).await;
    operator
        .make_rule("acme", crate::tenancy::allow_group(user("watcher"), &[describe], Some("billing")))
        .await;
    let (_, watcher) = operator.full_token("acme", "watcher").await;
    let watcher = Caller::new(&broker, watcher).await;
    let request = v1::GetGroupRequest { name: "billing".to_owned(), ..Default::default() };
    let got: v1::GetGroupResponse = watcher.must(Op::GetGroup, &request).await;
    let topics: Vec<_> = got.partitions.iter().map(|at| at.topic.as_str()).collect();
    assert_eq!(topics, ["orders"]);
    let root = Caller::new(&broker, root).await;
    let got: v1::GetGroupResponse = root.must(Op::GetGroup, &request).await;
    assert_eq!(got.partitions.len(), 2);
    broker.stop().await;
}
