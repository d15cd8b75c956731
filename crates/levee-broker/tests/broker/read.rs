//! The read stream.

use crate::harness::{Broker, from_start, next, of_tenant, position, produce_request, reason};
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_proto::{batch, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

struct Reader {
    credit: Option<mpsc::Sender<v1::ReadRequest>>,
    answers: Streaming<v1::ReadResponse>,
}

impl Reader {
    async fn start(
        broker: &Broker,
        positions: Vec<v1::ReadPosition>,
        credit_bytes: u64,
        stop_at_end: bool,
    ) -> (Self, Vec<v1::ResolvedPosition>) {
        let (credit, receiver) = mpsc::channel(16);
        let start = v1::ReadStart { positions, credit_bytes, stop_at_end };
        credit.send(v1::ReadRequest { kind: Some(Sent::Start(start)) }).await.unwrap();
        let request = of_tenant("acme", ReceiverStream::new(receiver));
        let mut answers = broker.read().read(request).await.unwrap().into_inner();
        let Some(Answer::Started(started)) = next(&mut answers).await.unwrap().unwrap().kind else {
            panic!("not started");
        };
        (Self { credit: Some(credit), answers }, started.positions)
    }

    async fn grant(&self, bytes: u64) {
        let credit = v1::ReadRequest { kind: Some(Sent::Credit(v1::ReadCredit { bytes })) };
        self.credit.as_ref().unwrap().send(credit).await.unwrap();
    }

    /// The next batches; none at the end of the stream.
    async fn batches(&mut self) -> Option<Vec<v1::StoredBatch>> {
        match next(&mut self.answers).await.unwrap()?.kind.unwrap() {
            Answer::Batches(batches) => Some(batches.batches),
            Answer::Started(_) => panic!("started again"),
        }
    }

    /// Position, offset and value of each record, until there are `count`.
    async fn values(&mut self, count: usize) -> Vec<(u32, u64, String)> {
        let mut values = Vec::new();
        while values.len() < count {
            for stored in self.batches().await.expect("the stream ended early") {
                values.extend(decode(&stored));
            }
        }
        values
    }
}

fn decode(stored: &v1::StoredBatch) -> Vec<(u32, u64, String)> {
    let records = batch::decode(&stored.batch).unwrap();
    assert_eq!(records.len(), stored.record_count as usize);
    let placed = |(delta, record): (u32, v1::Record)| {
        let offset = stored.base_offset + u64::from(delta);
        (stored.position, offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap())
    };
    records.into_iter().map(placed).collect()
}

async fn produce(broker: &Broker, topic: &str, partition: u32, values: &[&str]) {
    broker.produce().produce(of_tenant("acme", produce_request(topic, partition, values))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_what_was_there_and_what_comes() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    produce(&broker, "orders", 0, &["a", "b"]).await;
    let positions = vec![position("orders", 0, from_start()), position("orders", 1, from_start())];
    let (mut reader, started) = Reader::start(&broker, positions, 1024 * 1024, false).await;
    assert_eq!((started[0].offset, started[0].end_offset, started[1].end_offset), (0, 2, 0));
    let expected = vec![(0, 0, "a".to_owned()), (0, 1, "b".to_owned())];
    assert_eq!(reader.values(2).await, expected);
    for round in 0..20_u64 {
        produce(&broker, "orders", 1, &["c"]).await;
        assert_eq!(reader.values(1).await, vec![(1, round, "c".to_owned())]);
        produce(&broker, "orders", 0, &["d"]).await;
        assert_eq!(reader.values(1).await, vec![(0, round + 2, "d".to_owned())]);
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_only_against_credit() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    for _ in 0..10 {
        produce(&broker, "orders", 0, &[&"x".repeat(1000)]).await;
    }
    let (mut reader, _) = Reader::start(&broker, vec![position("orders", 0, from_start())], 1, false).await;
    let first = reader.batches().await.unwrap();
    assert_eq!(first.len(), 1, "one batch may exceed the credit");
    let size = first[0].batch.len() as u64;
    // The excess is subtracted from what comes next: this brings it to 0, which is none.
    reader.grant(size - 1).await;
    reader.grant(2 * size).await;
    let mut offsets = Vec::new();
    while offsets.len() < 2 {
        offsets.extend(reader.batches().await.unwrap().iter().map(|batch| batch.base_offset));
    }
    assert_eq!(offsets, [1, 2]);
    // No more credit can come: what there is is used up, and the stream ends well.
    reader.grant(size).await;
    reader.credit = None;
    assert_eq!(reader.batches().await.unwrap()[0].base_offset, 3);
    assert!(reader.batches().await.is_none());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_at_the_end_that_was() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 4).await;
    produce(&broker, "orders", 0, &["a"]).await;
    produce(&broker, "orders", 0, &["b"]).await;
    produce(&broker, "orders", 3, &["z"]).await;
    produce(&broker, "orders", 1, &["c"]).await;
    let end = Spec::Edge(v1::OffsetEdge::End as i32);
    let positions = vec![
        position("orders", 0, Spec::Offset(1)),
        position("orders", 1, from_start()),
        position("orders", 2, from_start()),
        position("orders", 3, end),
    ];
    let (mut reader, _) = Reader::start(&broker, positions.clone(), 1024, true).await;
    let mut values = reader.values(2).await;
    values.sort();
    assert_eq!(values, [(0, 1, "b".to_owned()), (1, 0, "c".to_owned())]);
    assert!(reader.batches().await.is_none());
    // All at their end from the beginning.
    let (mut reader, _) = Reader::start(&broker, positions[2..].to_vec(), 1024, true).await;
    assert!(reader.batches().await.is_none());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_from_the_disk_after_a_restart() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 4).await;
    for index in 0..400 {
        produce(&broker, "orders", index % 4, &[&index.to_string(), &"x".repeat(10_000)]).await;
    }
    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    let positions = (0..4).map(|partition| position("orders", partition, from_start())).collect();
    let (mut reader, _) = Reader::start(&broker, positions, 64 * 1024 * 1024, true).await;
    let mut next_offset = [0; 4];
    while let Some(batches) = reader.batches().await {
        for stored in batches {
            let partition = stored.position as usize;
            assert_eq!(stored.base_offset, next_offset[partition]);
            let expected = stored.base_offset / 2 * 4 + partition as u64;
            assert_eq!(decode(&stored)[0].2, expected.to_string());
            next_offset[partition] += 2;
        }
    }
    assert_eq!(next_offset, [200; 4]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tiny_batches_fit_into_messages() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let requests = (0..30_000).map(|id| v1::ProduceStreamRequest {
        correlation_id: id,
        request: Some(produce_request("orders", 0, &["x"])),
    });
    let requests = of_tenant("acme", tokio_stream::iter(requests.collect::<Vec<_>>()));
    let mut answers = broker.produce().produce_stream(requests).await.unwrap().into_inner();
    while next(&mut answers).await.unwrap().is_some() {}
    let positions = vec![position("orders", 0, from_start())];
    let (mut reader, _) = Reader::start(&broker, positions, 64 * 1024 * 1024, true).await;
    let mut count = 0;
    while let Some(batches) = reader.batches().await {
        count += batches.len();
    }
    assert_eq!(count, 30_000);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_ends_its_readers() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    produce(&broker, "orders", 0, &["a"]).await;
    let positions = vec![position("orders", 0, from_start())];
    let (mut reader, _) = Reader::start(&broker, positions, 1024, false).await;
    assert_eq!(reader.values(1).await.len(), 1);
    let delete = v1::DeleteTopicRequest { tenant: String::new(), name: "orders".to_owned() };
    broker.topics().delete_topic(of_tenant("acme", delete)).await.unwrap();
    let (code, message) = reason(&next(&mut reader.answers).await.unwrap_err());
    assert_eq!(code, "NOT_FOUND", "{message}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_trimmed_away_end_their_readers() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    for _ in 0..3 {
        produce(&broker, "orders", 0, &["a"]).await;
    }
    let (mut reader, _) = Reader::start(&broker, vec![position("orders", 0, from_start())], 1, false).await;
    assert_eq!(reader.values(1).await.len(), 1);
    let trim = v1::TrimPartitionRequest {
        before_timestamp_ms: None,
        tenant: String::new(),
        name: "orders".to_owned(),
        partition: 0,
        before_offset: 2,
    };
    broker.topics().trim_partition(of_tenant("acme", trim)).await.unwrap();
    reader.grant(1024).await;
    let (code, message) = reason(&next(&mut reader.answers).await.unwrap_err());
    assert_eq!(code, "OFFSET_OUT_OF_RANGE");
    assert!(message.contains("2 to 3"), "{message}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_is_refused() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let positions = vec![position("orders", 0, from_start())];
    let (mut reader, _) = Reader::start(&broker, positions.clone(), 1, false).await;
    let start = v1::ReadStart { positions, credit_bytes: 1, stop_at_end: false };
    let again = v1::ReadRequest { kind: Some(Sent::Start(start)) };
    reader.credit.as_ref().unwrap().send(again).await.unwrap();
    let (code, message) = reason(&next(&mut reader.answers).await.unwrap_err());
    assert!(code == "INVALID_ARGUMENT" && message.contains("credit"), "{message}");
    broker.stop().await;
}
