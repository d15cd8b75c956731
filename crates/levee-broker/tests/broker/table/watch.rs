//! Watching tables.

use super::{Told, put, told, with_table};
use crate::harness::{Broker, PATIENCE, failure, of_tenant};
use futures::StreamExt as _;
use levee_proto::v1;
use std::collections::BTreeMap;
use tokio::time::timeout;
use tonic::Streaming;

struct Watch(Streaming<v1::WatchTableResponse>);

impl Watch {
    async fn new(broker: &Broker, request: v1::WatchTableRequest) -> Self {
        let request = v1::WatchTableRequest { topic: "t".to_owned(), ..request };
        Self(broker.tables().watch_table(of_tenant("acme", request)).await.unwrap().into_inner())
    }

    async fn message(&mut self) -> v1::WatchTableResponse {
        timeout(PATIENCE, self.0.next()).await.expect("nothing is told").expect("it ended").unwrap()
    }

    /// What is told until it is current.
    async fn present(&mut self) -> Vec<Told> {
        let mut values = Vec::new();
        loop {
            let message = self.message().await;
            values.extend(message.values.into_iter().map(told));
            if message.is_current {
                return values;
            }
        }
    }

    /// The next so many.
    async fn changes(&mut self, count: usize) -> Vec<Told> {
        let mut values = Vec::new();
        while values.len() < count {
            let message = self.message().await;
            assert!(!message.is_current, "it is told once");
            values.extend(message.values.into_iter().map(told));
        }
        values
    }
}

fn of(key: &str, value: Option<&str>, offset: u64) -> Told {
    (key.to_owned(), value.map(str::to_owned), Some(0), Some(offset))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keys_have_and_then_every_change() {
    let broker = with_table(1).await;
    put(&broker, 0, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("c", None)]).await;
    let mut all = Watch::new(&broker, v1::WatchTableRequest::default()).await;
    assert_eq!(all.present().await, [of("a", Some("2"), 2), of("b", Some("1"), 1)]);
    let by_key =
        v1::WatchTableRequest { keys: vec!["a".into(), "c".into(), "new".into()], ..Default::default() };
    let mut some = Watch::new(&broker, by_key).await;
    assert_eq!(some.present().await, [of("a", Some("2"), 2)]);
    let mut none =
        Watch::new(&broker, v1::WatchTableRequest { prefix: "n".into(), ..Default::default() }).await;
    assert_eq!(none.present().await, []);
    put(&broker, 0, &[("b", None), ("a", Some("3")), ("a", Some("4")), ("new", Some("1"))]).await;
    let changes = [of("b", None, 4), of("a", Some("3"), 5), of("a", Some("4"), 6), of("new", Some("1"), 7)];
    assert_eq!(all.changes(4).await, changes);
    assert_eq!(some.changes(3).await, changes[1..]);
    assert_eq!(none.changes(1).await, changes[3..]);
    broker.stop().await;
}

/// Whoever begins while there are writes sees each key come to its last value, never going back, and each change once
/// behind the present.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_begins_in_the_middle_misses_nothing_and_never_goes_back() {
    const KEYS: u64 = 50;
    const ROUNDS: u64 = 40;
    let broker = with_table(1).await;
    let write = async {
        for round in 0..ROUNDS {
            let value = round.to_string();
            let keys: Vec<_> = (0..KEYS).map(|key| format!("k{key:02}")).collect();
            let records: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(value.as_str()))).collect();
            put(&broker, 0, &records).await;
        }
    };
    let look = async {
        let mut watches = Vec::new();
        for _ in 0..10 {
            let mut watch = Watch::new(&broker, v1::WatchTableRequest::default()).await;
            let present = watch.present().await;
            watches.push((watch, present));
        }
        watches
    };
    let ((), watches) = tokio::join!(write, look);
    let last = KEYS * ROUNDS - 1;
    for (mut watch, mut seen) in watches {
        while seen.iter().filter_map(|told| told.3).max() != Some(last) {
            seen.extend(watch.changes(1).await);
        }
        let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (key, _, _, offset) in seen {
            by_key.entry(key).or_default().push(offset.unwrap());
        }
        assert_eq!(by_key.len() as u64, KEYS);
        for (key, offsets) in by_key {
            // Behind the first that was told, every change of the key.
            let expected: Vec<_> = (offsets[0]..=last).step_by(usize::try_from(KEYS).unwrap()).collect();
            assert_eq!(offsets, expected, "{key}");
        }
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_table_and_with_its_permit() {
    let broker = with_table(1).await;
    let mut watch = Watch::new(&broker, v1::WatchTableRequest::default()).await;
    assert_eq!(watch.present().await, []);
    let delete = v1::DeleteTopicRequest { name: "t".to_owned(), ..Default::default() };
    broker.topics().delete_topic(of_tenant("acme", delete)).await.unwrap();
    let ended = timeout(PATIENCE, watch.0.next()).await.expect("it goes on").expect("it says why");
    assert_eq!(failure(ended.map(tonic::Response::new)).0, "NOT_FOUND");

    broker.make_with("acme", "t", 1, &[("cleanup.policy", "compact")]).await;
    let mut watch = Watch::new(&broker, v1::WatchTableRequest::default()).await;
    assert_eq!(watch.present().await, []);
    let suspend = v1::SuspendTenantRequest { name: "acme".to_owned(), mode: v1::TenantState::Frozen as i32 };
    broker.tenants().suspend_tenant(suspend).await.unwrap();
    let ended = timeout(PATIENCE, watch.0.next()).await.expect("it goes on").expect("it says why");
    assert_eq!(failure(ended.map(tonic::Response::new)).0, "TENANT_SUSPENDED");
    broker.stop().await;
}
