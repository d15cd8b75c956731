//! Batches that fail, and how those behind them go on without loss or disorder.

use super::{
    Answer, Error, ErrorCode, ErrorKind, FIRST, ProducerSettings, Rig, failure, is_open, millis, offset,
    settings, v1,
};
use levee_types::LeveeError;
use std::time::Duration;

#[test]
fn after_a_definite_failure_those_behind_take_its_sequence() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b", "c"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.refuse(0, ErrorCode::TooLarge);
    assert_eq!(failure(&mut deliveries[0]), (Ok(ErrorCode::TooLarge), false));
    rig.refuse(1, ErrorCode::OutOfOrderSequence);
    rig.push(0, "d");
    assert_eq!(rig.sent(), [""; 0], "c is still under way");
    rig.refuse(2, ErrorCode::OutOfOrderSequence);
    assert_eq!(rig.machine.wants_session(rig.now), None);
    assert_eq!(rig.sent(), ["0:7.0.0=b", "0:7.0.1=c", "0:7.0.2=d"]);
    rig.ack(3, 0);
    assert_eq!(offset(&mut deliveries[1]), 0);
    assert!(is_open(&mut deliveries[2]));
}

#[test]
fn a_failure_behind_a_batch_that_is_sent_again_does_not_overtake_it() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b", "c"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.refuse(0, ErrorCode::Overloaded);
    rig.refuse(1, ErrorCode::TooLarge);
    rig.refuse(2, ErrorCode::OutOfOrderSequence);
    assert_eq!(failure(&mut deliveries[1]), (Ok(ErrorCode::TooLarge), false));
    rig.wait(millis(100));
    assert_eq!(rig.sent(), ["0:7.0.0=a", "0:7.0.1=c"]);
}

#[test]
fn a_success_before_a_gap_does_not_move_it_and_one_behind_it_makes_no_sense() {
    for is_behind in [false, true] {
        let mut rig = Rig::new();
        for value in ["a", "b", "c"] {
            rig.push(0, value);
        }
        rig.send();
        rig.refuse(0, ErrorCode::StorageFailed);
        rig.refuse(1, ErrorCode::TooLarge);
        if is_behind {
            rig.ack(2, 2);
        } else {
            rig.refuse(2, ErrorCode::OutOfOrderSequence);
        }
        rig.wait(millis(100));
        assert_eq!(rig.sent(), ["0:7.0.0=a"]);
        rig.ack(3, 0);
        if is_behind {
            assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
        } else {
            assert_eq!(rig.sent(), ["0:7.0.1=c"]);
        }
    }
}

#[test]
fn sequences_are_not_used_again_while_copies_may_be_under_way() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b", "c"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.refuse(0, ErrorCode::TooLarge);
    // Copies of `b` and `c` are somewhere. They cannot be stored, as long as nothing takes the place of
    // `a`: so they go back to the queue, but for a new epoch.
    rig.disconnect();
    assert!(deliveries[1..].iter_mut().all(is_open));
    rig.wait(millis(100));
    assert_eq!(rig.sent(), [""; 0]);
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    rig.renew(7, 1);
    assert_eq!(rig.sent(), ["0:7.1.0=b", "0:7.1.1=c"]);
    assert_eq!(failure(&mut deliveries[0]), (Ok(ErrorCode::TooLarge), false));
}

#[test]
fn a_batch_that_may_be_stored_is_never_given_another_sequence() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.disconnect();
    rig.wait(millis(100));
    assert_eq!(rig.sent(), ["0:7.0.0=a", "0:7.0.1=b"]);
    // The topic was deleted and is there again between the two.
    rig.refuse(2, ErrorCode::NotFound);
    rig.refuse(3, ErrorCode::OutOfOrderSequence);
    assert_eq!(failure(&mut deliveries[0]), (Ok(ErrorCode::NotFound), true));
    assert_eq!(failure(&mut deliveries[1]), (Ok(ErrorCode::OutOfOrderSequence), true));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
}

#[test]
fn records_that_take_too_long_fail_and_the_producer_goes_on_in_a_new_epoch() {
    let timeout = millis(500);
    let mut rig = Rig::with(ProducerSettings { delivery_timeout: timeout, max_in_flight: 1, ..settings() });
    let mut late = rig.push(0, "a");
    let mut queued = rig.push(0, "b");
    let mut other = rig.push(1, "c");
    assert_eq!(rig.sent(), ["0:7.0.0=a", "1:7.0.0=c"]);
    rig.wait(millis(100));
    let mut younger = rig.push(2, "d");
    assert_eq!(rig.machine.next_tick(rig.now), Some(rig.now));
    rig.wait(millis(0));
    assert_eq!(rig.machine.next_tick(rig.now), Some(millis(1500)));
    rig.wait(millis(400));
    assert_eq!(failure(&mut late), (Err(ErrorKind::Timeout), true));
    assert_eq!(failure(&mut queued), (Err(ErrorKind::Timeout), false));
    assert_eq!(failure(&mut other), (Err(ErrorKind::Timeout), true));
    assert!(is_open(&mut younger));
    assert_eq!(rig.sent(), [""; 0]);
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    // Late answers change nothing.
    rig.ack(0, 0);
    rig.refuse(1, ErrorCode::NotFound);
    rig.renew(7, 1);
    assert_eq!(rig.sent(), ["2:7.1.0=d"]);
    rig.ack(2, 1);
    assert_eq!(offset(&mut younger), 1);
}

#[test]
fn a_new_epoch_waits_until_every_outcome_is_known() {
    let mut rig = Rig::with(ProducerSettings { delivery_timeout: millis(500), ..settings() });
    rig.push(0, "a");
    rig.send_one();
    rig.wait(millis(400));
    let mut other = rig.push(1, "b");
    assert_eq!(rig.sent(), ["1:7.0.0=b"]);
    rig.wait(millis(100));
    assert_eq!(rig.machine.wants_session(rig.now), None, "b may be stored under the old epoch");
    rig.disconnect();
    rig.wait(millis(100));
    assert_eq!(rig.sent(), ["1:7.0.0=b"], "and is asked for under it");
    rig.push(1, "c");
    assert_eq!(rig.sent(), [""; 0]);
    rig.ack(2, 0);
    assert_eq!(offset(&mut other), 0);
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    rig.renew(7, 1);
    assert_eq!(rig.sent(), ["1:7.1.0=c"]);
}

#[test]
fn asks_for_a_new_epoch_until_it_gets_one() {
    let mut rig = Rig::with(ProducerSettings { delivery_timeout: millis(500), ..settings() });
    rig.push(0, "a");
    rig.send_one();
    rig.wait(millis(500));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    rig.machine.renewed(rig.now, Err(Error::connection("gone")));
    assert_eq!(rig.machine.wants_session(rig.now), None);
    rig.wait(millis(100));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    // The broker has forgotten the producer altogether.
    rig.machine.renewed(rig.now, Err(LeveeError::new(ErrorCode::UnknownProducer, "who?").into()));
    rig.wait(millis(200));
    assert_eq!(rig.machine.wants_session(rig.now), Some(None));
}

#[test]
fn a_forgotten_producer_becomes_another_one() {
    let mut rig = Rig::new();
    let mut maybe = rig.push(0, "a");
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::StorageFailed);
    rig.wait(millis(100));
    let mut certainly_not = rig.push(0, "b");
    assert_eq!(rig.sent(), ["0:7.0.0=a", "0:7.0.1=b"]);
    rig.refuse(1, ErrorCode::UnknownProducer);
    assert_eq!(rig.machine.wants_session(rig.now), None);
    rig.refuse(2, ErrorCode::UnknownProducer);
    assert_eq!(failure(&mut maybe), (Ok(ErrorCode::UnknownProducer), true));
    assert_eq!(rig.machine.wants_session(rig.now), Some(None));
    rig.renew(8, 0);
    assert_eq!(rig.sent(), ["0:8.0.0=b"]);
    rig.ack(3, 0);
    assert_eq!(offset(&mut certainly_not), 0);
}

#[test]
fn a_broker_that_lost_what_it_acknowledged_is_told_of() {
    let mut rig = Rig::new();
    let mut acked = rig.push(0, "a");
    let sent = rig.send_one();
    rig.ack(sent.request, 0);
    assert_eq!(offset(&mut acked), 0);
    let mut deliveries: Vec<_> = ["b", "c"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.refuse(1, ErrorCode::OutOfOrderSequence);
    rig.refuse(2, ErrorCode::OutOfOrderSequence);
    assert_eq!(failure(&mut deliveries[0]), (Ok(ErrorCode::OutOfOrderSequence), false));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    rig.renew(7, 1);
    assert_eq!(rig.sent(), ["0:7.1.0=c"]);
}

#[test]
fn a_fenced_producer_is_at_its_end() {
    let mut rig = Rig::new();
    let mut sent = rig.push(0, "a");
    let request = rig.send_one().request;
    let mut queued = rig.push(1, "b");
    let mut flushed = rig.flush();
    rig.refuse(request, ErrorCode::ProducerFenced);
    assert_eq!(failure(&mut sent).0, Ok(ErrorCode::ProducerFenced));
    assert_eq!(failure(&mut queued), (Ok(ErrorCode::ProducerFenced), false));
    assert_eq!(flushed.try_recv().unwrap().unwrap_err().code(), Some(ErrorCode::ProducerFenced));
    assert_eq!(failure(&mut rig.push(0, "c")).0, Ok(ErrorCode::ProducerFenced));
    assert!(!rig.machine.has_work());
    assert_eq!(rig.machine.wants_session(rig.now), None);
}

#[test]
fn a_stream_that_is_refused_fails_all_records_but_not_the_producer() {
    let mut rig = Rig::new();
    let mut sent = rig.push(0, "a");
    rig.send_one();
    let mut queued = rig.push(1, "b");
    let error = LeveeError::new(ErrorCode::PermissionDenied, "no");
    rig.machine.disconnected(rig.now, &error.into());
    assert_eq!(failure(&mut sent), (Ok(ErrorCode::PermissionDenied), true));
    assert_eq!(failure(&mut queued), (Ok(ErrorCode::PermissionDenied), false));
    rig.push(1, "c");
    rig.wait(millis(100));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    rig.renew(7, 1);
    assert_eq!(rig.sent(), ["1:7.1.0=c"]);
}

#[test]
fn a_defect_of_the_broker_leaves_the_outcome_open() {
    let of_code = |code| Some(Answer::Error(v1::ErrorDetail { code, ..v1::ErrorDetail::default() }));
    for result in [of_code(ErrorCode::Internal as i32), of_code(1000), None] {
        let mut rig = Rig::new();
        let mut delivery = rig.push(0, "a");
        let correlation_id = rig.send_one().request;
        rig.machine.answered(rig.now, v1::ProduceStreamResponse { correlation_id, result }, None).unwrap();
        assert!(failure(&mut delivery).1);
        assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    }
}

#[test]
fn a_topic_that_is_not_found_is_looked_up_again() {
    let mut rig = Rig::new();
    let mut delivery = rig.push(0, "a");
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::NotFound);
    assert_eq!(failure(&mut delivery), (Ok(ErrorCode::NotFound), false));
    assert_eq!(rig.machine.take_missing(), ["t".into()]);
    assert_eq!(rig.machine.take_missing(), []);
}

#[test]
fn a_topic_that_is_made_again_gets_the_next_record() {
    let mut rig = Rig::new();
    rig.push(0, "a");
    let sent = rig.send_one();
    rig.ack(sent.request, 0);
    let mut deliveries: Vec<_> = ["b", "c", "d"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.refuse(1, ErrorCode::NotFound);
    rig.refuse(2, ErrorCode::NotFound);
    // It is there again, and knows nothing of `a`.
    rig.refuse(3, ErrorCode::OutOfOrderSequence);
    assert_eq!(failure(&mut deliveries[0]), (Ok(ErrorCode::NotFound), false));
    assert_eq!(failure(&mut deliveries[1]), (Ok(ErrorCode::NotFound), false));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
    rig.renew(7, 1);
    assert_eq!(rig.sent(), ["0:7.1.0=d"]);
    rig.ack(4, 0);
    assert_eq!(offset(&mut deliveries[2]), 0);
}

#[test]
fn a_topic_that_never_was_does_not_hold_up_the_others() {
    let mut rig = Rig::new();
    let mut deliveries = ["a", "b"].map(|value| rig.push(0, value));
    rig.send();
    rig.refuse(0, ErrorCode::NotFound);
    rig.refuse(1, ErrorCode::NotFound);
    assert_eq!(deliveries.each_mut().map(failure), [(Ok(ErrorCode::NotFound), false); 2]);
    assert_eq!(rig.machine.wants_session(rig.now), None);
    rig.push(1, "c");
    assert_eq!(rig.sent(), ["1:7.0.0=c"]);
}

#[test]
fn an_answer_out_of_turn_ends_the_stream() {
    let mut rig = Rig::new();
    rig.push(0, "a");
    rig.send_one();
    let response = v1::ProduceStreamResponse { correlation_id: 1, result: None };
    assert_eq!(rig.machine.answered(rig.now, response, None).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn nothing_is_due_when_there_is_nothing() {
    let mut rig = Rig::new();
    assert_eq!(rig.machine.next_tick(rig.now), None);
    rig.push(0, "a");
    let sent = rig.send_one();
    rig.ack(sent.request, 0);
    // The look for late batches finds none and is not repeated.
    rig.wait(Duration::from_secs(120));
    assert_eq!(rig.machine.next_tick(rig.now), None);
}
