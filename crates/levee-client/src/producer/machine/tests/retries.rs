//! Batches that are sent again: in order, with the same bytes and sequences.

use super::{
    Acked, ErrorCode, ErrorKind, FIRST, ProducerSettings, Rig, failure, is_open, millis, offset, outcome,
    settings, v1,
};
use levee_types::LeveeError;

#[test]
fn what_was_not_answered_is_sent_again_on_the_next_connection() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b", "c"].map(|value| rig.push(0, value)).into();
    let first = rig.send();
    rig.ack(0, 0);
    rig.disconnect();
    rig.push(0, "d");
    assert!(!rig.machine.wants_connection(rig.now));
    assert_eq!(rig.sent(), [""; 0]);
    rig.wait(millis(100));
    assert!(rig.machine.wants_connection(rig.now));
    let again = rig.send();
    let as_text: Vec<_> = again.iter().map(ToString::to_string).collect();
    assert_eq!(as_text, ["0:7.0.1=b", "0:7.0.2=c", "0:7.0.3=d"]);
    assert_eq!(again[0].batch, first[1].batch);
    // The first copy of `b` was stored.
    let stored = v1::ProduceResponse { base_offset: 1, duplicate: true, ..v1::ProduceResponse::default() };
    rig.respond(again[0].request, stored);
    rig.ack(again[1].request, 2);
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn waits_longer_each_time_the_connection_is_lost() {
    let mut rig = Rig::new();
    rig.push(0, "a");
    for wait in [100, 200, 400] {
        rig.send_one();
        rig.disconnect();
        rig.wait(millis(wait - 1));
        assert_eq!(rig.sent(), [""; 0]);
        assert_eq!(rig.machine.next_tick(rig.now), Some(rig.now + millis(1)));
        rig.wait(millis(1));
    }
    let sent = rig.send_one();
    rig.ack(sent.request, 0);
    rig.push(0, "b");
    rig.send_one();
    rig.disconnect();
    rig.wait(millis(100));
    assert_eq!(rig.sent(), ["0:7.0.1=b"]);
}

#[test]
fn those_behind_a_batch_that_is_sent_again_follow_it() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b", "c"].map(|value| rig.push(0, value)).into();
    assert_eq!(rig.send().len(), 3);
    rig.refuse(0, ErrorCode::Overloaded);
    rig.refuse(1, ErrorCode::OutOfOrderSequence);
    rig.wait(millis(1000));
    // `c` is not answered yet, and its refusal must not be taken for that of a later copy.
    assert_eq!(rig.sent(), [""; 0]);
    rig.refuse(2, ErrorCode::OutOfOrderSequence);
    rig.push(0, "d");
    assert_eq!(rig.sent(), ["0:7.0.0=a", "0:7.0.1=b", "0:7.0.2=c", "0:7.0.3=d"]);
    for (request, offset) in (3..6).zip(0..) {
        rig.ack(request, offset);
    }
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn other_partitions_go_on_meanwhile() {
    let mut rig = Rig::new();
    rig.push(0, "a");
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::Unavailable);
    rig.push(0, "b");
    rig.push(1, "c");
    assert_eq!(rig.sent(), ["1:7.0.0=c"]);
    rig.wait(millis(100));
    assert_eq!(rig.sent(), ["0:7.0.0=a", "0:7.0.1=b"]);
}

#[test]
fn a_duplicate_is_an_acknowledgement_if_there_was_an_earlier_copy() {
    let mut rig = Rig::new();
    let mut delivery = rig.push(0, "a");
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::StorageFailed);
    rig.wait(millis(100));
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::DuplicateSequence);
    let stored = Acked { partition: 0, offset: Acked::UNKNOWN_OFFSET, append_time_ms: 0 };
    assert_eq!(outcome(&mut delivery), Ok(stored));
    assert_eq!(rig.machine.wants_session(rig.now), None);
}

#[test]
fn a_duplicate_of_a_batch_that_was_sent_once_is_a_failure() {
    let mut rig = Rig::new();
    let mut delivery = rig.push(0, "a");
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::DuplicateSequence);
    assert_eq!(failure(&mut delivery), (Ok(ErrorCode::DuplicateSequence), true));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));

    let mut rig = Rig::new();
    let mut delivery = rig.push(0, "a");
    // Refused for certain: there is no copy of it either.
    let sent = rig.send_one();
    rig.refuse(sent.request, ErrorCode::Overloaded);
    rig.wait(millis(100));
    let sent = rig.send_one();
    rig.respond(sent.request, v1::ProduceResponse { duplicate: true, ..v1::ProduceResponse::default() });
    assert_eq!(failure(&mut delivery), (Err(ErrorKind::Protocol), true));
    assert_eq!(rig.machine.wants_session(rig.now), Some(Some(FIRST)));
}

#[test]
fn without_idempotence_only_what_certainly_was_not_stored_is_sent_again() {
    let mut rig = Rig::with(ProducerSettings { idempotent: false, ..settings() });
    let mut deliveries: Vec<_> = ["a", "b", "c", "d"].map(|value| rig.push(0, value)).into();
    assert_eq!(rig.sent(), ["0:a", "0:b", "0:c", "0:d"]);
    rig.refuse(0, ErrorCode::Overloaded);
    rig.refuse(1, ErrorCode::StorageFailed);
    rig.ack(2, 0);
    rig.disconnect();
    assert_eq!(failure(&mut deliveries[1]), (Ok(ErrorCode::StorageFailed), true));
    assert_eq!(offset(&mut deliveries[2]), 0);
    assert_eq!(failure(&mut deliveries[3]), (Err(ErrorKind::Connection), true));
    assert!(is_open(&mut deliveries[0]));
    rig.push(0, "e");
    rig.wait(millis(100));
    assert_eq!(rig.sent(), ["0:a", "0:e"]);
    assert_eq!(rig.machine.wants_session(rig.now), None);
}

#[test]
fn what_a_quota_refuses_is_sent_again_in_order_when_the_broker_says() {
    let mut rig = Rig::new();
    let mut deliveries: Vec<_> = ["a", "b"].map(|value| rig.push(0, value)).into();
    rig.send();
    rig.refuse_for(0, ErrorCode::QuotaExceeded, Some(700));
    rig.refuse(1, ErrorCode::OutOfOrderSequence);
    rig.wait(millis(699));
    assert_eq!(rig.sent(), [""; 0]);
    assert_eq!(rig.machine.next_tick(rig.now), Some(rig.now + millis(1)));
    rig.wait(millis(1));
    assert_eq!(rig.sent(), ["0:7.0.0=a", "0:7.0.1=b"]);
    rig.ack(2, 0);
    rig.ack(3, 1);
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_later_refusal_may_ask_for_a_longer_wait_and_never_shortens_it() {
    let mut rig = Rig::new();
    for partition in 0..3 {
        rig.push(partition, "a");
    }
    rig.send();
    rig.refuse_for(0, ErrorCode::QuotaExceeded, Some(300));
    rig.refuse_for(1, ErrorCode::QuotaExceeded, Some(500));
    rig.refuse_for(2, ErrorCode::QuotaExceeded, Some(10));
    rig.wait(millis(499));
    assert_eq!(rig.sent(), [""; 0]);
    rig.wait(millis(1));
    assert_eq!(rig.sent().len(), 3);
}

#[test]
fn a_lost_permission_is_final_for_what_was_sent_and_no_end_of_the_producer() {
    for code in [ErrorCode::PermissionDenied, ErrorCode::Unauthenticated, ErrorCode::TenantSuspended] {
        let mut rig = Rig::new();
        let mut delivery = rig.push(0, "a");
        let sent = rig.send_one();
        rig.refuse(sent.request, code);
        assert_eq!(failure(&mut delivery), (Ok(code), false), "{code}");
        assert!(!rig.machine.has_work(), "{code}");

        // The end of the stream, which is what happens to one that is open.
        let mut delivery = rig.push(0, "b");
        rig.send_one();
        let mut waiting = rig.push(1, "c");
        rig.machine.disconnected(rig.now, &LeveeError::new(code, "no").into());
        assert_eq!(failure(&mut delivery), (Ok(code), true), "{code}");
        assert_eq!(failure(&mut waiting), (Ok(code), false), "{code}");
        assert!(!rig.machine.has_work());

        // The permission may be back.
        rig.push(2, "d");
        rig.wait(millis(100));
        assert!(rig.machine.wants_connection(rig.now));
    }
}
