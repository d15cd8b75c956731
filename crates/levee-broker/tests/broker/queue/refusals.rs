//! What workers ask that they do not get.

use super::worker::{Worker, message, settings, start, value};
use super::{orders, produce};
use crate::harness::{Broker, of_tenant};
use crate::tenancy::{allow, allow_group, every_topic, user};
use crate::wire::Caller;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::work_request::Kind as Sent;
use tonic::Request;

async fn refusal(broker: &Broker, start: v1::WorkStart) -> (String, String) {
    let by = |stream| of_tenant("acme", stream);
    match Worker::try_start(broker, start, by).await {
        Ok(_) => panic!("it started"),
        Err(refusal) => refusal,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_are_refused() {
    let broker = orders().await;
    let good = || start("work", settings(&["orders"]));
    let with = |change: &dyn Fn(&mut v1::WorkStart)| {
        let mut start = good();
        change(&mut start);
        start
    };
    let set = |change: &dyn Fn(&mut v1::QueueSettings)| {
        let mut start = good();
        change(start.settings.as_mut().unwrap());
        start
    };
    let begin = |spec| Some(v1::OffsetSpec { spec });
    let many: Vec<_> = (0..101).map(|index| format!("t{index}")).collect();
    let bad = [
        (with(&|s| s.group.clear()), "INVALID_ARGUMENT", "group: "),
        (with(&|s| s.group = "x".repeat(10_240)), "INVALID_ARGUMENT", "group: "),
        (with(&|s| s.lease_ms = 999), "INVALID_ARGUMENT", "lease_ms: "),
        (with(&|s| s.lease_ms = 43_200_001), "INVALID_ARGUMENT", "lease_ms: "),
        (with(&|s| s.credit = 0), "INVALID_ARGUMENT", "credit: "),
        (with(&|s| s.credit = 1_001), "INVALID_ARGUMENT", "credit: "),
        (with(&|s| s.settings = None), "NOT_FOUND", "\"work\""),
        (set(&|s| s.topics.clear()), "INVALID_ARGUMENT", "settings.topics: "),
        (set(&|s| s.topics = many.clone()), "INVALID_ARGUMENT", "settings.topics: "),
        (set(&|s| s.topics.push("orders".to_owned())), "INVALID_ARGUMENT", "settings.topics[1]: "),
        (set(&|s| s.topics.push(String::new())), "INVALID_ARGUMENT", "settings.topics[1]: "),
        (set(&|s| s.topics.push("absent".to_owned())), "NOT_FOUND", "absent"),
        (set(&|s| s.max_deliveries = 1_001), "INVALID_ARGUMENT", "settings.max_deliveries: "),
        (
            set(&|s| s.dead_letter_topic = "a/b".to_owned()),
            "INVALID_ARGUMENT",
            "settings.dead_letter_topic: ",
        ),
        (
            set(&|s| s.dead_letter_topic = "orders".to_owned()),
            "INVALID_ARGUMENT",
            "settings.dead_letter_topic: ",
        ),
        (set(&|s| s.dead_letter_topic = "absent".to_owned()), "NOT_FOUND", "absent"),
        (set(&|s| s.start = begin(Some(Spec::Offset(1)))), "INVALID_ARGUMENT", "settings.start.offset: "),
        (set(&|s| s.start = begin(Some(Spec::Edge(0)))), "INVALID_ARGUMENT", "settings.start.edge: "),
    ];
    for (start, code, text) in bad {
        let (told, message) = refusal(&broker, start).await;
        assert_eq!(told, code, "{message}");
        assert!(message.contains(text) && message.len() < 600, "{message}");
    }
    // Nothing of it made the queue; and what it is made like, it stays.
    let worker = Worker::start(&broker, good()).await;
    broker.make("acme", "other", 1).await;
    let other = [
        (
            set(&|s| s.topics.push("other".to_owned())),
            "settings.topics: it is [\"orders\", \"other\"], and the queue has [\"orders\"]",
        ),
        (set(&|s| s.max_deliveries = 7), "settings.max_deliveries: it is 7, and the queue has 5"),
        (
            set(&|s| s.dead_letter_topic = "other".to_owned()),
            "settings.dead_letter_topic: it is \"other\", and the queue has \"\"",
        ),
        (set(&|s| s.ordered_by_key = true), "settings.ordered_by_key: it is true, and the queue has false"),
        (
            set(&|s| s.start = begin(Some(Spec::TimestampMs(9)))),
            "settings.start: it is the timestamp 9, and the queue has the start",
        ),
    ];
    for (start, text) in other {
        let (code, message) = refusal(&broker, start).await;
        assert_eq!((code.as_str(), message.as_str()), ("INVALID_ARGUMENT", text));
    }
    drop(worker);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_refused() {
    let broker = orders().await;
    produce(&broker, "orders", 0, &["a"]).await;
    let settle = |settle| message(Sent::Settle(settle));
    let reject = |reject| settle(v1::WorkSettle { reject: vec![reject], ..Default::default() });
    let long = v1::WorkReject { reason: "ä".repeat(201), ..Default::default() };
    let late = v1::WorkReject { delay_ms: 43_200_001, ..Default::default() };
    let extend = vec![v1::WorkExtend { delivery_id: 1, lease_ms: 999 }];
    let bad = [
        v1::WorkRequest { kind: None },
        message(Sent::Start(start("work", settings(&["orders"])))),
        settle(v1::WorkSettle::default()),
        settle(v1::WorkSettle { acknowledge: vec![1; 1_001], ..Default::default() }),
        reject(long),
        reject(late),
        settle(v1::WorkSettle { extend, ..Default::default() }),
    ];
    for bad in bad {
        let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
        // What it has goes to the next one.
        let record = worker.record().await;
        assert!(value(&record) == "a" || record.deliveries > 1);
        worker.send.send(bad).await.unwrap();
        assert_eq!(worker.end().await, "INVALID_ARGUMENT");
        let mut worker = Worker::start(&broker, start("work", settings(&["orders"]))).await;
        let record = worker.record().await;
        worker.acknowledge(&[record]).await;
        produce(&broker, "orders", 0, &["a"]).await;
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_any_more_loses_its_stream() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    operator.make_tenant("acme").await;
    operator.make_user("acme", "admin", true, &[]).await;
    let (_, credential) = operator.full_token("acme", "admin").await;
    let admin = Caller::new(&broker, credential).await;
    admin.make_topic("", "orders").await;
    operator.make_user("acme", "ann", false, &[]).await;
    let (_, credential) = operator.full_token("acme", "ann").await;
    let by = |stream| {
        let mut request = Request::new(stream);
        request.metadata_mut().insert("authorization", credential.parse().unwrap());
        request
    };
    let begin = || start("work", settings(&["orders"]));
    let denied = Worker::try_start(&broker, begin(), by).await.err().unwrap();
    assert_eq!(denied.0, "PERMISSION_DENIED");
    let topics = admin.make_rule("", allow(user("ann"), &[2], every_topic())).await;
    let groups = admin.make_rule("", allow_group(user("ann"), &[2], None)).await;
    for rule in [topics, groups] {
        let mut worker = Worker::try_start(&broker, begin(), by).await.unwrap();
        admin.delete_rules("", vec![rule]).await;
        assert_eq!(worker.end().await, "PERMISSION_DENIED");
        admin.make_rule("", allow(user("ann"), &[2], every_topic())).await;
        admin.make_rule("", allow_group(user("ann"), &[2], None)).await;
    }
    broker.stop().await;
}
