//! What was let in and then waited, for a quota, its client or its turn, is not done after it was taken away.

use super::{AT_MOST, PRODUCE_AND_CONSUME, by};
use crate::harness::{Broker, PATIENCE, next, position, produce_request, reason};
use crate::tenancy::{allow, named, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_proto::v1::read_request::Kind;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// A tenant with a topic and a user, who is to be disabled.
struct World {
    broker: Broker,
    operator: Caller,
    credential: String,
}

impl World {
    async fn new() -> Self {
        let (broker, credential) = Broker::start_real().await;
        let operator = Caller::new(&broker, credential).await;
        operator.make_tenant("acme").await;
        operator.make_topic("acme", "orders").await;
        operator.make_user("acme", "victim", false, &[]).await;
        operator.make_user("acme", "admin", true, &[]).await;
        operator.make_rule("acme", allow(user("victim"), &PRODUCE_AND_CONSUME, named("orders"))).await;
        let (_, credential) = operator.full_token("acme", "victim").await;
        Self { broker, operator, credential }
    }

    /// Delays what the user does beyond so much a second.
    async fn limit(&self, dimension: v1::QuotaDimension, limit: u64) {
        let quota = v1::Quota {
            dimension: dimension as i32,
            limit: Some(limit),
            action: v1::QuotaAction::Throttle as i32,
            ..Default::default()
        };
        let part = Some(v1::quota_target::Part::User("victim".to_owned()));
        let target = Some(v1::QuotaTarget { tenant: "acme".to_owned(), part });
        let request = v1::SetQuotasRequest { target, set: vec![quota], unset: vec![] };
        let _: v1::SetQuotasResponse = self.operator.must(Op::SetQuotas, &request).await;
    }

    /// Waits until so many requests were held up.
    async fn held_up(&self, count: usize) {
        let end = Instant::now() + PATIENCE;
        let request = v1::ExplainQuotasRequest { tenant: "acme".to_owned() };
        loop {
            let explained: v1::ExplainQuotasResponse = self.operator.must(Op::ExplainQuotas, &request).await;
            if explained.events.len() >= count {
                return;
            }
            assert!(Instant::now() < end, "nothing is held up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn disable(&self) {
        let request = v1::UpdateUserRequest {
            tenant: "acme".to_owned(),
            name: "victim".to_owned(),
            disabled: Some(true),
            ..Default::default()
        };
        let _: v1::UpdateUserResponse = self.operator.must(Op::UpdateUser, &request).await;
    }

    async fn end_offset(&self) -> u64 {
        let request = v1::GetTopicRequest { tenant: "acme".to_owned(), name: "orders".to_owned() };
        let topic: v1::GetTopicResponse = self.operator.must(Op::GetTopic, &request).await;
        topic.partitions[0].end_offset
    }
}

/// About 5,000 bytes.
fn large() -> v1::ProduceRequest {
    produce_request("orders", 0, &["x".repeat(5_000).as_str()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_for_its_quota_ends_at_once_and_writes_nothing() {
    let world = World::new().await;
    world.limit(v1::QuotaDimension::Ingress, 1_000).await;
    let (sender, receiver) = mpsc::channel(4);
    for correlation_id in 0..2 {
        let request = Some(large());
        sender.send(v1::ProduceStreamRequest { correlation_id, request }).await.unwrap();
    }
    let request = by(&world.credential, ReceiverStream::new(receiver));
    let mut answers = world.broker.produce().produce_stream(request).await.unwrap().into_inner();
    let first = next(&mut answers).await.unwrap().unwrap();
    assert!(matches!(first.result, Some(Outcome::Response(_))), "{first:?}");
    world.held_up(1).await;
    let since = Instant::now();
    world.disable().await;
    match next(&mut answers).await.unwrap().unwrap() {
        v1::ProduceStreamResponse { correlation_id: 1, result: Some(Outcome::Error(error)) } => {
            assert_eq!(error.code(), v1::ErrorCode::Unauthenticated);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(reason(&next(&mut answers).await.unwrap_err()).0, "UNAUTHENTICATED");
    assert!(since.elapsed() < AT_MOST, "{:?}", since.elapsed());
    assert_eq!(world.end_offset().await, 1);
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_waits_for_its_quota_is_refused_at_the_end_of_it() {
    let world = World::new().await;
    world.limit(v1::QuotaDimension::Ingress, 1_000).await;
    let caller = Caller::new(&world.broker, world.credential.clone()).await;
    let _: v1::ProduceResponse = caller.must(Op::Produce, &large()).await;
    let batch = large();
    let (refused, ()) = tokio::join!(caller.ask::<v1::ProduceResponse>(Op::Produce, &batch), async {
        world.held_up(1).await;
        world.disable().await;
    });
    assert_eq!(reason(&refused.unwrap_err()).0, "UNAUTHENTICATED");
    assert_eq!(world.end_offset().await, 1);
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_its_quota_is_refused_at_the_end_of_it() {
    let world = World::new().await;
    world.limit(v1::QuotaDimension::Requests, 1).await;
    let caller = Caller::new(&world.broker, world.credential.clone()).await;
    let batch = produce_request("orders", 0, &["x"]);
    let one = || caller.ask::<v1::ProduceResponse>(Op::Produce, &batch);
    // The first two come at once; each other one waits a second longer than the one before.
    let (answers, ()) = tokio::join!(futures::future::join_all((0..5).map(|_| one())), async {
        world.held_up(3).await;
        world.disable().await;
    });
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(taken < answers.len(), "all of them were taken before the user was disabled");
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!(reason(&status).0, "UNAUTHENTICATED");
    }
    assert_eq!(world.end_offset().await, taken as u64);
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_far_behind_is_not_served_to_the_end() {
    const BATCHES: usize = 24;
    let world = World::new().await;
    let (_, admin) = world.operator.full_token("acme", "admin").await;
    let value = "x".repeat(1_000_000);
    for _ in 0..BATCHES {
        let request = by(&admin, produce_request("orders", 0, &[&value]));
        world.broker.produce().produce(request).await.unwrap();
    }
    let (sender, receiver) = mpsc::channel(1_000);
    let positions = vec![position("orders", 0, Spec::Offset(0))];
    let start = v1::ReadStart { positions, credit_bytes: 64 << 20, stop_at_end: false };
    sender.send(v1::ReadRequest { kind: Some(Kind::Start(start)) }).await.unwrap();
    // There is always more of it.
    for _ in 0..500 {
        let credit = v1::ReadCredit { bytes: 1 << 20 };
        sender.send(v1::ReadRequest { kind: Some(Kind::Credit(credit)) }).await.unwrap();
    }
    let request = by(&world.credential, ReceiverStream::new(receiver));
    let mut messages = world.broker.read().read(request).await.unwrap().into_inner();
    next(&mut messages).await.unwrap().unwrap();
    // It does not take anything meanwhile, so what is on its way is little.
    world.disable().await;
    let mut seen = 0;
    let status = loop {
        match next(&mut messages).await {
            Ok(Some(v1::ReadResponse { kind: Some(v1::read_response::Kind::Batches(batches)) })) => {
                seen += batches.batches.len();
            }
            Ok(other) => panic!("{other:?}"),
            Err(status) => break status,
        }
    };
    println!("{seen} of {BATCHES} batches came");
    assert_eq!(reason(&status).0, "UNAUTHENTICATED");
    assert!(seen < BATCHES / 2, "{seen} of {BATCHES} batches came");
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_was_a_request_all_the_same() {
    const BATCHES: u64 = 4;
    let world = World::new().await;
    world.limit(v1::QuotaDimension::Requests, 1).await;
    let (sender, receiver) = mpsc::channel(8);
    for correlation_id in 0..BATCHES {
        let request = Some(produce_request("not allowed", 0, &["x"]));
        sender.send(v1::ProduceStreamRequest { correlation_id, request }).await.unwrap();
    }
    let request = by(&world.credential, ReceiverStream::new(receiver));
    let mut answers = world.broker.produce().produce_stream(request).await.unwrap().into_inner();
    for correlation_id in 0..BATCHES {
        let answer = next(&mut answers).await.unwrap().unwrap();
        assert_eq!(answer.correlation_id, correlation_id);
        assert!(matches!(answer.result, Some(Outcome::Error(_))), "{answer:?}");
    }
    let caller = Caller::new(&world.broker, world.credential.clone()).await;
    let started = Instant::now();
    let _: v1::ProduceResponse = caller.must(Op::Produce, &produce_request("orders", 0, &["x"])).await;
    assert!(started.elapsed() > Duration::from_secs(2), "it waits until they are paid back");
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_its_time_to_begin_does_not_begin() {
    let world = World::new().await;
    let (sender, receiver) = mpsc::channel(1);
    let request = by(&world.credential, ReceiverStream::new(receiver));
    let mut messages = world.broker.read().read(request).await.unwrap().into_inner();
    world.disable().await;
    let positions = vec![position("orders", 0, Spec::Offset(0))];
    let start = v1::ReadStart { positions, credit_bytes: 1 << 20, stop_at_end: false };
    sender.send(v1::ReadRequest { kind: Some(Kind::Start(start)) }).await.unwrap();
    assert_eq!(reason(&next(&mut messages).await.unwrap_err()).0, "UNAUTHENTICATED");
    world.broker.stop().await;
}
