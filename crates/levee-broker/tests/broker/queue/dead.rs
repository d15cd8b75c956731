//! What becomes of records that are handed out too often.

use super::worker::{Worker, settings, start, value};
use super::{keyed, orders, produce, produce_records};
use crate::harness::{Broker, from_start, next, of_tenant, position};
use levee_proto::v1::read_request::Kind as Sent;
use levee_proto::v1::read_response::Kind as Answer;
use levee_proto::{batch, v1};
use levee_types::{GroupName, TenantName};

fn with_dead_letters() -> v1::QueueSettings {
    v1::QueueSettings { max_deliveries: 2, dead_letter_topic: "dead".to_owned(), ..settings(&["orders"]) }
}

/// All records of the dead letter topic, until there are `count`.
async fn dead_letters(broker: &Broker, count: usize) -> Vec<v1::Record> {
    let start = v1::ReadStart {
        positions: vec![position("dead", 0, from_start())],
        credit_bytes: 1 << 20,
        stop_at_end: false,
    };
    let start = v1::ReadRequest { kind: Some(Sent::Start(start)) };
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    sender.send(start).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = broker.read().read(of_tenant("acme", stream)).await.unwrap().into_inner();
    let mut records = Vec::new();
    while records.len() < count {
        if let Some(Answer::Batches(batches)) = next(&mut answers).await.unwrap().unwrap().kind {
            for stored in batches.batches {
                records.extend(batch::decode(&stored.batch).unwrap().into_iter().map(|(_, record)| record));
            }
        }
    }
    records
}

fn headers(record: &v1::Record) -> Vec<(String, String)> {
    let text = |header: &v1::RecordHeader| String::from_utf8(header.value.clone().unwrap().to_vec()).unwrap();
    record.headers.iter().map(|header| (header.key.clone(), text(header))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_rejected_too_often_goes_to_the_dead_letter_topic_once() {
    let broker = orders().await;
    broker.make("acme", "dead", 1).await;
    let own = v1::RecordHeader { key: "trace".to_owned(), value: Some("7".into()) };
    produce_records(&broker, "orders", &[v1::Record { headers: vec![own], ..keyed("k", "bad") }]).await;
    produce(&broker, "orders", 0, &["good"]).await;
    let mut worker = Worker::start(&broker, start("work", with_dead_letters())).await;
    for times in 1..=2 {
        let bad = loop {
            let record = worker.record().await;
            match value(&record).as_str() {
                "bad" => break record,
                _ => worker.acknowledge(&[record]).await,
            }
        };
        assert_eq!(bad.deliveries, times);
        worker.reject(&bad, 0, false, &format!("no {times}")).await;
    }
    let letters = dead_letters(&broker, 1).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(letters[0].value.as_deref(), Some(&b"bad"[..]));
    let expected = [
        ("trace", "7"),
        ("levee-dead-topic", "orders"),
        ("levee-dead-partition", "0"),
        ("levee-dead-offset", "0"),
        ("levee-dead-reason", "no 2"),
        ("levee-dead-deliveries", "2"),
        ("levee-dead-group", "work"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(headers(&letters[0]), expected);
    // One that its worker gives up, and the restart: each is there once.
    produce(&broker, "orders", 0, &["worse"]).await;
    let worse = loop {
        let record = worker.record().await;
        match value(&record).as_str() {
            "worse" => break record,
            _ => worker.acknowledge(&[record]).await,
        }
    };
    worker.reject(&worse, 0, true, "never").await;
    assert_eq!(dead_letters(&broker, 2).await.len(), 2);
    drop(worker);
    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    produce(&broker, "orders", 0, &["last"]).await;
    let mut worker = Worker::start(&broker, start("work", with_dead_letters())).await;
    assert_eq!(value(&worker.record().await), "last");
    assert_eq!(dead_letters(&broker, 2).await.len(), 2);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_dead_letter_topic_is_done() {
    let broker = orders().await;
    broker.make("acme", "dead", 1).await;
    produce(&broker, "orders", 0, &["bad"]).await;
    let mut worker = Worker::start(&broker, start("work", with_dead_letters())).await;
    let record = worker.record().await;
    worker.reject(&record, 0, true, "never").await;
    assert_eq!(dead_letters(&broker, 1).await.len(), 1);
    // Both are one entry: nothing has to come after it.
    let tenant = broker.shard.tenant(&TenantName::new("acme").unwrap()).unwrap().unwrap().id;
    let group = broker.shard.group(tenant, &GroupName::new("work").unwrap()).unwrap().unwrap().id;
    let (_, progress) = broker.shard.progress(tenant, group).unwrap().remove(0);
    assert_eq!((progress.offset, progress.ahead), (1, vec![]));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_wait_for_their_topic() {
    let broker = orders().await;
    broker.make("acme", "dead", 1).await;
    produce(&broker, "orders", 0, &["bad"]).await;
    let mut worker = Worker::start(&broker, start("work", with_dead_letters())).await;
    let record = worker.record().await;
    let delete = v1::DeleteTopicRequest { tenant: String::new(), name: "dead".to_owned() };
    broker.topics().delete_topic(of_tenant("acme", delete)).await.unwrap();
    worker.reject(&record, 0, true, "never").await;
    // Nobody has it, and it is not lost.
    drop(worker);
    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    broker.make("acme", "dead", 1).await;
    produce(&broker, "orders", 0, &["good"]).await;
    let mut worker = Worker::start(&broker, start("work", with_dead_letters())).await;
    assert_eq!(value(&worker.record().await), "good");
    let letters = dead_letters(&broker, 1).await;
    assert_eq!(letters[0].value.as_deref(), Some(&b"bad"[..]));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_dead_letter_topic_the_dead_are_dropped() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["bad", "good"]).await;
    let once = || v1::QueueSettings { max_deliveries: 1, ..settings(&["orders"]) };
    let mut worker = Worker::start(&broker, start("work", once())).await;
    let records = worker.records(2).await;
    worker.reject(&records[0], 0, false, "no").await;
    worker.acknowledge(&records[1..]).await;
    drop(worker);
    produce(&broker, "orders", 0, &["next"]).await;
    let mut worker = Worker::start(&broker, start("work", once())).await;
    assert_eq!(value(&worker.record().await), "next");
    broker.stop().await;
}
