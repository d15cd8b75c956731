//! Transactions and conditional appends over a real connection, to a broker that the test plays.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod script {
    #![expect(unreachable_pub, reason = "shared within this test")]
    pub mod call;
    pub mod stream;
    pub mod transact;
}

use levee_client::{
    Appender, AppenderSettings, Client, ClientConfig, Committed, Error, ErrorKind, Identity, Record,
    TransactionSettings, TransactionalProducer, v1,
};
use levee_proto::batch;
use levee_types::{ErrorCode, TenantName};
use script::call::{PATIENCE, accept, refusal};
use script::transact::{Script, answer_stage, asked, staged};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

fn client(script: &Script) -> Client {
    let acme = Identity::DevTenant(TenantName::new("acme").unwrap());
    Client::new(ClientConfig::new(script.endpoint(), acme)).unwrap()
}

async fn started(settings: TransactionSettings) -> (Script, TransactionalProducer) {
    let mut script = Script::start().await;
    let client = client(&script);
    let (producer, before) = tokio::join!(client.transactions(settings), script.init(7, 0));
    assert_eq!(before, (None, None));
    (script, producer.unwrap())
}

fn record(text: &str) -> Record {
    Record { value: Some(text.to_owned().into()), ..Record::default() }
}

fn large(bytes: usize) -> Record {
    Record { value: Some(vec![7; bytes].into()), ..Record::default() }
}

fn values(batch: &bytes::Bytes) -> Vec<String> {
    let records = batch::decode(batch).unwrap();
    records.into_iter().map(|(_, record)| String::from_utf8(record.value.unwrap().into()).unwrap()).collect()
}

fn committed(base_offsets: &[u64]) -> Result<v1::CommitTransactionResponse, Status> {
    Ok(v1::CommitTransactionResponse {
        base_offsets: base_offsets.to_vec(),
        commit_time_ms: 5,
        ..v1::CommitTransactionResponse::default()
    })
}

#[tokio::test]
async fn a_small_transaction_is_one_request() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    for number in 1..=2 {
        let mut transaction = producer.begin();
        transaction.send_to("a", 1, record("one")).await.unwrap();
        transaction.send_to("b", 2, record("two")).await.unwrap();
        transaction.send_to("a", 1, record("three")).await.unwrap();
        let (outcome, ()) = tokio::join!(transaction.commit(), async {
            let asked = asked(&mut script.commits).await;
            let v1::CommitTransactionRequest { producer_id, epoch, staged, batches, .. } = &asked.request;
            assert_eq!((*producer_id, *epoch, asked.request.number, *staged), (7, 0, number, 0));
            let mut found: Vec<_> = batches
                .iter()
                .map(|batch| (batch.topic.as_str(), batch.partition, values(&batch.batch)))
                .collect();
            let is_in_order = found[0].0 == "a";
            found.sort();
            let (one, two) = (vec!["one".to_owned(), "three".to_owned()], vec!["two".to_owned()]);
            assert_eq!(found, [("a", 1, one), ("b", 2, two)]);
            asked.answer(committed(if is_in_order { &[10, 20] } else { &[20, 10] }));
        });
        let Committed { batches, commit_time_ms } = outcome.unwrap();
        let mut places: Vec<_> = batches
            .iter()
            .map(|batch| (&*batch.topic, batch.partition, batch.base_offset, batch.records))
            .collect();
        places.sort_unstable();
        assert_eq!((places, commit_time_ms), (vec![("a", 1, 10, 2), ("b", 2, 20, 1)], 5));
    }
}

#[tokio::test]
async fn nothing_is_asked_for_an_empty_transaction() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    assert_eq!(producer.begin().commit().await.unwrap().batches, []);
    producer.begin().abort().await.unwrap();
    assert!(script.commits.try_recv().is_err() && script.aborts.try_recv().is_err());
}

#[tokio::test]
async fn a_large_transaction_is_staged_and_sent_again_when_its_stream_breaks() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    let mut transaction = producer.begin();
    for _ in 0..9 {
        transaction.send_to("t", 0, large(200_000)).await.unwrap();
    }
    let (outcome, ()) = tokio::join!(transaction.commit(), async {
        let mut stage = accept(&mut script.stages).await;
        let first = staged(&mut stage).await;
        let sequence = first.transaction.unwrap();
        let named =
            (sequence.producer_id, sequence.epoch, sequence.number, sequence.index, sequence.timeout_ms);
        assert_eq!(named, (7, 0, 1, 0, 60_000));
        let second = staged(&mut stage).await;
        assert_eq!(second.transaction.unwrap().index, 1);
        answer_stage(&stage, 0, None);
        stage.fail(Status::unavailable("broken on purpose"));
        // What was not answered is sent again, the same.
        let mut stage = accept(&mut script.stages).await;
        let again = staged(&mut stage).await;
        let mut index = again.transaction.unwrap().index;
        if index == 0 {
            answer_stage(&stage, 0, None);
            index = staged(&mut stage).await.transaction.unwrap().index;
        } else {
            assert_eq!(again, second);
        }
        while index + 1 < 4 {
            answer_stage(&stage, index, None);
            index = staged(&mut stage).await.transaction.unwrap().index;
        }
        answer_stage(&stage, index, None);
        let asked = loop {
            tokio::select! {
                asked = asked(&mut script.commits) => break asked,
                request = staged(&mut stage) => answer_stage(&stage, request.transaction.unwrap().index, None),
            }
        };
        let batches = asked.request.staged as usize + asked.request.batches.len();
        assert_eq!(batches, 9);
        asked.answer(committed(&(0..9).collect::<Vec<_>>()));
    });
    let offsets: Vec<_> = outcome.unwrap().batches.iter().map(|batch| batch.base_offset).collect();
    assert_eq!(offsets, (0..9).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_commit_is_asked_for_until_its_outcome_is_known() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    let mut transaction = producer.begin();
    transaction.send_to("t", 0, record("one")).await.unwrap();
    let (outcome, ()) = tokio::join!(transaction.commit(), async {
        for error in
            [Status::unavailable("cut"), refusal(ErrorCode::StorageFailed), refusal(ErrorCode::Internal)]
        {
            let asked = asked(&mut script.commits).await;
            assert_eq!(asked.request.number, 1);
            asked.answer(Err(error));
        }
        asked(&mut script.commits).await.answer(committed(&[3]));
    });
    assert_eq!(outcome.unwrap().batches[0].base_offset, 3);
}

/// The error of a transaction whose commit is refused, and of nothing else.
async fn refused(script: &mut Script, producer: &mut TransactionalProducer, code: ErrorCode) -> Error {
    let mut transaction = producer.begin();
    transaction.send_to("t", 0, record("one")).await.unwrap();
    let (outcome, ()) = tokio::join!(transaction.commit(), async {
        asked(&mut script.commits).await.answer(Err(refusal(code)));
    });
    outcome.unwrap_err()
}

/// A transaction that succeeds; returns its session and number.
async fn succeed(script: &mut Script, producer: &mut TransactionalProducer) -> (u64, u32, u64) {
    let mut transaction = producer.begin();
    transaction.send_to("t", 0, record("one")).await.unwrap();
    let (outcome, named) = tokio::join!(transaction.commit(), async {
        let asked = asked(&mut script.commits).await;
        let named = (asked.request.producer_id, asked.request.epoch, asked.request.number);
        asked.answer(committed(&[3]));
        named
    });
    outcome.unwrap();
    named
}

#[tokio::test]
async fn a_transaction_that_is_refused_is_aborted_before_the_next_one_begins() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    let error = refused(&mut script, &mut producer, ErrorCode::MemberFenced).await;
    assert_eq!((error.code(), error.is_outcome_unknown()), (Some(ErrorCode::MemberFenced), false));
    let abort = asked(&mut script.aborts).await;
    assert_eq!(abort.request.number, 1);
    let mut next = producer.begin();
    next.send_to("t", 0, record("two")).await.unwrap();
    let (outcome, ()) = tokio::join!(next.commit(), async {
        // Not before the abort is answered.
        timeout(Duration::from_millis(50), script.commits.recv()).await.map(drop).unwrap_err();
        abort.answer(Ok(v1::AbortTransactionResponse {}));
        let asked = asked(&mut script.commits).await;
        assert_eq!((asked.request.epoch, asked.request.number), (0, 2));
        asked.answer(committed(&[3]));
    });
    outcome.unwrap();
}

#[tokio::test]
async fn an_aborted_transaction_needs_no_abort() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    let error = refused(&mut script, &mut producer, ErrorCode::TransactionAborted).await;
    assert_eq!(error.code(), Some(ErrorCode::TransactionAborted));
    assert_eq!(succeed(&mut script, &mut producer).await, (7, 0, 2));
    assert!(script.aborts.try_recv().is_err());
}

#[tokio::test]
async fn a_producer_that_is_forgotten_becomes_another_one() {
    for code in [ErrorCode::ProducerFenced, ErrorCode::UnknownProducer] {
        let (mut script, mut producer) = started(TransactionSettings::default()).await;
        assert_eq!(refused(&mut script, &mut producer, code).await.code(), Some(code));
        let mut next = producer.begin();
        next.send_to("t", 0, record("two")).await.unwrap();
        let (outcome, ()) = tokio::join!(next.commit(), async {
            assert_eq!(script.init(8, 0).await, (None, None));
            let asked = asked(&mut script.commits).await;
            assert_eq!((asked.request.producer_id, asked.request.number), (8, 1));
            asked.answer(committed(&[3]));
        });
        outcome.unwrap();
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_told_and_shut_out() {
    let settings =
        TransactionSettings { retry_timeout: Duration::from_millis(300), ..TransactionSettings::default() };
    let (mut script, mut producer) = started(settings).await;
    let mut transaction = producer.begin();
    transaction.send_to("t", 0, record("one")).await.unwrap();
    let broker = async {
        loop {
            asked(&mut script.commits).await.answer(Err(Status::unavailable("cut")));
        }
    };
    let outcome = tokio::select! {
        outcome = transaction.commit() => outcome,
        () = broker => unreachable!("no end"),
    };
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.is_outcome_unknown()), (ErrorKind::Connection, true));
    let mut next = producer.begin();
    next.send_to("t", 0, record("two")).await.unwrap();
    let (outcome, ()) = tokio::join!(next.commit(), async {
        assert_eq!(script.init(7, 1).await, (Some(7), Some(0)));
        let asked = asked(&mut script.commits).await;
        assert_eq!((asked.request.epoch, asked.request.number), (1, 1));
        asked.answer(committed(&[3]));
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_refusal_after_an_unknown_outcome_counts_once_the_transaction_is_ended() {
    for is_ended in [true, false] {
        let (mut script, mut producer) = started(TransactionSettings::default()).await;
        let mut transaction = producer.begin();
        transaction.send_to("t", 0, record("one")).await.unwrap();
        let (outcome, ()) = tokio::join!(transaction.commit(), async {
            asked(&mut script.commits).await.answer(Err(Status::unavailable("cut")));
            asked(&mut script.commits).await.answer(Err(refusal(ErrorCode::MemberFenced)));
            let abort = asked(&mut script.aborts).await;
            abort.answer(match is_ended {
                true => Ok(v1::AbortTransactionResponse {}),
                false => Err(refusal(ErrorCode::Internal)),
            });
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.is_outcome_unknown()), (Some(ErrorCode::MemberFenced), !is_ended));
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_aborted_if_the_broker_may_know_of_it() {
    let (mut script, mut producer) = started(TransactionSettings::default()).await;
    let mut transaction = producer.begin();
    transaction.send_to("t", 0, record("one")).await.unwrap();
    drop(transaction);
    // The broker has never heard of it.
    assert_eq!(succeed(&mut script, &mut producer).await, (7, 0, 1));
    let mut transaction = producer.begin();
    for _ in 0..9 {
        transaction.send_to("t", 0, large(200_000)).await.unwrap();
    }
    drop(transaction);
    let abort = asked(&mut script.aborts).await;
    assert_eq!(abort.request.number, 2);
    abort.answer(Ok(v1::AbortTransactionResponse {}));
    assert_eq!(succeed(&mut script, &mut producer).await, (7, 0, 3));
}

async fn appender() -> (Script, Appender) {
    let mut script = Script::start().await;
    let client = client(&script);
    let settings = AppenderSettings::new("t", 1);
    let (appender, _) = tokio::join!(client.appender(settings), script.init(7, 0));
    (script, appender.unwrap())
}

fn appended(base_offset: u64) -> Result<v1::ProduceResponse, Status> {
    Ok(v1::ProduceResponse { base_offset, ..v1::ProduceResponse::default() })
}

/// The expected offset, and the session and sequence, of an append.
fn condition(request: &v1::ProduceRequest) -> (Option<u64>, u64, u32, u64) {
    let producer = request.producer.unwrap();
    (request.expected_offset, producer.producer_id, producer.epoch, producer.sequence)
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_asked_for_again_as_the_same() {
    let (mut script, mut appender) = appender().await;
    let (outcome, ()) = tokio::join!(appender.append(10, vec![record("a"), record("b")]), async {
        let first = asked(&mut script.appends).await;
        assert_eq!(condition(&first.request), (Some(10), 7, 0, 0));
        let before = first.request.clone();
        first.answer(Err(Status::unavailable("cut")));
        let second = asked(&mut script.appends).await;
        assert_eq!(second.request, before);
        second.answer(appended(10));
    });
    assert_eq!(outcome.unwrap(), 12);
    let (outcome, ()) = tokio::join!(appender.append(12, vec![record("c")]), async {
        let next = asked(&mut script.appends).await;
        assert_eq!(condition(&next.request), (Some(12), 7, 0, 2));
        next.answer(appended(12));
    });
    assert_eq!(outcome.unwrap(), 13);
}

#[tokio::test]
async fn a_lost_race_tells_the_offset_and_changes_nothing() {
    let (mut script, mut appender) = appender().await;
    let (outcome, ()) = tokio::join!(appender.append(10, vec![record("a")]), async {
        use tonic_types::{ErrorDetails, StatusExt as _};
        let metadata = [("retryable", "false"), ("current_offset", "17")];
        let metadata: HashMap<_, _> = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let details = ErrorDetails::with_error_info("OFFSET_MISMATCH", "levee", metadata);
        let status = Status::with_error_details(tonic::Code::Aborted, "no", details);
        asked(&mut script.appends).await.answer(Err(status));
    });
    let error = outcome.unwrap_err();
    assert_eq!((error.code(), error.current_offset()), (Some(ErrorCode::OffsetMismatch), Some(17)));
    let (outcome, ()) = tokio::join!(appender.append(17, vec![record("a")]), async {
        let next = asked(&mut script.appends).await;
        assert_eq!(condition(&next.request), (Some(17), 7, 0, 0));
        next.answer(appended(17));
    });
    assert_eq!(outcome.unwrap(), 18);
}

#[tokio::test]
async fn an_append_that_was_given_up_is_shut_out_by_the_next_one() {
    let (mut script, mut appender) = appender().await;
    let given_up = tokio::select! {
        outcome = appender.append(10, vec![record("a")]) => panic!("{outcome:?}"),
        given_up = asked(&mut script.appends) => given_up,
    };
    let (outcome, ()) = tokio::join!(appender.append(10, vec![record("b")]), async {
        assert_eq!(script.init(7, 1).await, (Some(7), Some(0)));
        let next = asked(&mut script.appends).await;
        assert_eq!(condition(&next.request), (Some(10), 7, 1, 0));
        next.answer(appended(10));
    });
    assert_eq!(outcome.unwrap(), 11);
    given_up.answer(appended(10));
}

#[tokio::test]
async fn a_session_that_is_over_is_renewed_if_nothing_may_have_been_done() {
    for (code, held) in [
        (ErrorCode::UnknownProducer, (None, None)),
        (ErrorCode::ProducerFenced, (None, None)),
        (ErrorCode::OutOfOrderSequence, (Some(7), Some(0))),
    ] {
        let (mut script, mut appender) = appender().await;
        let (outcome, ()) = tokio::join!(appender.append(10, vec![record("a")]), async {
            asked(&mut script.appends).await.answer(Err(refusal(code)));
            assert_eq!(script.init(8, 1).await, held);
            let next = asked(&mut script.appends).await;
            assert_eq!(condition(&next.request), (Some(10), 8, 1, 0));
            // Now it may have been.
            next.answer(Err(Status::unavailable("cut")));
            asked(&mut script.appends).await.answer(Err(refusal(code)));
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.is_outcome_unknown()), (Some(code), true));
    }
}

/// What runs on any thread.
fn is_send<T: Send>(_: &T) {}

#[tokio::test]
async fn mistakes_of_the_caller_are_told_at_once() {
    let (_script, mut producer) = started(TransactionSettings::default()).await;
    let mut transaction = producer.begin();
    let refused = transaction.send_to("t", 0, large(2 << 20)).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::TooLarge));
    // It is as it was.
    transaction.send_to("t", 0, record("one")).await.unwrap();
    is_send(&transaction.commit());
    let (_script, mut appender) = appender().await;
    let none = timeout(PATIENCE, appender.append(0, Vec::new())).await.unwrap();
    assert_eq!(none.unwrap_err().kind(), ErrorKind::Invalid);
}
