//! What is another tenant's looks like what does not exist; who may do what.

use crate::harness::{Broker, failure, from_start, next, of_tenant, position, produce_request, reason};
use crate::tenancy::{allow, named, prefix, user};
use crate::wire::Caller;
use levee_broker::operation::Operation;
use levee_proto::v1;
use levee_proto::v1::read_request::Kind;
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread")]
async fn foreign_topics_look_like_none() {
    let broker = Broker::start().await;
    broker.make("acme", "secret", 1).await;
    broker.make("other", "own", 1).await;
    let mut topics = broker.topics();
    let mut produce = broker.produce();
    let mut read = broker.read();
    let mut seen = Vec::new();
    // The same length, so that the answers can be compared whole.
    for name in ["secret", "absent"] {
        let get = v1::GetTopicRequest { tenant: String::new(), name: name.to_owned() };
        let mut answers = vec![failure(topics.get_topic(of_tenant("other", get)).await)];
        answers.push(failure(produce.produce(of_tenant("other", produce_request(name, 0, &["x"]))).await));
        let positions = vec![position(name, 0, from_start())];
        let list = v1::ListOffsetsRequest { positions: positions.clone() };
        answers.push(failure(read.list_offsets(of_tenant("other", list)).await));
        let start = v1::ReadStart { positions, credit_bytes: 1, stop_at_end: true };
        let start = v1::ReadRequest { kind: Some(Kind::Start(start)) };
        let mut stream =
            read.read(of_tenant("other", tokio_stream::iter([start]))).await.unwrap().into_inner();
        answers.push(reason(&next(&mut stream).await.unwrap_err()));
        seen.push(
            answers.into_iter().map(|(code, text)| (code, text.replace(name, "?"))).collect::<Vec<_>>(),
        );
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].iter().all(|(code, _)| code == "NOT_FOUND"), "{seen:?}");

    // Naming a tenant that exists is answered like naming one that does not.
    let mut seen = Vec::new();
    for tenant in ["acme", "none"] {
        let get = v1::GetTopicRequest { tenant: tenant.to_owned(), name: "secret".to_owned() };
        let (code, text) = failure(topics.get_topic(of_tenant("other", get)).await);
        seen.push((code, text.replace(tenant, "?")));
    }
    assert_eq!(seen[0], seen[1]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_for_those_it_is_for() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let mut cluster = broker.cluster();
    let answer = cluster.get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((answer.state(), answer.tenants, answer.topics), (v1::ShardState::Serving, 1, 1));
    let denied = cluster.get_status(of_tenant("acme", v1::GetStatusRequest {})).await;
    assert_eq!(failure(denied).0, "PERMISSION_DENIED");
    let denied = broker.produce().produce(Request::new(produce_request("orders", 0, &["x"]))).await;
    assert_eq!(failure(denied).0, "PERMISSION_DENIED");
    let nobody = broker.produce().produce(of_tenant("nobody", produce_request("orders", 0, &["x"]))).await;
    assert_eq!(failure(nobody).0, "NOT_FOUND");
    let mut stranger = Request::new(v1::GetStatusRequest {});
    stranger.metadata_mut().insert("authorization", "Bearer x".parse().unwrap());
    let refused = cluster.get_status(stranger).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_a_request_id() {
    let broker = Broker::start().await;
    let mut cluster = broker.cluster();
    let answer = cluster.get_status(v1::GetStatusRequest {}).await.unwrap();
    assert!(answer.metadata().get("levee-request-id").is_some());
    for (sent, is_kept) in [("my-id-7", true), ("not an id", false)] {
        let mut request = of_tenant("acme", v1::GetStatusRequest {});
        request.metadata_mut().insert("levee-request-id", sent.parse().unwrap());
        let status = cluster.get_status(request).await.unwrap_err();
        let id = status.metadata().get("levee-request-id").unwrap();
        assert_eq!(id == sent, is_kept);
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_nothing_of_topics_that_the_caller_may_not_see() {
    const LIST_AND_DESCRIBE: [i32; 2] = [3, 4];
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    operator.make_tenant("acme").await;
    for topic in ["a-hidden", "b-1", "b-2", "c-hidden", "d-1", "e-hidden"] {
        operator.make_topic("acme", topic).await;
    }
    operator.make_user("acme", "svc", false, &[]).await;
    for seen in ["b-", "d-"] {
        operator.make_rule("acme", allow(user("svc"), &LIST_AND_DESCRIBE, prefix(seen))).await;
    }
    let (_, credential) = operator.full_token("acme", "svc").await;
    let caller = Caller::new(&broker, credential).await;
    for (page_size, pages) in
        [(1, &[&["b-1"][..], &["b-2"], &["d-1"]][..]), (2, &[&["b-1", "b-2"], &["d-1"]])]
    {
        let mut page_token = String::new();
        for (index, page) in pages.iter().enumerate() {
            let request =
                v1::ListTopicsRequest { page_size, page_token: page_token.clone(), ..Default::default() };
            let listed: v1::ListTopicsResponse = caller.must(Operation::ListTopics, &request).await;
            let names: Vec<_> = listed.topics.iter().map(|topic| topic.name.as_str()).collect();
            assert_eq!(names, *page);
            assert!(!listed.next_page_token.contains("hidden"), "{}", listed.next_page_token);
            assert_eq!(listed.next_page_token.is_empty(), index + 1 == pages.len());
            let page_token_before = std::mem::replace(&mut page_token, listed.next_page_token);
            // The same page with its counters.
            let request = v1::ListTopicCountersRequest {
                page_size,
                page_token: page_token_before,
                ..Default::default()
            };
            let counted: v1::ListTopicCountersResponse =
                caller.must(Operation::ListTopicCounters, &request).await;
            let names: Vec<_> = counted.topics.iter().map(|topic| topic.name.as_str()).collect();
            assert_eq!((names.as_slice(), &counted.next_page_token), (*page, &page_token));
        }
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_an_operator_has_no_scopes() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    operator.make_user("", "narrow", true, &[]).await;
    let scope = v1::TokenScope {
        operations: vec![1],
        topics: Some(v1::TopicPattern { kind: Some(named("orders")) }),
        ..Default::default()
    };
    let request =
        v1::IssueTokenRequest { user: "narrow".to_owned(), scopes: vec![scope], ..Default::default() };
    let refused = operator.ask::<v1::IssueTokenResponse>(Operation::IssueToken, &request).await;
    let (code, message) = reason(&refused.unwrap_err());
    assert_eq!(code, "INVALID_ARGUMENT");
    assert!(message.contains("scopes"), "{message}");
    broker.stop().await;
}
