//! T1, T2, T4 and T5: transactions are all or nothing, end by themselves, and are decided once.

use crate::{crash, kill, small};
use levee_proto::v1;
use levee_tests::broker::Broker;
use levee_tests::load::{Followers, Transactors, World, drain};
use levee_tests::payload;
use levee_tests::proxy::Proxy;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::{Outcome, Recorder};
use levee_tests::seed::Seed;
use levee_tests::stored::count;
use std::time::{Duration, Instant};
use tonic::Status;

/// Producers of transactions of up to four operations, over a network that cuts connections, while the broker is killed:
/// of each transaction everybody sees all or nothing, and of those that were aborted nothing, ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t1_transactions_are_all_or_nothing() {
    let mut seed = Seed::from_env("t1");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let recorder = Recorder::new("t1");
    let world = World::create(&broker.endpoint(), 3, &recorder).await;
    let proxy =
        Proxy::start(broker.endpoint().trim_start_matches("http://"), 2_000..100_000, seed.fork()).await;
    let broken = world.at(&proxy.endpoint(), &recorder);
    let transactors = Transactors::start(&broken, 5, &mut seed);
    let followers = Followers::start(&world, 2);
    for _ in 0..8 {
        world.progress(150).await;
        tokio::time::sleep(seed.millis(0..600)).await;
        broker = crash(broker, &setup, None).await;
    }
    world.progress(150).await;
    proxy.has_cut(20).await;
    println!("{} transactions were committed, {} connections cut", transactors.committed(), proxy.cuts());
    transactors.stop().await;
    drop(followers);
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    let report = recorder.judge();
    report.assert_ok(1_000);
    assert!(report.failed > 50, "too few transactions were aborted to judge:\n{report}");
}

/// A batch of a transaction that arrives after its end, late or once more, never joins the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t2_a_late_batch_never_joins_the_next_transaction() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("t2");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let raw = world.raw();
    let session = raw.init_producer().await.expect("a producer");
    let mut stored = 0;
    for (number, is_committed) in (1..).zip([true, false, true, false]) {
        stage(&raw, session, number, 0, "good").await.expect("it is staged");
        stage(&raw, session, number, 1, "good").await.expect("it is staged");
        if is_committed {
            commit(&raw, session, number, 2).await.expect("it is committed");
            stored += 2;
        } else {
            abort(&raw, session, number).await.expect("it is aborted");
        }
        for (late, index) in [(number, 0), (number, 1), (number, 2), (number.saturating_sub(1).max(1), 0)] {
            // A repetition of what was committed may be answered as such; nothing is stored by it.
            let answer = stage(&raw, session, late, index, "late").await;
            println!(
                "batch {index} of {late} behind {number}: {:?}",
                answer.map_err(|status| raw::reason(&status))
            );
        }
        let read = count(&raw, &world.topic, 1).await.expect("it can be read").records;
        assert_eq!(read, stored, "a late batch of transaction {number} is there");
    }
    commit(&raw, session, 5, 0).await.expect("an empty one is committed");
    assert_eq!(count(&raw, &world.topic, 1).await.expect("it can be read").records, stored);
    broker.stop().await;
}

/// A client dies with an open transaction: nobody else waits for it, before the timeout it could still be committed,
/// and a second after the timeout it is aborted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t4_the_transaction_of_a_dead_client_is_aborted_in_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("t4");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let (living, raw) = (world.raw(), world.raw());
    let timeout = Duration::from_millis(2_000);
    let (dead, alive) =
        (raw.init_producer().await.expect("a producer"), raw.init_producer().await.expect("a producer"));
    let opened = Instant::now();
    stage(&raw, dead, 1, 0, "never").await.expect("it is staged");
    stage(&raw, alive, 1, 0, "in time").await.expect("it is staged");
    drop(raw);
    let mut stored = 0;
    let mut slowest = Duration::ZERO;
    let mut number = 0;
    while opened.elapsed() < timeout + Duration::from_secs(1) {
        if number == 0 && opened.elapsed() > timeout / 2 {
            number = 1;
            commit(&living, alive, 1, 1).await.expect("its time is not over");
            stored += 1;
        }
        let began = Instant::now();
        let request = raw::request(&world.topic, 0, &["plain".into()], None);
        living.produce().produce(request).await.expect("nobody else waits");
        stored += 1;
        assert_eq!(count(&living, &world.topic, 1).await.expect("it can be read").records, stored);
        slowest = slowest.max(began.elapsed());
    }
    println!("{stored} records beside an open transaction, the slowest after {slowest:?}");
    assert!(slowest < timeout, "somebody waited for the transaction of another: {slowest:?}");
    let status = commit(&living, dead, 1, 1).await.expect_err("its time is over");
    assert_eq!(raw::reason(&status), "TRANSACTION_ABORTED", "{status}");
    assert_eq!(count(&living, &world.topic, 1).await.expect("it can be read").records, stored);
    // The producer goes on, were it alive.
    stage(&living, dead, 2, 0, "next").await.expect("it is staged");
    commit(&living, dead, 2, 1).await.expect("it is committed");
    broker.stop().await;
}

/// The broker is killed around a commit: asked again, it gives the answer that it gave, and if it gave none, one that
/// stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t5_a_commit_is_decided_once() {
    let mut seed = Seed::from_env("t5");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let recorder = Recorder::new("t5");
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let process = recorder.process();
    let (mut committed, mut aborted) = (0, 0);
    for _ in 0..15 {
        let raw = world.raw();
        let session = raw.init_producer().await.expect("a producer");
        let transaction = recorder.begin();
        let sends: Vec<_> =
            (0..4).map(|n| recorder.send_within(process, transaction, n, world.number(n % 2))).collect();
        let mut batches = Vec::new();
        for (index, send) in (0..).zip(&sends) {
            let value = payload::make(send.value(), seed.index(100_000));
            let request = raw::request(&world.topic, index % 2, &[value], None);
            if index < 2 {
                let place = sequence(session, 1, index);
                let request = v1::ProduceRequest { transaction: Some(place), ..request };
                raw.produce().produce(request).await.expect("it is staged");
            } else {
                batches.push(v1::TransactionBatch {
                    topic: request.topic,
                    partition: index % 2,
                    batch: request.batch,
                    batch_crc32c: None,
                });
            }
        }
        let request = v1::CommitTransactionRequest {
            producer_id: session.producer_id,
            epoch: session.epoch,
            number: 1,
            staged: 2,
            batches,
            offsets: Vec::new(),
        };
        recorder.end(transaction);
        let asked = request.clone();
        let first = tokio::spawn(async move { raw.transactions().commit_transaction(asked).await });
        tokio::time::sleep(Duration::from_micros(seed.range(0..6_000))).await;
        kill(broker, None).await;
        broker = Broker::start(&setup).await;
        let raw = world.raw();
        let again = async || raw.transactions().commit_transaction(request.clone()).await;
        let (second, third) = (answer(again().await), answer(again().await));
        assert_eq!(second, third, "two answers to one question");
        if let Ok(first) = first.await.expect("it was asked") {
            assert_eq!(Ok(first.into_inner().base_offsets), second, "it was answered before the kill");
        }
        let outcome = second.as_deref().map_err(Clone::clone);
        committed += u32::from(outcome.is_ok());
        aborted += u32::from(outcome.is_err());
        recorder.ended(&sends, outcome.as_ref().ok().copied(), Outcome::Failed);
    }
    println!("{committed} transactions were committed, {aborted} aborted");
    assert!(committed > 0, "no commit was in time: nothing to judge");
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(1);
}

/// The offsets, or why there are none.
fn answer(
    answer: Result<tonic::Response<v1::CommitTransactionResponse>, Status>,
) -> Result<Vec<u64>, String> {
    match answer {
        Ok(answer) => Ok(answer.into_inner().base_offsets),
        Err(status) => {
            let reason = raw::reason(&status);
            assert_eq!(reason, "TRANSACTION_ABORTED", "{status}");
            Err(reason)
        }
    }
}

fn sequence(session: v1::InitProducerResponse, number: u64, index: u32) -> v1::TransactionSequence {
    let v1::InitProducerResponse { producer_id, epoch } = session;
    v1::TransactionSequence { producer_id, epoch, number, index, timeout_ms: 2_000 }
}

async fn stage(
    raw: &Raw,
    session: v1::InitProducerResponse,
    number: u64,
    index: u32,
    value: &'static str,
) -> Result<v1::ProduceResponse, Status> {
    let request = v1::ProduceRequest {
        transaction: Some(sequence(session, number, index)),
        ..raw::request("log", 0, &[value.into()], None)
    };
    raw.produce().produce(request).await.map(tonic::Response::into_inner)
}

async fn commit(
    raw: &Raw,
    session: v1::InitProducerResponse,
    number: u64,
    staged: u32,
) -> Result<v1::CommitTransactionResponse, Status> {
    let v1::InitProducerResponse { producer_id, epoch } = session;
    let request =
        v1::CommitTransactionRequest { producer_id, epoch, number, staged, batches: vec![], offsets: vec![] };
    raw.transactions().commit_transaction(request).await.map(tonic::Response::into_inner)
}

async fn abort(raw: &Raw, session: v1::InitProducerResponse, number: u64) -> Result<(), Status> {
    let v1::InitProducerResponse { producer_id, epoch } = session;
    let request = v1::AbortTransactionRequest { producer_id, epoch, number };
    raw.transactions().abort_transaction(request).await.map(drop)
}
