use super::super::buffer::Batch;
use super::{MAX_IN_FLIGHT, Name, Staging, Verdict};
use crate::producer::batch::Encoded;
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Answer;
use levee_types::ErrorCode;

const NAME: Name = Name { producer_id: 7, epoch: 3, number: 5, timeout_ms: 60_000 };

fn staging(batches: u32) -> Staging {
    let mut staging = Staging::default();
    for _ in 0..batches {
        let encoded = Encoded { bytes: vec![0; 10].into(), crc: 1 };
        staging.push(Batch { topic: "t".into(), partition: 0, records: 1, encoded });
    }
    staging
}

/// The indexes of what may be sent.
fn send(staging: &mut Staging) -> Vec<u32> {
    let next = || staging.next(NAME);
    std::iter::from_fn(next).map(|request| request.request.unwrap().transaction.unwrap().index).collect()
}

fn answer(staging: &mut Staging, index: u32, code: Option<ErrorCode>) -> Verdict {
    let result = match code {
        None => Answer::Response(v1::ProduceResponse::default()),
        Some(code) => Answer::Error(v1::ErrorDetail {
            code: code as i32,
            retryable: code.is_retryable(),
            ..v1::ErrorDetail::default()
        }),
    };
    let response = v1::ProduceStreamResponse { correlation_id: index.into(), result: Some(result) };
    staging.answered(response, None).unwrap()
}

#[test]
fn batches_are_sent_in_order_and_a_few_at_a_time() {
    let mut staging = staging(20);
    assert_eq!(staging.open_bytes(), 200);
    let request = staging.next(NAME).unwrap().request.unwrap();
    let transaction = request.transaction.unwrap();
    assert_eq!((transaction.producer_id, transaction.epoch, transaction.number), (7, 3, 5));
    assert_eq!((request.producer, request.expected_offset), (None, None));
    assert_eq!(send(&mut staging), (1..16).collect::<Vec<_>>());
    assert_eq!(MAX_IN_FLIGHT, 16);
    assert_eq!(answer(&mut staging, 0, None), Verdict::Progress);
    assert_eq!(send(&mut staging), [16]);
    for index in 1..=16 {
        answer(&mut staging, index, None);
    }
    assert_eq!(send(&mut staging), [17, 18, 19]);
    assert_eq!((staging.open_bytes(), staging.count()), (30, 20));
}

#[test]
fn what_was_not_answered_is_sent_again_under_its_index() {
    let mut staging = staging(3);
    assert_eq!(send(&mut staging), [0, 1, 2]);
    answer(&mut staging, 0, None);
    staging.disconnected();
    assert_eq!(send(&mut staging), [1, 2]);
}

#[test]
fn what_is_refused_for_now_is_sent_again_before_what_is_behind_it() {
    let mut staging = staging(4);
    assert_eq!(send(&mut staging), [0, 1, 2, 3]);
    assert!(matches!(answer(&mut staging, 0, Some(ErrorCode::QuotaExceeded)), Verdict::Backoff(_)));
    assert_eq!(send(&mut staging), []);
    assert!(matches!(answer(&mut staging, 1, Some(ErrorCode::OutOfOrderSequence)), Verdict::Backoff(_)));
    // One that got through all the same.
    assert_eq!(answer(&mut staging, 2, None), Verdict::Progress);
    assert_eq!(send(&mut staging), []);
    assert!(matches!(answer(&mut staging, 3, Some(ErrorCode::OutOfOrderSequence)), Verdict::Backoff(_)));
    assert_eq!(send(&mut staging), [0, 1, 3]);
}

#[test]
fn a_refusal_for_good_is_the_end_of_the_transaction() {
    for code in [ErrorCode::TransactionAborted, ErrorCode::ProducerFenced, ErrorCode::PermissionDenied] {
        let mut staging = staging(1);
        send(&mut staging);
        let Verdict::Lost(error) = answer(&mut staging, 0, Some(code)) else { panic!("{code:?}") };
        assert_eq!(error.code(), Some(code));
        assert!(error.message().starts_with("t/0: "));
    }
}

#[test]
fn what_a_crash_took_is_the_end_of_the_transaction() {
    let mut staging = staging(2);
    send(&mut staging);
    answer(&mut staging, 0, None);
    // Nothing was refused before it.
    let lost = answer(&mut staging, 1, Some(ErrorCode::OutOfOrderSequence));
    let Verdict::Lost(error) = lost else { panic!("{lost:?}") };
    assert_eq!(error.code(), Some(ErrorCode::TransactionAborted));
}

#[test]
fn answers_that_make_no_sense_are_refused() {
    let mut staging = staging(2);
    send(&mut staging);
    let response = v1::ProduceStreamResponse { correlation_id: 1, result: None };
    assert!(staging.answered(response, None).is_err());
}
