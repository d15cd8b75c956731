//! Hostile requests beside honest work: compression bombs, damaged batches and 10 KiB names. Writers on the
//! same connection and on another one do not notice, and nothing of it is stored.

use crate::harness::{
    Broker, assert_own, from_start, hint, next, of_tenant, position, produce_request, reason, records,
};
use bytes::Bytes;
use levee_proto::v1::produce_service_client::ProduceServiceClient;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_proto::v1::read_request::Kind;
use levee_proto::v1::read_service_client::ReadServiceClient;
use levee_proto::v1::topic_service_client::TopicServiceClient;
use levee_proto::v1::{Compression, read_response};
use levee_proto::{batch, v1};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

const LONG: usize = 10 * 1024;
const CODECS: [Compression; 3] = [Compression::Unspecified, Compression::Lz4, Compression::Zstd];
const CORRUPT: &[&str] = &["CORRUPT_BATCH"];
const TOO_LARGE: &[&str] = &["TOO_LARGE"];
const INVALID: &[&str] = &["INVALID_ARGUMENT"];
/// Without a checksum, what is left may be whole but incomplete.
const CORRUPT_OR_INVALID: &[&str] = &["CORRUPT_BATCH", "INVALID_ARGUMENT"];

/// An honest producer with a partition of its own.
#[derive(Clone, Default)]
struct Writer {
    acked: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Writer {
    /// Appends one record after the other to a single stream, which so lives as long as its connection.
    async fn run(self, channel: Channel, partition: u32) -> u64 {
        let (sender, requests) = mpsc::channel(1);
        let call = of_tenant("acme", ReceiverStream::new(requests));
        let mut answers = ProduceServiceClient::new(channel).produce_stream(call).await.unwrap().into_inner();
        let mut offset = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let request = Some(produce_request("orders", partition, &[&format!("{partition}-{offset}")]));
            sender.send(v1::ProduceStreamRequest { correlation_id: offset, request }).await.unwrap();
            let answer = next(&mut answers).await.unwrap().unwrap();
            let Some(Outcome::Response(response)) = answer.result else { panic!("{answer:?}") };
            // Anything else in its partition would have taken an offset.
            assert_eq!((answer.correlation_id, response.base_offset), (offset, offset));
            offset += 1;
            self.acked.store(offset, Ordering::Relaxed);
        }
        drop(sender);
        assert_eq!(next(&mut answers).await.unwrap(), None);
        offset
    }
}

/// Requests to append to partition 0, and the codes with which they may be refused.
fn attacks() -> Vec<(String, v1::ProduceRequest, &'static [&'static str])> {
    let mut attacks = Vec::new();
    let request = |batch: Bytes, crc| v1::ProduceRequest { batch, batch_crc32c: crc, ..good() };
    for codec in [Compression::Lz4, Compression::Zstd] {
        let zeros = v1::Record { value: Some(vec![0; 64 << 20].into()), ..Default::default() };
        let bomb = batch::encode(&[zeros], codec);
        assert!(bomb.len() < 512 * 1024, "no bomb: {} bytes", bomb.len());
        attacks.push((format!("a bomb of {codec:?}"), request(bomb, None), TOO_LARGE));
    }
    for codec in CODECS {
        let whole = batch::encode(&records(&[&"value ".repeat(20)]), codec);
        let crc = Some(batch::check(&whole, None, usize::MAX).unwrap().crc);
        for length in 1..whole.len() {
            let cut = whole.slice(..length);
            let case = format!("{codec:?} cut off at {length}");
            attacks.push((case.clone(), request(cut.clone(), crc), CORRUPT));
            attacks.push((format!("{case}, no checksum"), request(cut, None), CORRUPT_OR_INVALID));
        }
        for at in 0..whole.len() {
            let mut flipped = whole.to_vec();
            flipped[at] ^= 1 << (at % 8);
            let case = format!("{codec:?} with a flipped bit in byte {at}");
            attacks.push((case, request(flipped.into(), crc), CORRUPT));
        }
    }
    let name = || "x".repeat(LONG);
    attacks.push(("a long topic".to_owned(), v1::ProduceRequest { topic: name(), ..good() }, INVALID));
    let header = v1::RecordHeader { key: name(), value: None };
    let record = v1::Record { headers: vec![header], ..Default::default() };
    let long_header = request(batch::encode(&[record], Compression::Unspecified), None);
    attacks.push(("a long header".to_owned(), long_header, TOO_LARGE));
    attacks
}

fn good() -> v1::ProduceRequest {
    produce_request("orders", 0, &["never stored"])
}

/// Each attack alone, and all of them on one stream, which goes on.
async fn attack(channel: &Channel) {
    let attacks = attacks();
    let mut client = ProduceServiceClient::new(channel.clone());
    for (case, request, codes) in &attacks {
        let status = client.produce(of_tenant("acme", request.clone())).await.expect_err(case);
        let (code, message) = reason(&status);
        assert!(codes.contains(&&*code), "{case}: {code}: {message}");
        assert!(hint(&status).len() < 600 && message.len() < 600, "{case}: {message}");
    }
    let requests: Vec<_> = (0..)
        .zip(&attacks)
        .map(|(id, (_, request, _))| v1::ProduceStreamRequest {
            correlation_id: id,
            request: Some(request.clone()),
        })
        .collect();
    let call = of_tenant("acme", tokio_stream::iter(requests));
    let mut answers = client.produce_stream(call).await.unwrap().into_inner();
    for (case, _, codes) in &attacks {
        match next(&mut answers).await.unwrap().unwrap().result.unwrap() {
            Outcome::Error(error) => {
                let code = error.code().as_str_name().trim_start_matches("ERROR_CODE_");
                assert!(codes.contains(&code), "{case}: {error:?}");
                assert_own(code, &error.hint);
            }
            Outcome::Response(response) => panic!("{case}: {response:?}"),
        }
    }
    assert_eq!(next(&mut answers).await.unwrap(), None);

    let name = "x".repeat(LONG);
    let mut topics = TopicServiceClient::new(channel.clone());
    let spec = v1::TopicSpec { name: name.clone(), ..Default::default() };
    let create = v1::CreateTopicsRequest { topics: vec![spec], ..Default::default() };
    let answer = topics.create_topics(of_tenant("acme", create)).await.unwrap().into_inner();
    assert_eq!((answer.created, answer.failures.len()), (0, 1));
    let get = v1::GetTopicRequest { name: name.clone(), ..Default::default() };
    topics.get_topic(of_tenant("acme", get)).await.unwrap_err();
    let list = v1::ListOffsetsRequest { positions: vec![position(&name, 0, from_start())] };
    ReadServiceClient::new(channel.clone()).list_offsets(of_tenant("acme", list)).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_work_on_the_same_connection_and_on_another_goes_on() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 2).await;
    let (shared, other) = (broker.channel(), broker.channel());
    let writers = [Writer::default(), Writer::default()];
    let tasks = [
        tokio::spawn(writers[0].clone().run(shared.clone(), 0)),
        tokio::spawn(writers[1].clone().run(other, 1)),
    ];
    let acked = || writers.each_ref().map(|writer| writer.acked.load(Ordering::Relaxed));
    let before = acked();
    // Until both have worked beside it for a while.
    loop {
        attack(&shared).await;
        assert!(tasks.iter().all(|task| !task.is_finished()), "a writer was harmed");
        if acked().iter().zip(before).all(|(now, before)| *now > before + 50) {
            break;
        }
    }
    let mut counts = Vec::new();
    for (writer, task) in writers.iter().zip(tasks) {
        writer.stop.store(true, Ordering::Relaxed);
        counts.push(task.await.unwrap());
    }

    for partition in 0..2 {
        let count = counts[partition as usize];
        let expected: Vec<_> = (0..count).map(|offset| format!("{partition}-{offset}")).collect();
        assert_eq!(read(&broker, partition).await, expected);
    }
    let list = of_tenant("acme", v1::ListTopicsRequest::default());
    let topics = broker.topics().list_topics(list).await.unwrap().into_inner().topics;
    assert_eq!(topics.iter().map(|topic| &*topic.name).collect::<Vec<_>>(), ["orders"]);
    broker.stop().await;
}

/// The values of a partition.
async fn read(broker: &Broker, partition: u32) -> Vec<String> {
    let positions = vec![position("orders", partition, from_start())];
    let start = v1::ReadStart { positions, credit_bytes: 64 << 20, stop_at_end: true };
    let request = v1::ReadRequest { kind: Some(Kind::Start(start)) };
    let call = of_tenant("acme", tokio_stream::iter([request]));
    let mut answers = broker.read().read(call).await.unwrap().into_inner();
    let mut values = Vec::new();
    while let Some(answer) = next(&mut answers).await.unwrap() {
        let Some(read_response::Kind::Batches(batches)) = answer.kind else { continue };
        for stored in batches.batches {
            let records = batch::decode(&stored.batch).unwrap();
            values.extend(records.iter().map(|(_, record)| {
                String::from_utf8(record.value.as_deref().unwrap_or_default().to_vec()).unwrap()
            }));
        }
    }
    values
}
