//! A consumer over a real connection, to a broker that the test plays. What the consumer decides is tested without one,
//! in the crate.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod script {
    #![expect(unreachable_pub, reason = "shared within this test")]
    pub mod call;
    pub mod consume;
    pub mod stream;
}

use levee_client::v1::consume_request::Kind as Ask;
use levee_client::v1::consume_response::Kind as Answer;
use levee_client::{
    Client, ClientConfig, Consumer, ConsumerSettings, ErrorKind, Identity, PartitionOffset,
    RebalanceListener, StartAt, v1,
};
use levee_types::{ErrorCode, TenantName};
use script::call::{PATIENCE, refusal};
use script::consume::{Member, Script, batch};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

fn client(script: &Script) -> Client {
    let acme = Identity::DevTenant(TenantName::new("acme").unwrap());
    Client::new(ClientConfig::new(script.endpoint(), acme)).unwrap()
}

fn settings() -> ConsumerSettings {
    ConsumerSettings::new("g", ["t"])
}

/// A consumer that has joined, and the broker's end of it.
async fn joined(settings: ConsumerSettings) -> (Script, Consumer, Member) {
    let mut script = Script::start().await;
    let client = client(&script);
    let (consumer, member) = tokio::join!(client.consumer(settings), script.join(1));
    (script, consumer.unwrap(), member)
}

/// The offset of the next record.
async fn next(consumer: &mut Consumer) -> u64 {
    timeout(PATIENCE, consumer.next()).await.unwrap().unwrap().offset
}

/// Nothing comes, however often it is asked for. Ends when the broker got `ask`.
async fn while_waiting<T>(consumer: &mut Consumer, ask: impl Future<Output = T>) -> T {
    tokio::select! {
        next = consumer.next() => panic!("{next:?}"),
        asked = ask => asked,
    }
}

#[tokio::test]
async fn a_member_says_what_it_wants_and_gets_its_records() {
    let mut script = Script::start().await;
    let client = client(&script);
    let settings = ConsumerSettings {
        instance: Some("i".to_owned()),
        start: StartAt::End,
        credit_bytes: 100,
        session_timeout: Duration::from_secs(5),
        ..settings()
    };
    let (consumer, mut member) = tokio::join!(client.consumer(settings), script.join(1));
    let mut consumer = consumer.unwrap();
    let v1::ConsumeJoin { group, topics, instance, session_timeout_ms, credit_bytes, .. } = &member.join;
    assert_eq!((group.as_str(), topics.as_slice(), instance.as_str()), ("g", &["t".to_owned()][..], "i"));
    assert_eq!((*session_timeout_ms, *credit_bytes), (5000, 100));

    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 3)));
    assert_eq!([next(&mut consumer).await, next(&mut consumer).await], [10, 11]);
    let (committed, ()) = tokio::join!(consumer.commit(), async {
        let commit = member.commit().await;
        assert_eq!(commit.offsets, [v1::CommitOffset { assignment: 1, offset: 12 }]);
        member.committed(&commit);
    });
    committed.unwrap();
    // The credit that a batch took comes back when it is taken.
    member.send(Answer::Batches(batch(1, 13, 30)));
    assert_eq!(next(&mut consumer).await, 12);
    assert_eq!(next(&mut consumer).await, 13);
    let Ask::Credit(credit) = member.ask().await else { panic!("no credit") };
    assert!(credit.bytes > 50, "{credit:?}");
}

#[tokio::test]
async fn the_connection_tells_that_the_member_is_alive_though_the_caller_does_nothing() {
    let settings = ConsumerSettings { session_timeout: Duration::from_secs(1), ..settings() };
    let (_script, consumer, mut member) = joined(settings).await;
    for _ in 0..2 {
        assert!(matches!(member.request().await, Some(Ask::Heartbeat(_))));
    }
    drop(consumer);
    while member.request().await.is_some() {}
}

/// What a listener was told, and of which offset of which partition.
type News = (&'static str, Vec<(u32, u64)>);

/// Notes what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<News>>>);

impl Told {
    fn note(&self, what: &'static str, partitions: &[PartitionOffset]) {
        let partitions = partitions.iter().map(|at| (at.partition, at.offset)).collect();
        self.0.lock().unwrap().push((what, partitions));
    }

    fn take(&self) -> Vec<News> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl RebalanceListener for Told {
    fn assigned(&mut self, partitions: &[PartitionOffset]) {
        self.note("assigned", partitions);
    }

    fn revoked(&mut self, partitions: &[PartitionOffset]) -> Vec<PartitionOffset> {
        self.note("revoked", partitions);
        partitions.to_vec()
    }

    fn lost(&mut self, partitions: &[PartitionOffset]) {
        self.note("lost", partitions);
    }
}

#[tokio::test]
async fn a_partition_is_let_go_of_when_more_is_asked_for_and_its_last_commit_is_answered() {
    let (_script, mut consumer, mut member) = joined(settings()).await;
    let told = Told::default();
    consumer.set_listener(told.clone());
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 1)));
    assert_eq!(next(&mut consumer).await, 10);
    member.revoke(1, false);
    assert_eq!(told.take(), [("assigned", vec![(0, 10)])]);

    let commit = while_waiting(&mut consumer, member.commit()).await;
    assert_eq!(commit.offsets, [v1::CommitOffset { assignment: 1, offset: 11 }]);
    // Not before the answer.
    timeout(Duration::from_millis(50), while_waiting(&mut consumer, member.ask())).await.unwrap_err();
    member.committed(&commit);
    let release = while_waiting(&mut consumer, member.ask()).await;
    assert!(matches!(release, Ask::Release(v1::ConsumeRelease { assignments }) if assignments == [1]));
    assert_eq!(told.take(), [("revoked", vec![(0, 11)])]);
    // Everything that was handed out is committed.
    consumer.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_revoked_behind_many_batches_is_let_go_of_at_once() {
    let (_script, mut consumer, mut member) = joined(settings()).await;
    for (assignment, partition) in [(1, 0), (2, 1)] {
        member.assign(assignment, partition, 0);
        member.send(Answer::Batches(batch(assignment, 0, 10_000)));
    }
    assert_eq!(timeout(PATIENCE, consumer.next()).await.unwrap().unwrap().partition, 0);
    member.revoke(1, false);
    // A slow caller: it has enough for as long as this test may take.
    let slow = async {
        for _ in 0..10_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            consumer.next().await.unwrap();
        }
    };
    let released = tokio::select! {
        released = member.ask() => released,
        () = slow => panic!("it was not let go of"),
    };
    assert!(matches!(released, Ask::Release(_)), "{released:?}");
}

#[tokio::test]
async fn a_lost_partition_is_told_and_its_commit_is_refused() {
    let (_script, mut consumer, mut member) = joined(settings()).await;
    let told = Told::default();
    consumer.set_listener(told.clone());
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 1)));
    assert_eq!(next(&mut consumer).await, 10);
    member.revoke(1, true);
    member.assign(2, 1, 50);
    member.send(Answer::Batches(batch(2, 50, 1)));
    assert_eq!(next(&mut consumer).await, 50);
    assert_eq!(told.take()[1..], [("lost", vec![(0, 11)]), ("assigned", vec![(1, 50)])]);
    let (committed, ()) = tokio::join!(consumer.commit(), async {
        let commit = member.commit().await;
        assert_eq!(commit.offsets, [v1::CommitOffset { assignment: 2, offset: 51 }]);
        member.committed(&commit);
    });
    assert_eq!(committed.unwrap_err().code(), Some(ErrorCode::MemberFenced));
    // It was told.
    consumer.commit().await.unwrap();
}

#[tokio::test]
async fn a_consumer_joins_again_and_goes_on_where_the_broker_says() {
    let (mut script, mut consumer, member) = joined(settings()).await;
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 1)));
    assert_eq!(next(&mut consumer).await, 10);
    member.fail(Status::unavailable("broken on purpose"));
    let (offset, member) = tokio::join!(next(&mut consumer), script.join_with(2, 1, 10));
    assert_eq!(offset, 10);
    // One that is fenced joins again as well.
    member.fail(refusal(ErrorCode::MemberFenced));
    let (offset, member) = tokio::join!(next(&mut consumer), script.join_with(3, 1, 10));
    assert_eq!(offset, 10);
    // But what it may not do it does not try again.
    member.fail(refusal(ErrorCode::PermissionDenied));
    for _ in 0..2 {
        let error = timeout(PATIENCE, consumer.next()).await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::PermissionDenied));
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_early_does_not_put_off_joining_again() {
    let (mut script, mut consumer, member) = joined(settings()).await;
    member.fail(Status::unavailable("broken on purpose"));
    let impatient = async {
        loop {
            if let Ok(next) = timeout(Duration::from_millis(1), consumer.next()).await {
                return next.unwrap().offset;
            }
        }
    };
    let (offset, _member) = tokio::join!(timeout(PATIENCE, impatient), script.join_with(2, 1, 10));
    assert_eq!(offset.unwrap(), 10);
}

/// What runs on any thread.
fn is_send<T: Send>(_: &T) {}

#[tokio::test]
async fn a_consumer_can_be_moved_to_another_task() {
    let (_script, mut consumer, _member) = joined(settings()).await;
    is_send(&consumer);
    is_send(&consumer.next());
    is_send(&consumer.commit());
    is_send(&consumer.stream());
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_has_an_unknown_outcome() {
    let (_script, mut consumer, mut member) = joined(settings()).await;
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 3)));
    assert_eq!(next(&mut consumer).await, 10);
    let (committed, ()) = tokio::join!(consumer.commit(), async {
        member.commit().await;
        member.fail(Status::unavailable("broken on purpose"));
    });
    let error = committed.unwrap_err();
    assert_eq!((error.kind(), error.is_outcome_unknown()), (ErrorKind::Connection, true));
}

#[tokio::test]
async fn a_member_whose_place_is_taken_does_not_take_it_back_though_it_was_committing() {
    let (_script, mut consumer, mut member) = joined(settings()).await;
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 3)));
    assert_eq!(next(&mut consumer).await, 10);
    let (committed, ()) = tokio::join!(consumer.commit(), async {
        member.commit().await;
        member.fail(refusal(ErrorCode::AlreadyExists));
    });
    assert!(committed.unwrap_err().is_outcome_unknown());
    // It would wait for the broker to take it in.
    let ended = timeout(PATIENCE, consumer.next()).await.expect("it has ended");
    assert_eq!(ended.unwrap_err().code(), Some(ErrorCode::AlreadyExists));
}

#[tokio::test]
async fn g7_auto_commit_waits_until_more_is_asked_for() {
    let settings = ConsumerSettings { auto_commit: Some(Duration::from_millis(1)), ..settings() };
    let (_script, mut consumer, mut member) = joined(settings).await;
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 2)));
    assert_eq!(next(&mut consumer).await, 10);
    timeout(Duration::from_millis(50), member.request()).await.map(drop).unwrap_err();
    assert_eq!(next(&mut consumer).await, 11);
    let commit = member.commit().await;
    assert_eq!(commit.offsets, [v1::CommitOffset { assignment: 1, offset: 11 }]);
    member.committed(&commit);
    // The last record is done as well, once its caller waits for another one.
    let commit = while_waiting(&mut consumer, member.commit()).await;
    assert_eq!(commit.offsets, [v1::CommitOffset { assignment: 1, offset: 12 }]);
}

#[tokio::test]
async fn a_consumer_that_is_closed_commits_what_is_done() {
    let settings = ConsumerSettings { auto_commit: Some(Duration::from_secs(3600)), ..settings() };
    let (_script, mut consumer, mut member) = joined(settings).await;
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 2)));
    next(&mut consumer).await;
    next(&mut consumer).await;
    let (closed, ()) = tokio::join!(consumer.close(), async {
        let commit = member.commit().await;
        assert_eq!(commit.offsets, [v1::CommitOffset { assignment: 1, offset: 11 }]);
        member.committed(&commit);
    });
    closed.unwrap();
}

#[tokio::test]
async fn a_consumer_that_joins_again_by_itself_reads_again() {
    let (mut script, mut consumer, member) = joined(settings()).await;
    member.assign(1, 0, 10);
    member.send(Answer::Batches(batch(1, 10, 3)));
    assert_eq!(next(&mut consumer).await, 10);
    assert_eq!(consumer.positions().offsets().map(|at| at.offset).collect::<Vec<_>>(), [11]);
    consumer.rejoin();
    assert!(consumer.positions().is_empty() && consumer.assignment().is_empty());
    let (offset, _member) = tokio::join!(next(&mut consumer), script.join_with(2, 1, 10));
    assert_eq!(offset, 10);
}

#[tokio::test]
async fn mistakes_of_the_caller_are_told_at_once() {
    let script = Script::start().await;
    let client = client(&script);
    for wrong in [
        ConsumerSettings { group: "_g".to_owned(), ..settings() },
        ConsumerSettings { topics: Vec::new(), ..settings() },
        ConsumerSettings { start: StartAt::Offset(7), ..settings() },
        ConsumerSettings { session_timeout: Duration::from_millis(999), ..settings() },
        ConsumerSettings { credit_bytes: 0, ..settings() },
        ConsumerSettings { auto_commit: Some(Duration::ZERO), ..settings() },
    ] {
        let error = client.consumer(wrong).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}
