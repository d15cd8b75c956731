//! The pipelined produce stream.

use crate::harness::{Broker, from_start, next, of_tenant, position, produce_request};
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

fn request(correlation_id: u64, request: v1::ProduceRequest) -> v1::ProduceStreamRequest {
    v1::ProduceStreamRequest { correlation_id, request: Some(request) }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_order_and_an_error_does_not_end_the_stream() {
    const COUNT: u64 = 2_000;
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let requests = (0..COUNT).map(|id| match id % 10 {
        3 => request(id, produce_request("absent", 0, &["x"])),
        7 => v1::ProduceStreamRequest { correlation_id: id, request: None },
        _ => request(id, produce_request("orders", 0, &["x"])),
    });
    let requests = of_tenant("acme", tokio_stream::iter(requests.collect::<Vec<_>>()));
    let mut answers = broker.produce().produce_stream(requests).await.unwrap().into_inner();
    let mut offset = 0;
    for id in 0..COUNT {
        let answer = next(&mut answers).await.unwrap().unwrap();
        assert_eq!(answer.correlation_id, id);
        match (id % 10, answer.result.unwrap()) {
            (3, Outcome::Error(error)) => assert_eq!(error.code(), v1::ErrorCode::NotFound),
            (7, Outcome::Error(error)) => assert_eq!(error.code(), v1::ErrorCode::InvalidArgument),
            (_, Outcome::Response(response)) => {
                assert_eq!(response.base_offset, offset);
                offset += 1;
            }
            (_, other) => panic!("{id}: {other:?}"),
        }
    }
    assert_eq!(next(&mut answers).await.unwrap(), None);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_ends_the_stream_after_the_answers() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let large = v1::ProduceRequest { batch: vec![0; 5 * 1024 * 1024].into(), ..Default::default() };
    let requests = vec![request(1, produce_request("orders", 0, &["x"])), request(2, large)];
    let requests = of_tenant("acme", tokio_stream::iter(requests));
    let mut answers = broker.produce().produce_stream(requests).await.unwrap().into_inner();
    assert_eq!(next(&mut answers).await.unwrap().unwrap().correlation_id, 1);
    let (reason, _) = crate::harness::reason(&next(&mut answers).await.unwrap_err());
    assert_eq!(reason, "TOO_LARGE");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_ends() {
    let broker = Broker::start_with(|settings| settings.grpc.idle_timeout_ms = 1_000).await;
    broker.make("acme", "orders", 1).await;
    let (sender, receiver) = mpsc::channel(4);
    let requests = of_tenant("acme", ReceiverStream::new(receiver));
    let mut answers = broker.produce().produce_stream(requests).await.unwrap().into_inner();
    sender.send(request(1, produce_request("orders", 0, &["x"]))).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap().correlation_id, 1);
    let status = next(&mut answers).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert!(status.message().contains("no message"), "{status:?}");
    broker.stop().await;
}

/// D11: whatever was in flight when a client went away is stored as a whole or not at all, and nothing
/// that the next one needs is lost.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_leave_nothing_behind() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    for patience in 0..30 {
        let (sender, receiver) = mpsc::channel(1024);
        for id in 0..600 {
            sender.try_send(request(id, produce_request("orders", 0, &["a", "b"]))).unwrap();
        }
        let mut client = broker.produce();
        let call = client.produce_stream(of_tenant("acme", ReceiverStream::new(receiver)));
        let mut answers = call.await.unwrap().into_inner();
        // Gone after a few answers, or before the first.
        let _ = tokio::time::timeout(Duration::from_micros(patience * 100), async {
            while let Ok(Some(_)) = answers.message().await {}
        })
        .await;
        drop((answers, sender));
    }
    let answer =
        broker.produce().produce(of_tenant("acme", produce_request("orders", 0, &["last"]))).await.unwrap();
    let end = answer.into_inner().base_offset;
    assert_eq!(end % 2, 0, "half of a batch was stored");
    let list = v1::ListOffsetsRequest { positions: vec![position("orders", 0, from_start())] };
    broker.read().list_offsets(of_tenant("acme", list)).await.unwrap();
    broker.stop().await;
}
