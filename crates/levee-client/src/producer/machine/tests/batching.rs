//! When batches are sent, and how many.

use super::super::MAX_IN_FLIGHT;
use super::{
    Acked, ErrorCode, ErrorKind, ProducerSettings, ROOM, Rig, failure, is_open, millis, offset, outcome,
    settings, v1,
};
use levee_types::limits::MAX_BATCH_BYTES;

#[test]
fn records_wait_for_others_until_the_linger_time_is_over() {
    let mut rig = Rig::with(ProducerSettings { linger: millis(5), batch_bytes: 1000, ..settings() });
    rig.push(0, "a");
    rig.wait(millis(3));
    rig.push(0, "b");
    rig.push(1, "c");
    assert_eq!(rig.sent(), [""; 0]);
    assert_eq!(rig.machine.next_tick(rig.now), Some(rig.now + millis(2)));
    rig.wait(millis(2));
    assert_eq!(rig.sent(), ["0:7.0.0=a,b"]);
    rig.wait(millis(3));
    assert_eq!(rig.sent(), ["1:7.0.0=c"]);
}

#[test]
fn a_full_batch_does_not_wait() {
    // A record of one letter takes five bytes of a batch.
    let mut rig = Rig::with(ProducerSettings { linger: millis(5), batch_bytes: 10, ..settings() });
    for value in ["a", "b", "c", "a long one", "d"] {
        rig.push(0, value);
    }
    assert_eq!(rig.sent(), ["0:7.0.0=a,b", "0:7.0.2=c", "0:7.0.3=a long one"]);
    rig.wait(millis(5));
    assert_eq!(rig.sent(), ["0:7.0.4=d"]);
}

#[test]
fn a_batch_that_may_not_be_sent_yet_takes_more_records() {
    let mut rig = Rig::with(ProducerSettings { max_in_flight: 1, batch_bytes: 1000, ..settings() });
    rig.push(0, "a");
    assert_eq!(rig.sent(), ["0:7.0.0=a"]);
    for value in ["b", "c", "d"] {
        rig.push(0, value);
        assert_eq!(rig.sent(), [""; 0]);
    }
    rig.ack(0, 0);
    assert_eq!(rig.sent(), ["0:7.0.1=b,c,d"]);
}

#[test]
fn a_batch_that_waits_long_takes_no_more_records() {
    let settings = ProducerSettings { max_in_flight: 1, batch_bytes: 1000, ..settings() };
    let mut rig = Rig::with(ProducerSettings { delivery_timeout: millis(800), ..settings });
    rig.push(0, "a");
    rig.send_one();
    let mut old = rig.push(0, "b");
    rig.wait(millis(100));
    let mut shared = rig.push(0, "c");
    rig.wait(millis(1));
    let mut young = rig.push(0, "d");
    rig.wait(millis(699));
    assert_eq!(failure(&mut old), (Err(ErrorKind::Timeout), false));
    assert_eq!(failure(&mut shared), (Err(ErrorKind::Timeout), false));
    rig.wait(millis(100));
    assert!(is_open(&mut young));
    rig.wait(millis(1));
    assert_eq!(failure(&mut young), (Err(ErrorKind::Timeout), false));
}

#[test]
fn sequences_count_records_and_offsets_follow_from_the_first() {
    let mut rig = Rig::with(ProducerSettings { batch_bytes: 1000, ..settings() });
    let mut first: Vec<_> = ["a", "b"].map(|value| rig.push(0, value)).into();
    assert_eq!(rig.sent(), ["0:7.0.0=a,b"]);
    let mut second = rig.push(0, "c");
    assert_eq!(rig.sent(), ["0:7.0.2=c"]);
    rig.ack(0, 10);
    rig.ack(1, 15);
    let acked = |offset| Acked { partition: 0, offset, append_time_ms: 5 };
    assert_eq!(outcome(&mut first[0]), Ok(acked(10)));
    assert_eq!(outcome(&mut first[1]), Ok(acked(11)));
    assert_eq!(outcome(&mut second), Ok(acked(15)));
    assert!(!rig.machine.has_work());
}

#[test]
fn a_partition_has_at_most_so_many_batches_under_way_and_partitions_take_turns() {
    let mut rig = Rig::with(ProducerSettings { max_in_flight: 2, ..settings() });
    for value in ["a", "b", "c"] {
        rig.push(0, value);
    }
    rig.push(1, "d");
    assert_eq!(rig.sent(), ["0:7.0.0=a", "1:7.0.0=d", "0:7.0.1=b"]);
    rig.ack(0, 0);
    assert_eq!(rig.sent(), ["0:7.0.2=c"]);
}

#[test]
fn the_stream_has_at_most_so_many_requests_under_way() {
    let mut rig = Rig::new();
    for partition in 0..1000 {
        rig.push(partition, "a");
    }
    assert_eq!(rig.send().len(), MAX_IN_FLIGHT);
    rig.ack(0, 0);
    rig.ack(1, 0);
    assert_eq!(rig.send().len(), 2);
}

#[test]
fn what_the_broker_held_up_is_not_waited_for_again() {
    let mut rig = Rig::new();
    rig.push(0, "a");
    let sent = rig.send_one();
    rig.respond(sent.request, v1::ProduceResponse { throttle_ms: 30, ..v1::ProduceResponse::default() });
    rig.push(0, "b");
    assert_eq!(rig.sent(), ["0:7.0.1=b"]);
}

#[test]
fn a_flush_sends_what_lingers_and_is_answered_when_all_before_it_is() {
    let mut rig = Rig::with(ProducerSettings { linger: millis(5), batch_bytes: 1000, ..settings() });
    assert_eq!(rig.flush().try_recv(), Ok(Ok(())));
    rig.push(0, "a");
    rig.push(1, "b");
    let mut first = rig.flush();
    assert_eq!(rig.sent(), ["0:7.0.0=a", "1:7.0.0=b"]);
    rig.push(0, "c");
    let mut second = rig.flush();
    assert_eq!(rig.sent(), ["0:7.0.1=c"]);
    rig.ack(0, 0);
    first.try_recv().unwrap_err();
    // Failed is an outcome, too.
    rig.refuse(1, ErrorCode::TooLarge);
    assert_eq!(first.try_recv(), Ok(Ok(())));
    second.try_recv().unwrap_err();
    rig.ack(2, 1);
    assert_eq!(second.try_recv(), Ok(Ok(())));
}

#[test]
fn a_record_is_sent_though_its_delivery_is_dropped_and_its_room_is_free_in_the_end() {
    let mut rig = Rig::new();
    drop(rig.push(0, "a"));
    assert_eq!(rig.sent(), ["0:7.0.0=a"]);
    assert_eq!(rig.room.available_permits(), ROOM - 10);
    rig.ack(0, 0);
    assert_eq!(rig.room.available_permits(), ROOM);
}

/// A record that LZ4 does not shrink.
fn noise(bytes: usize) -> v1::Record {
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0] & 0x7f
    });
    v1::Record { value: Some(noise.take(bytes).collect()), ..v1::Record::default() }
}

#[test]
fn records_that_do_not_shrink_are_sent_as_they_are() {
    let settings = ProducerSettings { batch_bytes: MAX_BATCH_BYTES, ..settings() };
    let mut rig = Rig::with(ProducerSettings { compression: v1::Compression::Lz4, ..settings });
    let mut deliveries = [0, 1].map(|_| rig.push_record(0, noise(MAX_BATCH_BYTES / 2 - 20)));
    let sent = rig.send_one();
    assert!((MAX_BATCH_BYTES - 40..=MAX_BATCH_BYTES).contains(&sent.batch.len()), "{}", sent.batch.len());
    rig.ack(sent.request, 0);
    assert_eq!(deliveries.each_mut().map(offset), [0, 1]);
}

#[test]
fn a_record_that_does_not_shrink_enough_fails_alone() {
    let mut rig = Rig::with(ProducerSettings { compression: v1::Compression::Lz4, ..settings() });
    let mut large = rig.push_record(0, noise(2 << 20));
    let mut small = rig.push(0, "a");
    assert_eq!(rig.sent(), ["0:7.0.0=a"]);
    assert_eq!(failure(&mut large), (Ok(ErrorCode::TooLarge), false));
    rig.ack(0, 0);
    assert_eq!(offset(&mut small), 0);
}
