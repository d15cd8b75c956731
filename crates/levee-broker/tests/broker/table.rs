//! Tables over the wire: looking up, scanning, watching and erasing keys.

mod compaction;
mod erasing;
mod exporting;
mod limits;
mod watch;

use crate::harness::{Broker, failure, of_tenant, produce_keyed};
use futures::StreamExt as _;
use levee_proto::v1;
use std::collections::BTreeMap;

/// A broker with table t of tenant acme.
pub(crate) async fn with_table(partitions: u32) -> Broker {
    let broker = Broker::start().await;
    broker.make_with("acme", "t", partitions, &[("cleanup.policy", "compact")]).await;
    broker
}

/// Appends to table t, and tells the offset behind the records.
pub(crate) async fn put(broker: &Broker, partition: u32, records: &[(&str, Option<&str>)]) -> u64 {
    let request = of_tenant("acme", produce_keyed("t", partition, records));
    let appended = broker.produce().produce(request).await.unwrap().into_inner();
    appended.base_offset + records.len() as u64
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Key, value, partition and offset.
pub(crate) type Told = (String, Option<String>, Option<u32>, Option<u64>);

pub(crate) fn told(value: v1::KeyValue) -> Told {
    let v1::KeyValue { key, record, partition, offset, append_time_ms } = value;
    assert_eq!((partition.is_some(), partition.is_some()), (offset.is_some(), append_time_ms.is_some()));
    if let Some(record) = &record {
        assert_eq!(record.key.as_ref(), Some(&key));
    }
    (text(&key), record.map(|record| text(&record.value.unwrap())), partition, offset)
}

fn get(keys: &[&str]) -> v1::GetValuesRequest {
    let keys = keys.iter().map(|key| bytes::Bytes::copy_from_slice(key.as_bytes())).collect();
    v1::GetValuesRequest { topic: "t".to_owned(), keys, ..Default::default() }
}

async fn values(broker: &Broker, request: v1::GetValuesRequest) -> Vec<Told> {
    let answer = broker.tables().get_values(of_tenant("acme", request)).await.unwrap().into_inner();
    answer.values.into_iter().map(told).collect()
}

async fn scan(broker: &Broker, request: v1::ScanTableRequest) -> Vec<Told> {
    let request = v1::ScanTableRequest { topic: "t".to_owned(), ..request };
    let mut answers = broker.tables().scan_table(of_tenant("acme", request)).await.unwrap().into_inner();
    let mut values = Vec::new();
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap().values;
        assert!(!answer.is_empty());
        values.extend(answer.into_iter().map(told));
    }
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_its_newest_record_as_soon_as_that_is_acknowledged() {
    let broker = with_table(2).await;
    put(&broker, 0, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))]).await;
    put(&broker, 1, &[("c", Some("1"))]).await;
    put(&broker, 0, &[("b", None)]).await;
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(
        values(&broker, get(&["b", "a", "none", "c", "a"])).await,
        [
            ("b".to_owned(), None, Some(0), Some(3)),
            ("a".to_owned(), own("2"), Some(0), Some(2)),
            ("none".to_owned(), None, None, None),
            ("c".to_owned(), own("1"), Some(1), Some(0)),
            ("a".to_owned(), own("2"), Some(0), Some(2)),
        ]
    );
    let of_partition = v1::GetValuesRequest { partition: Some(1), ..get(&["a", "c"]) };
    assert_eq!(
        values(&broker, of_partition).await,
        [("a".to_owned(), None, None, None), ("c".to_owned(), own("1"), Some(1), Some(0))]
    );
    // In both partitions: what was appended last counts.
    put(&broker, 1, &[("a", Some("3"))]).await;
    assert_eq!(values(&broker, get(&["a"])).await, [("a".to_owned(), own("3"), Some(1), Some(1))]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_waits_for_the_offset_that_it_must_show() {
    let broker = with_table(1).await;
    put(&broker, 0, &[("a", Some("1"))]).await;
    let later = v1::GetValuesRequest { partition: Some(0), min_offset: Some(2), ..get(&["a"]) };
    let waits = values(&broker, later.clone());
    let put = async {
        // It is waited for what comes, whenever that is.
        tokio::task::yield_now().await;
        put(&broker, 0, &[("a", Some("2"))]).await
    };
    let (seen, end) = tokio::join!(waits, put);
    assert_eq!((seen[0].1.as_deref(), seen[0].3, end), (Some("2"), Some(1), 2));
    let request = v1::ScanTableRequest { partition: Some(0), min_offset: Some(2), ..Default::default() };
    assert_eq!(scan(&broker, request).await, seen);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_in_the_order_of_the_keys_over_all_partitions() {
    let broker = with_table(3).await;
    let mut expected = BTreeMap::new();
    for number in 0..3_000_u32 {
        let key = format!("{}{number}", ["k-", "l-", "m"][number as usize % 3]);
        expected.insert(key, (number.to_string(), number % 7 % 3));
    }
    for partition in 0..3 {
        let of_this = expected.iter().filter(|(_, (_, of))| *of == partition);
        let of_this: Vec<_> = of_this.map(|(key, (value, _))| (key.as_str(), Some(value.as_str()))).collect();
        for chunk in of_this.chunks(500) {
            put(&broker, partition, chunk).await;
        }
    }
    let first = expected.keys().next().unwrap().clone();
    let (_, partition) = expected.remove(&first).unwrap();
    put(&broker, partition, &[(&first, None)]).await;
    let short = |told: Vec<Told>| -> Vec<_> {
        told.into_iter()
            .map(|(key, value, partition, _)| (key, (value.unwrap(), partition.unwrap())))
            .collect()
    };
    let all = short(scan(&broker, v1::ScanTableRequest::default()).await);
    assert_eq!(all, expected.clone().into_iter().collect::<Vec<_>>());
    let prefix = v1::ScanTableRequest { prefix: "l-".into(), ..Default::default() };
    let of_prefix = short(scan(&broker, prefix.clone()).await);
    let expected: Vec<_> = expected.into_iter().filter(|(key, _)| key.starts_with("l-")).collect();
    assert_eq!(of_prefix, expected);
    // In parts, each behind the last key of the one before.
    let mut parts = Vec::new();
    loop {
        let after_key = parts.last().map(|(key, _): &(String, _)| key.clone().into()).unwrap_or_default();
        let part =
            short(scan(&broker, v1::ScanTableRequest { after_key, limit: 300, ..prefix.clone() }).await);
        assert!(part.len() <= 300);
        if part.is_empty() {
            break;
        }
        parts.extend(part);
    }
    assert_eq!(parts, expected);
    let of_partition = v1::ScanTableRequest { partition: Some(2), ..prefix };
    assert!(scan(&broker, of_partition).await.iter().all(|told| told.2 == Some(2)));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_do_not_fit_into_one_answer_come_with_the_next() {
    let broker = with_table(1).await;
    let large = "x".repeat(700_000);
    for key in ["a", "b", "c"] {
        put(&broker, 0, &[(key, Some(&large))]).await;
    }
    assert_eq!(values(&broker, get(&["a", "b", "c"])).await.len(), 1);
    assert_eq!(scan(&broker, v1::ScanTableRequest::default()).await.len(), 3);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_table_has_a_key() {
    let broker = with_table(1).await;
    broker.make_with("acme", "log", 1, &[]).await;
    let request = crate::harness::produce_request("t", 0, &["without a key"]);
    let (code, message) = failure(broker.produce().produce(of_tenant("acme", request)).await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INVALID_ARGUMENT", "record 0: it has no key, and the topic is a table")
    );
    // And only a table is read by key.
    let request = v1::GetValuesRequest { topic: "log".to_owned(), ..get(&["a"]) };
    let (code, message) = failure(broker.tables().get_values(of_tenant("acme", request)).await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INVALID_ARGUMENT", "topic: topic \"log\" is not a table")
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_same_name_are_their_tenants() {
    let broker = with_table(1).await;
    broker.make_with("beta", "t", 1, &[("cleanup.policy", "compact,delete")]).await;
    put(&broker, 0, &[("a", Some("of acme"))]).await;
    let answer = broker.tables().get_values(of_tenant("beta", get(&["a"]))).await.unwrap().into_inner();
    assert_eq!(answer.values.into_iter().map(told).collect::<Vec<_>>(), [("a".to_owned(), None, None, None)]);
    let request = v1::ScanTableRequest { topic: "t".to_owned(), ..Default::default() };
    let mut answers = broker.tables().scan_table(of_tenant("beta", request)).await.unwrap().into_inner();
    assert!(answers.next().await.is_none());
    broker.stop().await;
}
