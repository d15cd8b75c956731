//! The fields of members of groups, and of those who administer groups.

use super::{LONG, is_refusal, refused};
use crate::consume::member::{Member, join};
use crate::harness::{Broker, next, of_tenant};
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind;
use levee_proto::v1::offset_spec::Spec;
use tonic::Status;

fn spec(spec: Spec) -> Option<v1::OffsetSpec> {
    Some(v1::OffsetSpec { spec: Some(spec) })
}

/// How a stream of these messages ends.
async fn error(broker: &Broker, messages: Vec<Kind>) -> Status {
    let messages: Vec<_> = messages.into_iter().map(|kind| v1::ConsumeRequest { kind: Some(kind) }).collect();
    // It stays open: what ends it is the broker.
    let requests = tokio_stream::StreamExt::chain(tokio_stream::iter(messages), tokio_stream::pending());
    let mut answers = broker.consume().consume(of_tenant("acme", requests)).await.unwrap().into_inner();
    loop {
        match next(&mut answers).await {
            Ok(answer) => assert!(answer.is_some(), "it ended well"),
            Err(status) => return status,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joining() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    for number in 0..99 {
        broker.make("acme", &format!("t{number}"), 1).await;
    }
    let good = || join("billing", &["orders"]);
    let with = |change: fn(&mut v1::ConsumeJoin)| {
        let mut join = good();
        change(&mut join);
        join
    };
    let bad: [(v1::ConsumeJoin, &str, &str); 18] = [
        (with(|join| join.group = String::new()), "INVALID_ARGUMENT", "group: "),
        (with(|join| join.group = "_a".to_owned()), "INVALID_ARGUMENT", "group: "),
        (with(|join| join.group = "x".repeat(LONG)), "INVALID_ARGUMENT", "group: "),
        (with(|join| join.topics.clear()), "INVALID_ARGUMENT", "topics: "),
        (with(|join| join.topics = vec!["orders".to_owned(); 101]), "INVALID_ARGUMENT", "topics: "),
        (with(|join| join.topics.push("orders".to_owned())), "INVALID_ARGUMENT", "topics[1]: "),
        (with(|join| join.topics.push("a/b".to_owned())), "INVALID_ARGUMENT", "topics[1]: "),
        (with(|join| join.topics.push("absent".to_owned())), "NOT_FOUND", "\"absent\""),
        (with(|join| join.instance = "a b".to_owned()), "INVALID_ARGUMENT", "instance: "),
        (with(|join| join.instance = "x".repeat(250)), "INVALID_ARGUMENT", "instance: "),
        (with(|join| join.session_timeout_ms = 999), "INVALID_ARGUMENT", "session_timeout_ms: "),
        (with(|join| join.session_timeout_ms = 300_001), "INVALID_ARGUMENT", "session_timeout_ms: "),
        (with(|join| join.start = spec(Spec::Offset(0))), "INVALID_ARGUMENT", "start.offset: "),
        (with(|join| join.start = spec(Spec::Edge(0))), "INVALID_ARGUMENT", "start.edge: "),
        (with(|join| join.start = spec(Spec::Edge(9))), "INVALID_ARGUMENT", "start.edge: "),
        (with(|join| join.credit_bytes = 0), "INVALID_ARGUMENT", "credit_bytes: "),
        (with(|join| join.credit_bytes = (64 << 20) + 1), "INVALID_ARGUMENT", "credit_bytes: "),
        (with(|join| join.group = ".".to_owned()), "INVALID_ARGUMENT", "group: "),
    ];
    for (join, code, text) in bad {
        is_refusal(text, &error(&broker, vec![Kind::Join(join)]).await, code, text);
    }
    // None of them has made a group.
    let listed = broker.groups().list_groups(of_tenant("acme", v1::ListGroupsRequest::default())).await;
    assert_eq!(listed.unwrap().into_inner().groups, []);
    let limits = with(|join| {
        join.group = "x".repeat(249);
        join.instance = "y".repeat(249);
        join.topics.extend((0..99).map(|number| format!("t{number}")));
        join.session_timeout_ms = 300_000;
        join.credit_bytes = 64 << 20;
    });
    let mut member = Member::join(&broker, limits).await;
    member.until(|member| member.has.len() == 101).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_partitions_for_a_group() {
    let broker = Broker::start().await;
    broker.make("acme", "wide", 10_000).await;
    broker.make("acme", "orders", 1).await;
    let refusal = error(&broker, vec![Kind::Join(join("billing", &["wide", "orders"]))]).await;
    is_refusal("partitions", &refusal, "LIMIT_EXCEEDED", "10001");
    let mut member = Member::join(&broker, join("billing", &["wide"])).await;
    member.until(|member| member.has.len() == 10_000).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_says() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let good = || Kind::Join(join("billing", &["orders"]));
    let beat = || Kind::Heartbeat(v1::ConsumeHeartbeat {});
    let commit = |assignments: Vec<u32>| {
        let offsets = assignments.into_iter().map(|assignment| v1::CommitOffset { assignment, offset: 0 });
        Kind::Commit(v1::ConsumeCommit { commit_id: 1, offsets: offsets.collect() })
    };
    let release = |assignments| Kind::Release(v1::ConsumeRelease { assignments });
    let bad: [(Vec<Kind>, &str); 7] = [
        (vec![beat()], "join: "),
        (vec![good(), good()], "join: "),
        (vec![good(), commit(vec![])], "commit.offsets: "),
        (vec![good(), commit((0..10_001).collect())], "commit.offsets: "),
        (vec![good(), commit(vec![3, 4, 3])], "commit.offsets[2].assignment: "),
        (vec![good(), release(vec![])], "release.assignments: "),
        (vec![good(), release((0..10_001).collect())], "release.assignments: "),
    ];
    for (messages, text) in bad {
        is_refusal(text, &error(&broker, messages).await, "INVALID_ARGUMENT", text);
    }
    // What was not revoked cannot be released; what is unknown may be over already.
    let mut member = Member::join(&broker, join("billing", &["orders"])).await;
    member.until(|member| member.has.len() == 1).await;
    member.send(release_of(vec![77])).await;
    let held = member.assignment(0);
    let failures = member.commit(&[(77, 0), (held, 1)]).await;
    let codes: Vec<_> = failures.iter().map(|failure| failure.error.as_ref().unwrap().code()).collect();
    assert_eq!(codes, [v1::ErrorCode::MemberFenced, v1::ErrorCode::OffsetOutOfRange]);
    member.send(release_of(vec![77, held])).await;
    is_refusal("held", &member.end().await.unwrap_err(), "INVALID_ARGUMENT", "release.assignments[1]: ");
    broker.stop().await;
}

fn release_of(assignments: Vec<u32>) -> Kind {
    Kind::Release(v1::ConsumeRelease { assignments })
}

#[tokio::test(flavor = "multi_thread")]
async fn administering() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    drop(Member::join(&broker, join("billing", &["orders"])).await);
    let mut groups = broker.groups();
    for name in ["", "_a", "a b", &"x".repeat(LONG)] {
        let get = v1::GetGroupRequest { name: name.to_owned(), ..Default::default() };
        refused(name, groups.get_group(of_tenant("acme", get)).await, "INVALID_ARGUMENT", "name: ");
        let delete = v1::DeleteGroupRequest { name: name.to_owned(), ..Default::default() };
        refused(name, groups.delete_group(of_tenant("acme", delete)).await, "INVALID_ARGUMENT", "name: ");
    }
    let get = v1::GetGroupRequest { name: "absent".to_owned(), ..Default::default() };
    refused("absent", groups.get_group(of_tenant("acme", get)).await, "NOT_FOUND", "\"absent\"");
    let list = |prefix: &str, page_size, page_token: &str| {
        let (prefix, page_token) = (prefix.to_owned(), page_token.to_owned());
        of_tenant("acme", v1::ListGroupsRequest { prefix, page_size, page_token, ..Default::default() })
    };
    refused("size", groups.list_groups(list("", 1001, "")).await, "INVALID_ARGUMENT", "page_size");
    refused("token", groups.list_groups(list("", 0, "a\0")).await, "INVALID_ARGUMENT", "page_token");
    refused("prefix", groups.list_groups(list(&"x".repeat(250), 0, "")).await, "INVALID_ARGUMENT", "prefix");

    let good = v1::SeekGroupRequest {
        name: "billing".to_owned(),
        topic: "orders".to_owned(),
        to: spec(Spec::Edge(1)),
        ..Default::default()
    };
    let with = |change: fn(&mut v1::SeekGroupRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let bad: [(v1::SeekGroupRequest, &str, &str); 11] = [
        (with(|seek| seek.name = String::new()), "INVALID_ARGUMENT", "name: "),
        (with(|seek| seek.name = "absent".to_owned()), "NOT_FOUND", "\"absent\""),
        (with(|seek| seek.topic = String::new()), "INVALID_ARGUMENT", "topic: "),
        (with(|seek| seek.topic = "absent".to_owned()), "NOT_FOUND", "\"absent\""),
        (with(|seek| seek.partitions = vec![2]), "NOT_FOUND", "partition 2"),
        (with(|seek| seek.partitions = vec![1, 0, 1]), "INVALID_ARGUMENT", "partitions: "),
        (with(|seek| seek.partitions = (0..10_001).collect()), "INVALID_ARGUMENT", "partitions: "),
        (with(|seek| seek.to = None), "INVALID_ARGUMENT", "to: "),
        (with(|seek| seek.to = spec(Spec::Edge(0))), "INVALID_ARGUMENT", "to.edge: "),
        (with(|seek| seek.to = spec(Spec::Edge(9))), "INVALID_ARGUMENT", "to.edge: "),
        (with(|seek| seek.to = spec(Spec::Offset(1))), "OFFSET_OUT_OF_RANGE", "partition 0"),
    ];
    for (request, code, text) in bad {
        let answer = loop {
            let answer = groups.seek_group(of_tenant("acme", request.clone())).await;
            // The member that is gone has left a moment later.
            match &answer {
                Err(status) if crate::harness::reason(status).0 == "GROUP_ACTIVE" => {}
                _ => break answer,
            }
        };
        refused(text, answer, code, text);
    }
    broker.stop().await;
}
