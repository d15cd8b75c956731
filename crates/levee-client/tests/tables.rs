//! Tables over a real connection, to a broker that the test plays.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod script {
    #![expect(unreachable_pub, reason = "shared within this test")]
    pub mod call;
    pub mod table;
}

use bytes::Bytes;
use levee_client::{
    Acked, Client, ClientConfig, ErrorKind, Identity, TableAt, TableChange, TableScan, TableWatch, v1,
};
use levee_types::{ErrorCode, TenantName};
use script::call::{PATIENCE, refusal};
use script::table::Script;
use std::future::Future;
use tokio::time::timeout;
use tonic::Status;

fn client(script: &Script) -> Client {
    let acme = Identity::DevTenant(TenantName::new("acme").unwrap());
    Client::new(ClientConfig::new(script.endpoint(), acme)).unwrap()
}

fn value(key: &str, value: Option<&str>, offset: u64) -> v1::KeyValue {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    v1::KeyValue {
        key: bytes(key),
        record: value.map(|value| v1::Record {
            key: Some(bytes(key)),
            value: Some(bytes(value)),
            ..v1::Record::default()
        }),
        partition: Some(0),
        offset: Some(offset),
        append_time_ms: Some(7),
    }
}

fn absent(key: &str) -> v1::KeyValue {
    v1::KeyValue { key: Bytes::copy_from_slice(key.as_bytes()), ..v1::KeyValue::default() }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("in time")
}

#[tokio::test]
async fn keys_that_had_no_room_in_an_answer_are_asked_for_again() {
    let mut script = Script::start().await;
    let tables = client(&script).tables();
    let keys: Vec<Bytes> = ["a", "b", "c"].map(Bytes::from).to_vec();
    let at = TableAt::from(Acked { partition: 3, offset: 8, append_time_ms: 7 });
    let get = tables.get_many("t", keys, at);
    let play = async {
        let (request, answer) = script.look().await;
        assert_eq!((request.topic.as_str(), request.keys.len()), ("t", 3));
        assert_eq!((request.partition, request.min_offset), (Some(3), Some(9)));
        let values = vec![value("a", Some("1"), 5), value("b", None, 6)];
        answer.send(Ok(v1::GetValuesResponse { values })).unwrap();
        let (request, answer) = script.look().await;
        assert_eq!(request.keys, [Bytes::from("c")]);
        answer.send(Ok(v1::GetValuesResponse { values: vec![absent("c")] })).unwrap();
    };
    let (found, ()) = soon(async { tokio::join!(get, play) }).await;
    let found = found.unwrap();
    let first = found[0].as_ref().unwrap();
    assert_eq!((first.offset, first.timestamp_ms, first.record.value.as_deref()), (5, 7, Some(&b"1"[..])));
    assert_eq!(found[1..], [None, None]);
}

#[tokio::test]
async fn an_answer_about_other_keys_is_refused_and_so_is_a_key_that_cannot_be_one() {
    let mut script = Script::start().await;
    let tables = client(&script).tables();
    for values in [vec![], vec![absent("b")], vec![absent("a"), absent("a")]] {
        let play = async {
            let (_, answer) = script.look().await;
            answer.send(Ok(v1::GetValuesResponse { values })).unwrap();
        };
        let get = tables.get("t", "a", TableAt::default());
        let (found, ()) = soon(async { tokio::join!(get, play) }).await;
        assert_eq!(found.unwrap_err().kind(), ErrorKind::Protocol);
    }
    for bytes in [0, 4097] {
        let refused = tables.get("t", vec![7; bytes], TableAt::default()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn a_scan_whose_connection_is_lost_goes_on_behind_its_last_key() {
    let mut script = Script::start().await;
    let tables = client(&script).tables();
    let scan = TableScan { prefix: "k".into(), limit: Some(3), ..TableScan::default() };
    let (scanner, first) = soon(async { tokio::join!(tables.scan("t", scan), script.scan()) }).await;
    let mut scanner = scanner.unwrap();
    assert_eq!((first.request.prefix.as_ref(), first.request.limit), (&b"k"[..], 3));
    first.send(v1::ScanTableResponse { values: vec![value("k1", Some("1"), 1), value("k2", Some("2"), 2)] });
    for offset in [1, 2] {
        assert_eq!(soon(scanner.next()).await.unwrap().unwrap().offset, offset);
    }
    first.fail(Status::unavailable("gone"));
    let play = async {
        let second = script.scan().await;
        assert_eq!((second.request.after_key.as_ref(), second.request.limit), (&b"k2"[..], 1));
        second.send(v1::ScanTableResponse { values: vec![value("k3", Some("3"), 3)] });
        second
    };
    let (found, _second) = soon(async { tokio::join!(scanner.next(), play) }).await;
    assert_eq!(found.unwrap().unwrap().offset, 3);
    assert!(soon(scanner.next()).await.is_none());
}

#[tokio::test]
async fn a_watch_whose_connection_is_lost_begins_again_and_says_so() {
    let mut script = Script::start().await;
    let tables = client(&script).tables();
    let watch = TableWatch { keys: vec!["a".into()], ..TableWatch::default() };
    let (watcher, first) = soon(async { tokio::join!(tables.watch("t", watch), script.watch()) }).await;
    let mut watcher = watcher.unwrap();
    assert_eq!(first.request.keys, [Bytes::from("a")]);
    assert_eq!(soon(watcher.next()).await.unwrap(), TableChange::Begin);
    first.send(v1::WatchTableResponse { values: vec![value("a", Some("1"), 1)], is_current: true });
    let TableChange::Put(read) = soon(watcher.next()).await.unwrap() else { unreachable!("no record") };
    assert_eq!(read.offset, 1);
    assert_eq!(soon(watcher.next()).await.unwrap(), TableChange::Current);
    first.send(v1::WatchTableResponse { values: vec![value("a", None, 2)], is_current: false });
    let deleted = TableChange::Deleted { key: "a".into(), partition: 0, offset: 2, append_time_ms: 7 };
    assert_eq!(soon(watcher.next()).await.unwrap(), deleted);
    first.fail(Status::unavailable("gone"));
    let (again, second) = soon(async { tokio::join!(watcher.next(), script.watch()) }).await;
    assert_eq!(again.unwrap(), TableChange::Begin);
    // What does not get better by waiting is told.
    second.fail(refusal(ErrorCode::PermissionDenied));
    let error = soon(watcher.next()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PermissionDenied));
}
