//! A worker over a real connection, to a broker that the test plays. What the worker decides is tested without one, in
//! the crate.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod script {
    #![expect(unreachable_pub, reason = "shared within this test")]
    pub mod call;
    pub mod stream;
    pub mod work;
}

use levee_client::{
    Client, ClientConfig, ErrorKind, Identity, Leased, QueueSettings, Worker, WorkerSettings, v1,
};
use levee_types::{ErrorCode, TenantName};
use script::call::{PATIENCE, refusal};
use script::work::{Member, Script};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

fn client(script: &Script) -> Client {
    let acme = Identity::DevTenant(TenantName::new("acme").unwrap());
    Client::new(ClientConfig::new(script.endpoint(), acme)).unwrap()
}

/// A worker that has started, and the broker's end of it.
async fn started(settings: WorkerSettings) -> (Script, Worker, Member) {
    let mut script = Script::start().await;
    let client = client(&script);
    let (worker, member) = tokio::join!(client.worker(settings), script.start_work());
    (script, worker.unwrap(), member)
}

async fn next(worker: &mut Worker) -> Leased {
    timeout(PATIENCE, worker.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_worker_says_what_it_wants_and_what_became_of_each_record() {
    let settings = WorkerSettings {
        queue: Some(QueueSettings {
            dead_letter_topic: Some("dead".to_owned()),
            ..QueueSettings::new(["t"])
        }),
        credit: 3,
        ..WorkerSettings::new("q")
    };
    let (_script, mut worker, mut member) = started(settings).await;
    let queue = member.start.settings.clone().unwrap();
    assert_eq!((member.start.group.as_str(), member.start.lease_ms, member.start.credit), ("q", 30_000, 3));
    assert_eq!(
        (queue.topics[0].as_str(), queue.max_deliveries, queue.dead_letter_topic.as_str()),
        ("t", 5, "dead")
    );
    for number in 0..3 {
        member.deliver(number, 10 + number);
    }
    let leased = next(&mut worker).await;
    assert_eq!((leased.record.offset, leased.deliveries), (10, 1));
    let settled = leased.ack();
    assert_eq!(member.settle().await.acknowledge, [0]);
    member.settled(Vec::new());
    settled.await.unwrap();
    assert_eq!(member.credit().await, 1);

    let settled = next(&mut worker).await.reject(Duration::from_secs(1));
    assert_eq!(member.settle().await.reject[0].delay_ms, 1000);
    let error = v1::ErrorDetail { code: ErrorCode::LeaseExpired as i32, ..v1::ErrorDetail::default() };
    member.settled(vec![v1::SettleFailure { delivery_id: 1, error: Some(error) }]);
    assert_eq!(settled.await.unwrap_err().code(), Some(ErrorCode::LeaseExpired));
    assert_eq!(member.credit().await, 1);

    let leased = next(&mut worker).await;
    let extended = leased.extend(Duration::from_secs(9));
    assert_eq!(member.settle().await.extend, [v1::WorkExtend { delivery_id: 2, lease_ms: 9000 }]);
    member.settled(Vec::new());
    extended.await.unwrap();
    let settled = leased.dead("bad");
    let reject = member.settle().await.reject;
    assert_eq!((reject[0].dead, reject[0].reason.as_str()), (true, "bad"));
    member.settled(Vec::new());
    settled.await.unwrap();
    assert_eq!(member.credit().await, 1);
}

#[tokio::test]
async fn a_record_that_is_dropped_is_handed_out_again_at_once() {
    let (_script, mut worker, mut member) = started(WorkerSettings::new("q")).await;
    member.deliver(1, 10);
    drop(next(&mut worker).await);
    let reject = member.settle().await.reject;
    assert_eq!((reject[0].delivery_id, reject[0].delay_ms, reject[0].dead), (1, 0, false));
}

#[tokio::test]
async fn what_a_worker_had_is_not_its_own_any_more_when_the_connection_is_lost() {
    let (mut script, mut worker, mut member) = started(WorkerSettings::new("q")).await;
    for number in 1..=3 {
        member.deliver(number, 10 + number);
    }
    let (first, second) = (next(&mut worker).await, next(&mut worker).await);
    let sent = first.ack();
    member.settle().await;
    member.fail(Status::unavailable("broken on purpose"));
    let error = sent.await.unwrap_err();
    assert_eq!((error.kind(), error.is_outcome_unknown()), (ErrorKind::Connection, true));
    let mut member = script.start_work().await;
    assert_eq!(second.ack().await.unwrap_err().code(), Some(ErrorCode::LeaseExpired));
    // The numbers begin anew. What nobody had taken of the first stream is not handed out.
    member.deliver(1, 12);
    let again = next(&mut worker).await;
    assert_eq!(again.record.offset, 12);
    let acked = again.ack();
    assert_eq!(member.settle().await.acknowledge, [1]);
    member.settled(Vec::new());
    acked.await.unwrap();
}

#[tokio::test]
async fn what_the_worker_may_not_do_it_does_not_try_again() {
    let (_script, mut worker, member) = started(WorkerSettings::new("q")).await;
    member.fail(refusal(ErrorCode::PermissionDenied));
    for _ in 0..2 {
        let error = timeout(PATIENCE, worker.next()).await.unwrap().map(drop).unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::PermissionDenied));
    }
}

#[tokio::test]
async fn a_worker_that_is_closed_settles_what_it_has_and_takes_no_more() {
    let (_script, mut worker, mut member) = started(WorkerSettings::new("q")).await;
    member.deliver(1, 11);
    member.deliver(2, 12);
    let leased = next(&mut worker).await;
    let (closed, ()) = tokio::join!(timeout(PATIENCE, worker.close()), async {
        // Nobody has taken it.
        assert_eq!(member.settle().await.reject[0].delivery_id, 2);
        member.settled(Vec::new());
        let acked = leased.ack();
        assert_eq!(member.settle().await.acknowledge, [1]);
        member.settled(Vec::new());
        acked.await.unwrap();
        assert!(member.request().await.is_none());
    });
    closed.unwrap();
}

#[tokio::test]
async fn mistakes_of_the_caller_are_told_at_once() {
    let script = Script::start().await;
    let client = client(&script);
    let queue = QueueSettings::new(["t"]);
    for wrong in [
        WorkerSettings::new("_q"),
        WorkerSettings { credit: 0, ..WorkerSettings::new("q") },
        WorkerSettings { lease: Duration::from_millis(1), ..WorkerSettings::new("q") },
        WorkerSettings {
            queue: Some(QueueSettings { max_deliveries: 0, ..queue.clone() }),
            ..WorkerSettings::new("q")
        },
        WorkerSettings {
            queue: Some(QueueSettings { topics: Vec::new(), ..queue }),
            ..WorkerSettings::new("q")
        },
    ] {
        let error = client.worker(wrong).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}
