//! Each limit of the table service, and one beyond it.

use super::{get, put, values, with_table};
use crate::harness::{Broker, failure, of_tenant};
use bytes::Bytes;
use levee_proto::v1;
use levee_types::limits::{MAX_TABLE_KEY_BYTES, MAX_TABLE_KEYS, MAX_WATCHED_KEYS};

fn key(bytes: usize) -> Bytes {
    vec![b'k'; bytes].into()
}

async fn refused_get(broker: &Broker, request: v1::GetValuesRequest) -> (String, String) {
    failure(broker.tables().get_values(of_tenant("acme", request)).await)
}

async fn refused_scan(broker: &Broker, request: v1::ScanTableRequest) -> (String, String) {
    let request = v1::ScanTableRequest { topic: "t".to_owned(), ..request };
    failure(broker.tables().scan_table(of_tenant("acme", request)).await)
}

async fn refused_watch(broker: &Broker, request: v1::WatchTableRequest) -> (String, String) {
    let request = v1::WatchTableRequest { topic: "t".to_owned(), ..request };
    failure(broker.tables().watch_table(of_tenant("acme", request)).await)
}

fn invalid(message: &str) -> (String, String) {
    ("INVALID_ARGUMENT".to_owned(), message.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_as_long_and_as_many_as_they_may_be() {
    let broker = with_table(1).await;
    let longest = "k".repeat(MAX_TABLE_KEY_BYTES);
    put(&broker, 0, &[(&longest, Some("v"))]).await;
    let all = v1::GetValuesRequest { keys: vec![key(MAX_TABLE_KEY_BYTES); MAX_TABLE_KEYS], ..get(&[]) };
    // As many as fit: keys come back.
    let found = values(&broker, all).await;
    assert!(found.len() > 100 && found.iter().all(|told| told.1.as_deref() == Some("v")));

    let many = v1::GetValuesRequest { keys: vec![key(1); MAX_TABLE_KEYS + 1], ..get(&[]) };
    assert_eq!(refused_get(&broker, many).await, invalid("keys: 1001 is out of range; it takes 1 to 1000"));
    assert_eq!(refused_get(&broker, get(&[])).await, invalid("keys: 0 is out of range; it takes 1 to 1000"));
    for (bytes, shown) in [(0, "0"), (MAX_TABLE_KEY_BYTES + 1, "4097")] {
        let keys = vec![key(1), key(bytes)];
        let message = format!("keys[1]: {shown} bytes is out of range; it takes 1 to 4096");
        let of_get = v1::GetValuesRequest { keys: keys.clone(), ..get(&[]) };
        assert_eq!(refused_get(&broker, of_get).await, invalid(&message));
        let of_watch = v1::WatchTableRequest { keys, ..Default::default() };
        assert_eq!(refused_watch(&broker, of_watch).await, invalid(&message));
    }
    let keys = vec![key(1); MAX_WATCHED_KEYS + 1];
    assert_eq!(
        refused_watch(&broker, v1::WatchTableRequest { keys, ..Default::default() }).await,
        invalid("keys: 1001 is out of range; it takes 0 to 1000")
    );
    let both = v1::WatchTableRequest { keys: vec![key(1)], prefix: key(1), ..Default::default() };
    assert_eq!(refused_watch(&broker, both).await, invalid("prefix: it is given with keys"));
    let part = key(MAX_TABLE_KEY_BYTES + 1);
    let of_prefix = v1::ScanTableRequest { prefix: part.clone(), ..Default::default() };
    assert_eq!(
        refused_scan(&broker, of_prefix).await,
        invalid("prefix: 4097 bytes is out of range; it takes 0 to 4096")
    );
    let behind = v1::ScanTableRequest { after_key: part.clone(), ..Default::default() };
    assert_eq!(
        refused_scan(&broker, behind).await,
        invalid("after_key: 4097 bytes is out of range; it takes 0 to 4096")
    );
    let of_prefix = v1::WatchTableRequest { prefix: part, ..Default::default() };
    assert_eq!(
        refused_watch(&broker, of_prefix).await,
        invalid("prefix: 4097 bytes is out of range; it takes 0 to 4096")
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_offsets_are_there() {
    let broker = with_table(2).await;
    let beyond = v1::GetValuesRequest { partition: Some(2), ..get(&["a"]) };
    assert_eq!(refused_get(&broker, beyond).await.0, "NOT_FOUND");
    let beyond = v1::ScanTableRequest { partition: Some(u32::MAX), ..Default::default() };
    assert_eq!(refused_scan(&broker, beyond).await.0, "NOT_FOUND");
    let beyond = v1::WatchTableRequest { partition: Some(2), ..Default::default() };
    assert_eq!(refused_watch(&broker, beyond).await.0, "NOT_FOUND");
    let of_none = v1::GetValuesRequest { min_offset: Some(0), ..get(&["a"]) };
    assert_eq!(refused_get(&broker, of_none).await, invalid("min_offset: it is given without partition"));
    let never = v1::GetValuesRequest { partition: Some(0), min_offset: Some(1), ..get(&["a"]) };
    assert_eq!(
        refused_get(&broker, never).await,
        ("OFFSET_OUT_OF_RANGE".to_owned(), "partition 0 has not come to offset 1 within 10 s".to_owned())
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_table_has_a_key_of_at_most_4_kib() {
    let broker = with_table(1).await;
    let beyond = "k".repeat(MAX_TABLE_KEY_BYTES + 1);
    for (key, code) in [(beyond.as_str(), "TOO_LARGE"), ("", "INVALID_ARGUMENT")] {
        let request = crate::harness::produce_keyed("t", 0, &[("a", None), (key, Some("v"))]);
        let (refused, message) = failure(broker.produce().produce(of_tenant("acme", request)).await);
        assert_eq!(refused, code);
        assert!(message.starts_with("record 1: "), "{message}");
    }
    broker.stop().await;
}
