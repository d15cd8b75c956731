//! Queues: single records with leases, to several workers.

mod dead;
mod refusals;
pub(crate) mod worker;

use crate::harness::{Broker, of_tenant, produce_request};
use levee_proto::{batch, v1};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use worker::{Worker, settings, start, value, values};

pub(crate) async fn produce(broker: &Broker, topic: &str, partition: u32, values: &[&str]) {
    broker.produce().produce(of_tenant("acme", produce_request(topic, partition, values))).await.unwrap();
}

async fn produce_records(broker: &Broker, topic: &str, records: &[v1::Record]) {
    let request = v1::ProduceRequest {
        topic: topic.to_owned(),
        batch: batch::encode(records, v1::Compression::Zstd),
        ..Default::default()
    };
    broker.produce().produce(of_tenant("acme", request)).await.unwrap();
}

fn keyed(key: &str, value: &str) -> v1::Record {
    let bytes = |text: &str| Some(bytes::Bytes::copy_from_slice(text.as_bytes()));
    v1::Record { key: bytes(key), value: bytes(value), ..Default::default() }
}

async fn orders() -> Broker {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    broker
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_does_not_come_again() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["a", "b"]).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    assert_eq!(worker.started.settings.as_ref().unwrap().max_deliveries, 5);
    produce(&broker, "orders", 0, &["c"]).await;
    let records = worker.records(3).await;
    assert_eq!(values(&records), ["a", "b", "c"]);
    let seen: Vec<_> =
        records.iter().map(|record| (record.offset, record.partition, record.deliveries)).collect();
    assert_eq!(seen, [(0, 0, 1), (1, 0, 1), (2, 0, 1)]);
    assert!(records[0].append_time_ms > 0 && records[0].topic == "orders");
    worker.acknowledge(&records).await;
    // Settling again is too late.
    let acknowledge = vec![records[1].delivery_id, 77];
    let failures = worker.settle(v1::WorkSettle { acknowledge, ..Default::default() }).await;
    let expired = "LEASE_EXPIRED".to_owned();
    assert_eq!(failures, [(records[1].delivery_id, expired.clone()), (77, expired)]);
    drop(worker);
    produce(&broker, "orders", 0, &["d"]).await;
    // The settings need not be given again.
    let again = v1::WorkStart { settings: None, ..start("work", settings(&[])) };
    let mut worker = Worker::start(&broker, again).await;
    assert_eq!(value(&worker.record().await), "d");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_was_acknowledged_out_of_order() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["a", "b", "c", "d"]).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let records = worker.records(4).await;
    worker.acknowledge(&records[1..3]).await;
    drop(worker);
    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let records = worker.records(2).await;
    assert_eq!(values(&records), ["a", "d"]);
    assert!(records.iter().all(|record| record.deliveries == 2), "{records:?}");
    worker.acknowledge(&records).await;
    drop(worker);
    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    produce(&broker, "orders", 0, &["e"]).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    assert_eq!(value(&worker.record().await), "e");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_comes_again_when_its_delay_is_over() {
    const DELAY: Duration = Duration::from_millis(400);
    let broker = orders().await;
    produce(&broker, "orders", 0, &["a", "b"]).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let records = worker.records(2).await;
    let began = Instant::now();
    worker.reject(&records[0], 400, false, "later").await;
    worker.reject(&records[1], 0, false, "now").await;
    let at_once = worker.record().await;
    assert_eq!((value(&at_once).as_str(), at_once.deliveries), ("b", 2));
    let later = worker.record().await;
    assert_eq!((value(&later).as_str(), later.deliveries), ("a", 2));
    assert!(began.elapsed() >= DELAY, "{:?}", began.elapsed());
    assert!(later.delivery_id != records[0].delivery_id);
    worker.acknowledge(&[later, at_once]).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_hands_its_record_to_another_worker() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["kept", "lost"]).await;
    let short = v1::WorkStart { lease_ms: 1_000, credit: 2, ..start("work", settings(&["orders"])) };
    let mut slow = Worker::start(&broker, short).await;
    let mine = slow.records(2).await;
    let began = Instant::now();
    // The one that is extended stays; the other one goes.
    let extend = vec![v1::WorkExtend { delivery_id: mine[0].delivery_id, lease_ms: 60_000 }];
    assert_eq!(slow.settle(v1::WorkSettle { extend, ..Default::default() }).await, vec![]);
    let mut other = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let record = other.record().await;
    assert_eq!((value(&record).as_str(), record.deliveries), ("lost", 2));
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let acknowledge = mine.iter().map(|record| record.delivery_id).collect();
    let failures = slow.settle(v1::WorkSettle { acknowledge, ..Default::default() }).await;
    assert_eq!(failures, [(mine[1].delivery_id, "LEASE_EXPIRED".to_owned())]);
    other.acknowledge(&[record]).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_has_goes_to_others_when_its_stream_ends() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["a"]).await;
    let long = v1::WorkStart { lease_ms: 43_200_000, ..start("work", settings(&["orders"])) };
    let mut first = Worker::start(&broker, long).await;
    first.record().await;
    let mut second = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let began = Instant::now();
    drop(first);
    let record = second.record().await;
    assert_eq!((value(&record).as_str(), record.deliveries), ("a", 2));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_share_one_partition() {
    const WORKERS: usize = 8;
    let broker = orders().await;
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(
            Worker::start(&broker, v1::WorkStart { credit: 3, ..start("work", settings(&["orders"])) }).await,
        );
    }
    let all: Vec<_> = (0..3 * WORKERS).map(|number| number.to_string()).collect();
    produce(&broker, "orders", 0, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut seen = BTreeSet::new();
    for worker in &mut workers {
        let records = worker.records(3).await;
        seen.extend(records.iter().map(value));
        worker.acknowledge(&records).await;
    }
    assert_eq!(seen, all.into_iter().collect());
    // Without credit, nobody gets anything; whoever has some gets all.
    produce(&broker, "orders", 0, &["x", "y"]).await;
    workers[5].credit(2).await;
    assert_eq!(values(&workers[5].records(2).await), ["x", "y"]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_from_all_partitions_of_all_topics() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 3).await;
    broker.make("acme", "returns", 2).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders", "returns"]))).await;
    for round in 0..3_u32 {
        for (topic, partitions) in [("orders", 3), ("returns", 2)] {
            for partition in 0..partitions {
                produce(&broker, topic, partition, &[&format!("{topic}-{partition}-{round}")]).await;
            }
        }
        let records = worker.records(5).await;
        let seen: BTreeSet<_> = records.iter().map(value).collect();
        assert_eq!(seen.len(), 5, "{seen:?}");
        assert!(seen.iter().all(|value| value.ends_with(&round.to_string())));
        for record in &records {
            assert_eq!(value(record), format!("{}-{}-{round}", record.topic, record.partition));
        }
        worker.acknowledge(&records).await;
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_key_come_one_after_the_other() {
    let broker = orders().await;
    let ordered = || v1::QueueSettings { ordered_by_key: true, ..settings(&["orders"]) };
    let records = [keyed("k", "k1"), keyed("k", "k2"), keyed("l", "l1"), keyed("k", "k3")];
    produce_records(&broker, "orders", &records).await;
    let mut ann = Worker::start(&broker, start("work", ordered())).await;
    let first = ann.records(2).await;
    assert_eq!(values(&first), ["k1", "l1"]);
    let mut bob = Worker::start(&broker, start("work", ordered())).await;
    // Rejected, it is still the first of its key.
    ann.reject(&first[0], 0, false, "").await;
    let again = tokio::select! {
        record = ann.record() => { let again = value(&record); ann.acknowledge(&[record]).await; again }
        record = bob.record() => { let again = value(&record); bob.acknowledge(&[record]).await; again }
    };
    assert_eq!(again, "k1");
    let second = tokio::select! {
        record = ann.record() => { let second = value(&record); ann.acknowledge(&[record]).await; second }
        record = bob.record() => { let second = value(&record); bob.acknowledge(&[record]).await; second }
    };
    assert_eq!(second, "k2");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_not_handed_out_before_its_time() {
    const LATER: i64 = 600;
    let broker = orders().await;
    let due = crate::tenancy::now_ms() + LATER;
    let later = v1::Record { deliver_at_ms: Some(due), ..keyed("a", "later") };
    produce_records(&broker, "orders", &[later, keyed("b", "now")]).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    assert_eq!(value(&worker.record().await), "now");
    let record = worker.record().await;
    assert_eq!((value(&record).as_str(), record.deliveries), ("later", 1));
    let now = crate::tenancy::now_ms();
    assert!((due..due + 5_000).contains(&now), "{now} for {due}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_begins_where_its_settings_say_and_stays_there() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["before"]).await;
    let edge = v1::offset_spec::Spec::Edge(v1::OffsetEdge::End as i32);
    let at_end =
        || v1::QueueSettings { start: Some(v1::OffsetSpec { spec: Some(edge) }), ..settings(&["orders"]) };
    let worker = Worker::start(&broker, start("work", at_end())).await;
    drop(worker);
    produce(&broker, "orders", 0, &["after"]).await;
    let dir = broker.stop().await;
    let broker = Broker::start_in(dir, |_| {}).await;
    let mut worker = Worker::start(&broker, start("work", at_end())).await;
    assert_eq!(value(&worker.record().await), "after");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trimmed_records_are_done_and_a_deleted_topic_ends_its_workers() {
    let broker = orders().await;
    for value in ["a", "b", "c"] {
        produce(&broker, "orders", 0, &[value]).await;
    }
    let mut worker =
        Worker::start(&broker, v1::WorkStart { credit: 1, ..start("work", settings(&["orders"])) }).await;
    let first = worker.record().await;
    let trim = v1::TrimPartitionRequest {
        before_timestamp_ms: None,
        tenant: String::new(),
        name: "orders".to_owned(),
        partition: 0,
        before_offset: 2,
    };
    broker.topics().trim_partition(of_tenant("acme", trim)).await.unwrap();
    worker.credit(10).await;
    assert_eq!(value(&worker.record().await), "c");
    let acknowledge = vec![first.delivery_id];
    assert_eq!(worker.settle(v1::WorkSettle { acknowledge, ..Default::default() }).await.len(), 1);
    let delete = v1::DeleteTopicRequest { tenant: String::new(), name: "orders".to_owned() };
    broker.topics().delete_topic(of_tenant("acme", delete)).await.unwrap();
    assert_eq!(worker.end().await, "NOT_FOUND");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_found() {
    let broker = orders().await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let add = v1::AddPartitionsRequest { tenant: String::new(), name: "orders".to_owned(), partitions: 2 };
    broker.topics().add_partitions(of_tenant("acme", add)).await.unwrap();
    produce(&broker, "orders", 1, &["new"]).await;
    assert_eq!(value(&worker.record().await), "new");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_what_was_settled() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["a"]).await;
    let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
    let records = worker.records(1).await;
    worker.acknowledge(&records).await;
    let stopping = broker.begin_stop();
    assert_eq!(worker.end().await, "UNAVAILABLE");
    stopping.wait().await;
}
