//! Transactions and compare-and-append over the wire.

use crate::harness::{Broker, from_start, next, of_tenant, position, produce_request, reason};
use crate::tenancy::{allow, named, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_proto::v1::read_request::Kind;
use levee_proto::v1::read_response;
use std::time::{Duration, Instant};
use tonic::Code;
use tonic_types::StatusExt as _;

/// A batch of a transaction.
fn staged(
    producer: v1::InitProducerResponse,
    number: u64,
    index: u32,
    mut request: v1::ProduceRequest,
) -> v1::ProduceRequest {
    let v1::InitProducerResponse { producer_id, epoch } = producer;
    request.transaction =
        Some(v1::TransactionSequence { producer_id, epoch, number, index, timeout_ms: 1_000 });
    request
}

fn commit(
    producer: v1::InitProducerResponse,
    number: u64,
    staged: u32,
    batches: Vec<v1::ProduceRequest>,
) -> v1::CommitTransactionRequest {
    let v1::InitProducerResponse { producer_id, epoch } = producer;
    let batch = |request| {
        let v1::ProduceRequest { topic, partition, batch, batch_crc32c, .. } = request;
        v1::TransactionBatch { topic, partition, batch, batch_crc32c }
    };
    let batches = batches.into_iter().map(batch).collect();
    v1::CommitTransactionRequest { producer_id, epoch, number, staged, batches, offsets: vec![] }
}

async fn producer(broker: &Broker) -> v1::InitProducerResponse {
    let new = of_tenant("acme", v1::InitProducerRequest::default());
    broker.produce().init_producer(new).await.unwrap().into_inner()
}

/// How many records the partitions of the topic have for whoever reads to the end.
async fn count(broker: &Broker, partitions: u32) -> Vec<u64> {
    let mut counts = Vec::new();
    for partition in 0..partitions {
        let positions = vec![position("orders", partition, from_start())];
        let start = v1::ReadStart { positions, credit_bytes: 1 << 20, stop_at_end: true };
        let requests = tokio_stream::iter([v1::ReadRequest { kind: Some(Kind::Start(start)) }]);
        let mut answers = broker.read().read(of_tenant("acme", requests)).await.unwrap().into_inner();
        let mut records = 0;
        while let Some(answer) = next(&mut answers).await.unwrap() {
            if let Some(read_response::Kind::Batches(batches)) = answer.kind {
                records += batches.batches.iter().map(|batch| u64::from(batch.record_count)).sum::<u64>();
            }
        }
        counts.push(records);
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_read_when_it_is_committed_and_as_a_whole() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    let producer = producer(&broker).await;
    let request = staged(producer, 1, 0, produce_request("orders", 0, &["a", "b"]));
    for duplicate in [false, true] {
        let answer = broker.produce().produce(of_tenant("acme", request.clone())).await.unwrap().into_inner();
        assert_eq!(answer, v1::ProduceResponse { duplicate, ..Default::default() });
    }
    // The same over a stream, beside a batch of no transaction.
    let requests = [
        staged(producer, 1, 1, produce_request("orders", 1, &["c"])),
        produce_request("orders", 1, &["plain"]),
        staged(producer, 1, 3, produce_request("orders", 1, &["skips"])),
        staged(producer, 1, 2, produce_request("orders", 0, &["d"])),
    ];
    let requests = requests.into_iter().zip(0..);
    let requests = requests
        .map(|(request, correlation_id)| v1::ProduceStreamRequest { correlation_id, request: Some(request) });
    let requests = of_tenant("acme", tokio_stream::iter(requests.collect::<Vec<_>>()));
    let mut answers = broker.produce().produce_stream(requests).await.unwrap().into_inner();
    let mut codes = Vec::new();
    while let Some(answer) = next(&mut answers).await.unwrap() {
        codes.push(match answer.result.unwrap() {
            Outcome::Response(_) => None,
            Outcome::Error(error) => Some(error.code()),
        });
    }
    assert_eq!(codes, [None, None, Some(v1::ErrorCode::OutOfOrderSequence), None]);
    assert_eq!(count(&broker, 2).await, [0, 1]);

    let request = commit(producer, 1, 3, vec![produce_request("orders", 1, &["e"])]);
    let mut client = broker.transactions();
    let first = client.commit_transaction(of_tenant("acme", request.clone())).await.unwrap().into_inner();
    assert_eq!((&first.base_offsets[..], first.duplicate), (&[0, 1, 2, 2][..], false));
    assert!(first.commit_time_ms > 0);
    assert_eq!(count(&broker, 2).await, [3, 3]);
    let again = client.commit_transaction(of_tenant("acme", request)).await.unwrap().into_inner();
    assert_eq!(again, v1::CommitTransactionResponse { duplicate: true, ..first });
    assert_eq!(count(&broker, 2).await, [3, 3]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_transaction_is_never_read() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let producer = producer(&broker).await;
    let request = staged(producer, 1, 0, produce_request("orders", 0, &["a"]));
    broker.produce().produce(of_tenant("acme", request.clone())).await.unwrap();
    let v1::InitProducerResponse { producer_id, epoch } = producer;
    let abort = v1::AbortTransactionRequest { producer_id, epoch, number: 1 };
    let mut client = broker.transactions();
    for _ in 0..2 {
        client.abort_transaction(of_tenant("acme", abort)).await.unwrap();
    }
    let late = broker.produce().produce(of_tenant("acme", request)).await.unwrap_err();
    assert_eq!((reason(&late).0.as_str(), late.code()), ("TRANSACTION_ABORTED", Code::Aborted));
    let late = client.commit_transaction(of_tenant("acme", commit(producer, 1, 1, vec![]))).await;
    assert_eq!(reason(&late.unwrap_err()).0, "TRANSACTION_ABORTED");
    assert_eq!(count(&broker, 1).await, [0]);
    broker.stop().await;
}

/// T4: within a second after its time. Nobody else waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn t4_the_transaction_of_a_client_that_is_gone_is_aborted_in_time() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let producer = producer(&broker).await;
    let begin = Instant::now();
    let request = staged(producer, 1, 0, produce_request("orders", 0, &["a"]));
    broker.produce().produce(of_tenant("acme", request)).await.unwrap();
    // What is appended meanwhile is read at once.
    broker.produce().produce(of_tenant("acme", produce_request("orders", 0, &["b"]))).await.unwrap();
    assert_eq!(count(&broker, 1).await, [1]);
    let mut index = 1;
    let ended = loop {
        let more = staged(producer, 1, index, produce_request("orders", 0, &["c"]));
        match broker.produce().produce(of_tenant("acme", more)).await {
            Ok(_) => index += 1,
            Err(status) => break reason(&status).0,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(begin.elapsed() < Duration::from_secs(20), "it is never aborted");
    };
    assert_eq!(ended, "TRANSACTION_ABORTED");
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(3), "after {took:?}");
    assert_eq!(count(&broker, 1).await, [1]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_lost_the_race_learns_the_offset() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let expect = |offset| v1::ProduceRequest {
        expected_offset: Some(offset),
        ..produce_request("orders", 0, &["a", "b"])
    };
    let mut client = broker.produce();
    client.produce(of_tenant("acme", expect(0))).await.unwrap();
    let lost = client.produce(of_tenant("acme", expect(0))).await.unwrap_err();
    let info = lost.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), lost.code()), ("OFFSET_MISMATCH", Code::Aborted));
    assert_eq!((&*info.metadata["current_offset"], &*info.metadata["retryable"]), ("2", "false"));
    let requests = [0, 2]
        .map(|offset| v1::ProduceStreamRequest { correlation_id: offset, request: Some(expect(offset)) });
    let requests = of_tenant("acme", tokio_stream::iter(requests));
    let mut answers = client.produce_stream(requests).await.unwrap().into_inner();
    match next(&mut answers).await.unwrap().unwrap().result.unwrap() {
        Outcome::Error(error) => {
            assert_eq!((error.code(), error.current_offset), (v1::ErrorCode::OffsetMismatch, Some(2)));
        }
        other => panic!("{other:?}"),
    }
    match next(&mut answers).await.unwrap().unwrap().result.unwrap() {
        Outcome::Response(answer) => assert_eq!(answer.base_offset, 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(count(&broker, 1).await, [4]);
    broker.stop().await;
}

/// What was staged becomes records at the commit: whoever commits must be allowed to make them then.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_needs_the_right_to_every_topic_that_was_staged_for() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    operator.make_tenant("acme").await;
    for topic in ["orders", "mine"] {
        operator.make_topic("acme", topic).await;
    }
    let mut callers = Vec::new();
    for (name, topics) in [("writer", &["orders", "mine"][..]), ("other", &["mine"])] {
        operator.make_user("acme", name, false, &[]).await;
        for topic in topics {
            operator.make_rule("acme", allow(user(name), &[1], named(topic))).await;
        }
        let (_, credential) = operator.full_token("acme", name).await;
        callers.push(Caller::new(&broker, credential).await);
    }
    let producer: v1::InitProducerResponse =
        callers[0].must(Op::InitProducer, &v1::InitProducerRequest::default()).await;
    for (index, topic) in [(0, "mine"), (1, "orders")] {
        let request = staged(producer, 1, index, produce_request(topic, 0, &["x"]));
        let _: v1::ProduceResponse = callers[0].must(Op::Produce, &request).await;
    }
    let request = commit(producer, 1, 2, vec![]);
    let refused = callers[1].ask::<v1::CommitTransactionResponse>(Op::CommitTransaction, &request).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let _: v1::CommitTransactionResponse = callers[0].must(Op::CommitTransaction, &request).await;
    broker.stop().await;
}
