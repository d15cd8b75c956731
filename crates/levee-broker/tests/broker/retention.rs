//! How long and how much is kept: where it is said, and that it is so.

use crate::harness::{Broker, PATIENCE, failure, from_start, of_tenant, position, produce_request, reason};
use levee_proto::v1;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tonic::Status;
use tonic_types::StatusExt as _;

fn owned(set: &[(&str, &str)]) -> HashMap<String, String> {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn orders() -> v1::GetTopicRequest {
    v1::GetTopicRequest { tenant: String::new(), name: "orders".to_owned() }
}

async fn topic(broker: &Broker) -> v1::GetTopicResponse {
    broker.topics().get_topic(of_tenant("acme", orders())).await.unwrap().into_inner()
}

/// Value and source of a property.
fn property(topic: &v1::Topic, name: &str) -> (String, v1::ConfigSource) {
    let entry = topic.config.iter().find(|entry| entry.name == name).unwrap();
    (entry.value.clone(), entry.source())
}

async fn set_defaults(
    broker: &Broker,
    set: &[(&str, &str)],
    unset: &[&str],
) -> Result<tonic::Response<v1::UpdateTenantResponse>, Status> {
    let request = v1::UpdateTenantRequest {
        name: "acme".to_owned(),
        set_topic_defaults: owned(set),
        unset_topic_defaults: unset.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    broker.tenants().update_tenant(request).await
}

async fn set_on_topic(broker: &Broker, set: &[(&str, &str)], unset: &[&str]) -> v1::Topic {
    let request = v1::UpdateTopicConfigRequest {
        tenant: String::new(),
        name: "orders".to_owned(),
        set: owned(set),
        unset: unset.iter().map(|name| (*name).to_owned()).collect(),
    };
    let answer = broker.topics().update_topic_config(of_tenant("acme", request)).await;
    answer.unwrap().into_inner().topic.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_comes_from_the_nearest_layer() {
    use v1::ConfigSource::{Default, Server, Tenant, Topic};
    let broker = Broker::start_with(|settings| settings.topics.retention_ms = 3_600_000).await;
    broker.make("acme", "orders", 1).await;
    let shown = topic(&broker).await.topic.unwrap();
    assert_eq!(property(&shown, "retention.ms"), ("3600000".to_owned(), Server));
    assert_eq!(property(&shown, "retention.bytes"), ("-1".to_owned(), Default));

    let both = [("retention.ms", "-1"), ("retention.bytes", "1000")];
    let tenant = set_defaults(&broker, &both, &[]).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(tenant.topic_defaults, owned(&both));
    let list = v1::ListTopicsRequest::default();
    let listed = broker.topics().list_topics(of_tenant("acme", list)).await.unwrap().into_inner().topics;
    assert_eq!(property(&listed[0], "retention.ms"), ("-1".to_owned(), Tenant));
    assert_eq!(property(&listed[0], "retention.bytes"), ("1000".to_owned(), Tenant));
    let get = v1::GetTenantRequest { name: "acme".to_owned() };
    let tenant = broker.tenants().get_tenant(get).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(tenant.topic_defaults, owned(&both));

    let own = set_on_topic(&broker, &[("retention.bytes", "7")], &[]).await;
    assert_eq!(property(&own, "retention.bytes"), ("7".to_owned(), Topic));
    let own = set_on_topic(&broker, &[], &["retention.bytes"]).await;
    assert_eq!(property(&own, "retention.bytes"), ("1000".to_owned(), Tenant));
    set_defaults(&broker, &[], &["retention.ms", "retention.bytes"]).await.unwrap();
    let shown = topic(&broker).await.topic.unwrap();
    assert_eq!(property(&shown, "retention.ms"), ("3600000".to_owned(), Server));
    assert_eq!(property(&shown, "retention.bytes"), ("-1".to_owned(), Default));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_default_is_refused() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let many = ["retention.ms"; 3];
    for (set, unset, text) in [
        (&[("retention.ms", "0")][..], &[][..], "retention.ms"),
        (&[("retention.bytes", "1152921504606846977")], &[], "retention.bytes"),
        (&[("durability", "relaxed")], &[], "durability"),
        (&[("nope", "1")], &[], "nope"),
        (&[], &["durability"], "durability"),
        (&[], &many, "unset_topic_defaults: there are 3"),
        (&[("retention.ms", "1")], &["retention.ms"], "unset_topic_defaults"),
        (&[], &[], "nothing to change"),
    ] {
        let (code, message) = failure(set_defaults(&broker, set, unset).await);
        assert!(code == "INVALID_ARGUMENT" && message.contains(text), "{text}: {code} {message}");
    }
    set_defaults(&broker, &[("retention.bytes", "1152921504606846976")], &[]).await.unwrap();
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_trimmed_to_a_time() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    for time_ms in [1_000, 2_000, 3_000] {
        let mut records = crate::harness::records(&["a", "b"]);
        records.iter_mut().for_each(|record| record.timestamp_ms = Some(time_ms));
        let batch = levee_proto::batch::encode(&records, v1::Compression::Unspecified);
        let request = v1::ProduceRequest { batch, ..produce_request("orders", 0, &[]) };
        broker.produce().produce(of_tenant("acme", request)).await.unwrap();
    }
    let trim = async |before_offset, before_timestamp_ms| {
        let request = v1::TrimPartitionRequest {
            tenant: String::new(),
            name: "orders".to_owned(),
            partition: 0,
            before_offset,
            before_timestamp_ms,
        };
        broker.topics().trim_partition(of_tenant("acme", request)).await
    };
    let start = async |time_ms| trim(0, Some(time_ms)).await.unwrap().into_inner().start_offset;
    assert_eq!(start(1_000).await, 0);
    assert_eq!(start(1_001).await, 2);
    assert_eq!(start(0).await, 2, "it never goes back");
    let (code, message) = failure(trim(1, Some(2_000)).await);
    assert!(code == "INVALID_ARGUMENT" && message.contains("before_timestamp_ms"), "{code} {message}");
    assert_eq!(start(i64::MAX).await, 6);
    assert_eq!(start(i64::MIN).await, 6);
    broker.stop().await;
}

/// Until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "{what} does not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_records_go_by_themselves_under_their_readers() {
    let broker = Broker::start_with(|settings| settings.storage.retention_interval_ms = 100).await;
    broker.make("acme", "orders", 1).await;
    let produce = async || {
        broker.produce().produce(of_tenant("acme", produce_request("orders", 0, &["a"]))).await.unwrap();
    };
    produce().await;
    produce().await;
    set_on_topic(&broker, &[("retention.bytes", "1")], &[]).await;
    let start = async || topic(&broker).await.partitions[0].start_offset;
    until("retention by size", async || start().await == 1).await;
    // Who reads on meets no hole.
    let (credit, requests) = tokio::sync::mpsc::channel(4);
    let begin = v1::ReadStart {
        positions: vec![position("orders", 0, from_start())],
        credit_bytes: 1 << 20,
        stop_at_end: false,
    };
    let begin = v1::ReadRequest { kind: Some(v1::read_request::Kind::Start(begin)) };
    credit.send(begin).await.unwrap();
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut answers = broker.read().read(of_tenant("acme", requests)).await.unwrap().into_inner();
    let mut expected = 1;
    for _ in 0..20 {
        produce().await;
        while expected < topic(&broker).await.partitions[0].end_offset {
            let Some(answer) = crate::harness::next(&mut answers).await.unwrap() else { panic!("it ended") };
            let Some(v1::read_response::Kind::Batches(batches)) = answer.kind else { continue };
            for batch in batches.batches {
                assert_eq!(batch.base_offset, expected);
                expected += u64::from(batch.record_count);
            }
        }
    }
    set_on_topic(&broker, &[("retention.ms", "1")], &["retention.bytes"]).await;
    until("retention by time", async || start().await == 22).await;
    assert_eq!(topic(&broker).await.partitions[0].stored_bytes, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn q3_the_oldest_records_go_when_the_quota_is_used_up() {
    const LIMIT: u64 = 200_000;
    let broker = Broker::start().await;
    broker.make("acme", "orders", 3).await;
    let quota = v1::Quota {
        dimension: v1::QuotaDimension::Storage as i32,
        limit: Some(LIMIT),
        action: v1::QuotaAction::TrimOldest as i32,
        ..Default::default()
    };
    let target = v1::QuotaTarget { tenant: "acme".to_owned(), part: None };
    let set = v1::SetQuotasRequest { target: Some(target), set: vec![quota], unset: vec![] };
    broker.quotas().set_quotas(set).await.unwrap();
    let text = "x".repeat(9_000);
    let mut refused = 0;
    for n in 0..200 {
        until("room", async || {
            let request = produce_request("orders", n % 3, &[&text]);
            match broker.produce().produce(of_tenant("acme", request)).await {
                Ok(_) => true,
                Err(status) => {
                    let (code, message) = reason(&status);
                    assert_eq!(code, "QUOTA_EXCEEDED", "{message}");
                    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap();
                    assert!(wait <= Duration::from_millis(100), "{wait:?}");
                    false
                }
            }
        })
        .await;
        let get = v1::GetTenantRequest { name: "acme".to_owned() };
        let stored =
            broker.tenants().get_tenant(get).await.unwrap().into_inner().tenant.unwrap().stored_bytes;
        assert!(stored <= LIMIT, "{stored}");
        refused += u64::from(stored + 9_000 > LIMIT);
    }
    let partitions = topic(&broker).await.partitions;
    let stored: u64 = partitions.iter().map(|partition| partition.stored_bytes).sum();
    assert!(stored <= LIMIT && stored > LIMIT * 8 / 10, "{stored}");
    assert!(partitions.iter().all(|partition| partition.end_offset >= 66 && partition.start_offset > 50));
    assert!(refused < 200, "room is made ahead as well");
    broker.stop().await;
}
