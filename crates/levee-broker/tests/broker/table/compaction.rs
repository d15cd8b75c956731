//! Compacting and verifying a table while it is read.

use super::{get, put, scan, told, values, with_table};
use crate::harness::{Broker, PATIENCE, failure, from_start, next, of_tenant, position};
use crate::queue::worker::{Worker, settings, start};
use futures::StreamExt as _;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_proto::{batch, v1};
use std::collections::BTreeMap;
use std::time::Instant;

/// Compacts table t, and tells what came of it.
pub(super) async fn compact(broker: &Broker) -> v1::CompactTopicResponse {
    let request = v1::CompactTopicRequest { name: "t".to_owned(), ..Default::default() };
    let mut steps = broker.topics().compact_topic(of_tenant("acme", request)).await.unwrap().into_inner();
    let mut last = v1::CompactTopicResponse::default();
    while let Some(step) = next(&mut steps).await.unwrap() {
        assert!(step.partitions_done >= last.partitions_done && step.read_bytes >= last.read_bytes);
        last = step;
    }
    assert_eq!(last.partitions_done, last.partitions);
    last
}

pub(super) async fn verify(broker: &Broker, name: &str) -> v1::VerifyTopicResponse {
    let request = v1::VerifyTopicRequest { name: name.to_owned(), ..Default::default() };
    let mut steps = broker.topics().verify_topic(of_tenant("acme", request)).await.unwrap().into_inner();
    loop {
        let step = next(&mut steps).await.unwrap().expect("it ends with its result");
        if step.is_done {
            assert!(next(&mut steps).await.unwrap().is_none());
            return step;
        }
    }
}

/// Offset and key of each record from a place on to the end of the log.
pub(super) async fn read(broker: &Broker, topic: &str, from: Spec) -> Vec<(u64, String)> {
    let positions = vec![position(topic, 0, from)];
    let start = v1::ReadStart { positions, credit_bytes: 64 << 20, stop_at_end: true };
    let request = v1::ReadRequest { kind: Some(Sent::Start(start)) };
    let call = of_tenant("acme", tokio_stream::iter([request]));
    let mut answers = broker.read().read(call).await.unwrap().into_inner();
    let mut records = Vec::new();
    while let Some(answer) = next(&mut answers).await.unwrap() {
        let Some(Answer::Batches(batches)) = answer.kind else { continue };
        for stored in batches.batches {
            for (delta, record) in batch::decode(&stored.batch).unwrap() {
                assert!(delta < stored.record_count);
                let key = super::text(&record.key.unwrap());
                records.push((stored.base_offset + u64::from(delta), key));
            }
        }
    }
    records
}

/// Two keys that stay, and one that is overwritten.
async fn overwritten(broker: &Broker) {
    put(broker, 0, &[("first", Some("1")), ("busy", Some("0"))]).await;
    for round in 1..200 {
        put(broker, 0, &[("busy", Some(&round.to_string()))]).await;
    }
    put(broker, 0, &[("last", Some("1"))]).await;
    put(broker, 0, &[("busy", Some("200"))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_of_each_key_the_newest_record_stays_where_it_is() {
    let broker = with_table(1).await;
    overwritten(&broker).await;
    let before = scan(&broker, v1::ScanTableRequest::default()).await;
    let compacted = compact(&broker).await;
    assert_eq!((compacted.partitions, compacted.removed_records), (1, 200));
    assert!(compacted.removed_bytes > 0 && compacted.read_bytes > compacted.removed_bytes);
    assert_eq!(scan(&broker, v1::ScanTableRequest::default()).await, before);
    let newest = values(&broker, get(&["busy"])).await;
    assert_eq!((newest[0].1.as_deref(), newest[0].3), (Some("200"), Some(202)));
    let verified = verify(&broker, "t").await;
    assert_eq!((verified.keys, verified.records, verified.findings), (3, 3, vec![]));
    // Another broker reads nothing from memory.
    let broker = Broker::start_in(broker.stop().await, |_| {}).await;
    let log = read(&broker, "t", from_start()).await;
    assert_eq!(log, [(0, "first".to_owned()), (201, "last".to_owned()), (202, "busy".to_owned())]);
    // From any offset there was, also from those where nothing is left.
    for offset in [1, 100, 200, 201, 202, 203] {
        let expected: Vec<_> = log.iter().filter(|(at, _)| *at >= offset).cloned().collect();
        let found = read(&broker, "t", Spec::Offset(offset)).await;
        assert_eq!(
            found.into_iter().filter(|(at, _)| *at >= offset).collect::<Vec<_>>(),
            expected,
            "{offset}"
        );
    }
    assert_eq!(scan(&broker, v1::ScanTableRequest::default()).await, before);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_readers_in_the_middle_of_what_is_compacted_pass_over_no_live_key() {
    const KEYS: u64 = 20;
    let broker = with_table(1).await;
    let keys: Vec<_> = (0..KEYS).map(|key| format!("k{key:02}")).collect();
    let write = async {
        for round in 0..60_u64 {
            let value = round.to_string();
            // Some keys seldom, so that they stay in the middle.
            let of_round = keys.iter().enumerate().filter(|(at, _)| round.is_multiple_of(*at as u64 + 1));
            let records: Vec<_> = of_round.map(|(_, key)| (key.as_str(), Some(value.as_str()))).collect();
            put(&broker, 0, &records).await;
        }
    };
    let compact_again = async {
        for _ in 0..10 {
            compact(&broker).await;
        }
    };
    let look = async {
        for round in 0..20_u64 {
            let live = scan(&broker, v1::ScanTableRequest::default()).await;
            let newest: BTreeMap<_, _> = live.into_iter().map(|told| (told.0, told.3.unwrap())).collect();
            let from = newest.values().copied().max().unwrap_or(0) * (round % 4) / 4;
            let log = read(&broker, "t", Spec::Offset(from)).await;
            assert!(log.is_sorted_by(|before, next| before.0 < next.0), "{log:?}");
            for (key, offset) in newest {
                // It was there, or a newer one is.
                let is_there = log.iter().any(|(at, of)| *of == key && *at >= offset);
                assert!(offset < from || is_there, "{key} at {offset} is not among {log:?}");
            }
        }
    };
    tokio::join!(write, compact_again, look);
    compact(&broker).await;
    let verified = verify(&broker, "t").await;
    assert_eq!((verified.keys, verified.records, verified.findings), (KEYS, KEYS, vec![]));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_goes_on_when_its_caller_leaves() {
    let broker = with_table(2).await;
    overwritten(&broker).await;
    let stored = async || {
        let request = v1::GetTopicRequest { name: "t".to_owned(), ..Default::default() };
        let topic = broker.topics().get_topic(of_tenant("acme", request)).await.unwrap().into_inner();
        topic.partitions[0].stored_bytes
    };
    let before = stored().await;
    let request = v1::CompactTopicRequest { name: "t".to_owned(), ..Default::default() };
    drop(broker.topics().compact_topic(of_tenant("acme", request)).await.unwrap());
    let end = Instant::now() + PATIENCE;
    while stored().await == before {
        assert!(Instant::now() < end, "nothing was compacted");
        tokio::task::yield_now().await;
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_over_a_table_has_what_is_left_of_it() {
    let broker = with_table(1).await;
    overwritten(&broker).await;
    // One worker has looked at all of it, and has taken some.
    let few = v1::WorkStart { credit: 3, ..start("work", settings(&["t"])) };
    let mut worker = Worker::start(&broker, few).await;
    let first = worker.records(3).await;
    worker.acknowledge(&first).await;
    compact(&broker).await;
    drop(worker);
    let broker = Broker::start_in(broker.stop().await, |_| {}).await;
    let again = v1::WorkStart { settings: None, ..start("work", settings(&[])) };
    let mut worker = Worker::start(&broker, again).await;
    let rest = worker.records(2).await;
    assert_eq!(rest.iter().map(|record| record.offset).collect::<Vec<_>>(), [201, 202]);
    worker.acknowledge(&rest).await;
    // It goes on with what comes.
    put(&broker, 0, &[("new", Some("1"))]).await;
    assert_eq!(worker.record().await.offset, 203);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tables_are_compacted_and_every_topic_is_verified() {
    let broker = with_table(1).await;
    broker.make_with("acme", "log", 2, &[]).await;
    let request = crate::harness::produce_request("log", 1, &["a", "b"]);
    broker.produce().produce(of_tenant("acme", request)).await.unwrap();
    let request = v1::CompactTopicRequest { name: "log".to_owned(), ..Default::default() };
    let (code, message) = failure(broker.topics().compact_topic(of_tenant("acme", request)).await);
    assert_eq!((code.as_str(), message.as_str()), ("INVALID_ARGUMENT", "name: topic \"log\" is not a table"));
    let verified = verify(&broker, "log").await;
    assert_eq!((verified.batches, verified.records, verified.keys, verified.findings), (1, 2, 0, vec![]));
    // Watching goes on over what is compacted.
    overwritten(&broker).await;
    let request = v1::WatchTableRequest { topic: "t".to_owned(), ..Default::default() };
    let mut watch = broker.tables().watch_table(of_tenant("acme", request)).await.unwrap().into_inner();
    compact(&broker).await;
    put(&broker, 0, &[("new", Some("1"))]).await;
    let mut keys = BTreeMap::new();
    while !keys.contains_key("new") {
        let message = watch.next().await.unwrap().unwrap();
        keys.extend(message.values.into_iter().map(told).map(|told| (told.0, told.1)));
    }
    let expected = [("busy", "200"), ("first", "1"), ("last", "1"), ("new", "1")];
    let expected = expected.map(|(key, value)| (key.to_owned(), Some(value.to_owned())));
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), expected);
    broker.stop().await;
}
