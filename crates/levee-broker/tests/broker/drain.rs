//! Stopping: what was acknowledged stays, what is open is told, and it does not take long.

use crate::harness::{Broker, PATIENCE, from_start, next, of_tenant, position, produce_request, reason};
use levee_broker::ServeError;
use levee_proto::v1;
use levee_proto::v1::read_request::Kind;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

fn service(service: &str) -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest { service: service.to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_are_told_and_nothing_acknowledged_is_lost() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;

    let mut health = HealthClient::new(broker.channel());
    let mut watch = health.watch(service("levee.v1.ProduceService")).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await.unwrap().unwrap().status(), ServingStatus::Serving);

    let (produce, receiver) = mpsc::channel(16);
    let mut client = broker.produce();
    let call = client.produce_stream(of_tenant("acme", ReceiverStream::new(receiver)));
    let mut answers = call.await.unwrap().into_inner();
    for correlation_id in 0..10 {
        let request = Some(produce_request("orders", 0, &["x"]));
        produce.send(v1::ProduceStreamRequest { correlation_id, request }).await.unwrap();
    }
    assert_eq!(next(&mut answers).await.unwrap().unwrap().correlation_id, 0);

    let start = v1::ReadStart {
        positions: vec![position("orders", 0, from_start())],
        credit_bytes: 1024 * 1024,
        stop_at_end: false,
    };
    let (credit, receiver) = mpsc::channel(1);
    credit.send(v1::ReadRequest { kind: Some(Kind::Start(start)) }).await.unwrap();
    let mut client = broker.read();
    let mut reader =
        client.read(of_tenant("acme", ReceiverStream::new(receiver))).await.unwrap().into_inner();
    next(&mut reader).await.unwrap().unwrap();

    let begin = Instant::now();
    let stopping = broker.begin_stop();
    assert_eq!(next(&mut watch).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(next(&mut watch).await.unwrap().is_none());
    let mut acknowledged = 1;
    let status = loop {
        match next(&mut answers).await {
            Ok(Some(_)) => acknowledged += 1,
            Ok(None) => panic!("the stream ended as if all was done"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&status).0, "UNAVAILABLE");
    assert!(status.message().contains("draining"), "{status:?}");
    let status = loop {
        match next(&mut reader).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended as if all was done"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&status).0, "UNAVAILABLE");
    let dir = stopping.wait().await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());

    let broker = Broker::start_in(dir, |_| {}).await;
    let list = v1::ListOffsetsRequest { positions: vec![position("orders", 0, from_start())] };
    let offsets = broker.read().list_offsets(of_tenant("acme", list)).await.unwrap().into_inner();
    assert!(offsets.positions[0].end_offset >= acknowledged);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_let_go_is_cut() {
    let broker = Broker::start_with(|settings| settings.grpc.drain_timeout_ms = 300).await;
    let mut held = broker.hold().await;
    let begin = Instant::now();
    broker.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert!(tokio::time::timeout(PATIENCE, &mut held.answer).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_ends_during_the_drain_ends_it() {
    let broker = Broker::start().await;
    let shard = broker.shard.clone();
    let _held = broker.hold().await;
    let mut health = HealthClient::new(broker.channel());
    let mut watch = health.watch(service("")).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await.unwrap().unwrap().status(), ServingStatus::Serving);
    let stopping = broker.begin_stop();
    assert_eq!(next(&mut watch).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    shard.stop();
    assert!(matches!(stopping.outcome().await, Err(ServeError::CommitterEnded)));
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_fails_in_its_last_flush_is_an_error() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    std::fs::remove_dir_all(broker.dir.path().join("index")).unwrap();
    assert!(matches!(broker.begin_stop().outcome().await, Err(ServeError::StorageFailed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_asked_to_go_at_its_age() {
    let broker = Broker::start_with(|settings| {
        settings.grpc.connection_age_ms = 1_000;
        settings.grpc.connection_age_grace_ms = 1_000;
    })
    .await;
    broker.make("acme", "orders", 1).await;
    let (produce, receiver) = mpsc::channel(16);
    let mut client = broker.produce();
    let call = client.produce_stream(of_tenant("acme", ReceiverStream::new(receiver)));
    let mut answers = call.await.unwrap().into_inner();
    let request = Some(produce_request("orders", 0, &["x"]));
    produce.send(v1::ProduceStreamRequest { correlation_id: 1, request }).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap().correlation_id, 1);
    let status = next(&mut answers).await.unwrap_err();
    assert_eq!(reason(&status).0, "UNAVAILABLE");
    // The same client goes on, on another connection, once it has noticed.
    let deadline = Instant::now() + PATIENCE;
    while let Err(status) = client.produce(of_tenant("acme", produce_request("orders", 0, &["y"]))).await {
        assert!(Instant::now() < deadline, "{status:?}");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_without_an_end_of_their_own_end_with_the_connection() {
    for is_drain in [true, false] {
        let broker = Broker::start_with(|settings| {
            settings.grpc.reflection = true;
            settings.grpc.connection_age_ms = if is_drain { 3_600_000 } else { 1_000 };
        })
        .await;
        let mut health = HealthClient::new(broker.channel());
        let mut unknown = health.watch(service("unknown")).await.unwrap().into_inner();
        assert_eq!(next(&mut unknown).await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
        let (_question, receiver) = mpsc::channel(1);
        let mut reflection = ServerReflectionClient::new(broker.channel());
        let call = reflection.server_reflection_info(ReceiverStream::new(receiver));
        let mut reflection = call.await.unwrap().into_inner();

        let broker = if is_drain { Err(broker.begin_stop()) } else { Ok(broker) };
        for status in [next(&mut unknown).await.map(drop), next(&mut reflection).await.map(drop)] {
            assert_eq!(reason(&status.unwrap_err()).0, "UNAVAILABLE");
        }
        broker.map_or_else(|stopping| stopping, Broker::begin_stop).outcome().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_knows_its_services() {
    let broker = Broker::start().await;
    let mut health = HealthClient::new(broker.channel());
    for name in ["", "levee.v1.ReadService", "levee.v1.TopicService", "levee.v1.ClusterService"] {
        let answer = health.check(service(name)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let unknown = health.check(service("levee.v1.Nothing")).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    broker.stop().await;
}
