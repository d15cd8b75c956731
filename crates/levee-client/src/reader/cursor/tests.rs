use super::{Cursor, Position, StartAt};
use crate::error::{Error, ErrorKind};
use crate::record::ReadBatch;
use crate::stored::samples::{stored, with_gaps};
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_types::ErrorCode;

fn position(partition: u32, from: StartAt) -> Position {
    Position { topic: "t".to_owned(), partition, from }
}

fn resolved(offset: u64, end_offset: u64) -> v1::ResolvedPosition {
    v1::ResolvedPosition { offset, start_offset: 0, end_offset }
}

fn started(cursor: &mut Cursor, positions: &[v1::ResolvedPosition]) -> Vec<Spec> {
    let specs = cursor.start(1).positions.into_iter().map(|position| position.from.unwrap().spec.unwrap());
    let specs = specs.collect();
    cursor.started(&v1::ReadStarted { positions: positions.to_vec() }).unwrap();
    specs
}

fn offsets(read: Result<Option<ReadBatch>, Error>) -> Vec<u64> {
    let Some(read) = read.unwrap() else { return Vec::new() };
    let values =
        read.records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().into()).unwrap());
    let values: Vec<u64> = values.map(|value| value.parse().unwrap()).collect();
    assert_eq!((read.base_offset, &read.offsets), (values[0], &values));
    values
}

#[test]
fn places_are_resolved_once() {
    let froms = [StartAt::Start, StartAt::End, StartAt::Offset(7), StartAt::Timestamp(123)];
    let mut cursor = Cursor::new((0..4).zip(froms).map(|(at, from)| position(at, from)).collect(), false);
    let edge = |edge: v1::OffsetEdge| Spec::Edge(edge.into());
    let first =
        [edge(v1::OffsetEdge::Start), edge(v1::OffsetEdge::End), Spec::Offset(7), Spec::TimestampMs(123)];
    // The connection is lost before the broker answers: the same is asked again.
    cursor.start(1);
    let found = [resolved(2, 9), resolved(9, 9), resolved(7, 9), resolved(4, 9)];
    assert_eq!(started(&mut cursor, &found), first);
    assert_eq!(started(&mut cursor, &found), [2, 9, 7, 4].map(Spec::Offset));
}

#[test]
fn records_before_the_asked_offset_are_left_out() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::Offset(12))], false);
    started(&mut cursor, &[resolved(12, 20)]);
    assert_eq!(offsets(cursor.open(&stored(0, 10, 5))), [12, 13, 14]);
    assert_eq!(offsets(cursor.open(&stored(0, 15, 2))), [15, 16]);
}

#[test]
fn a_new_stream_goes_on_at_the_next_offset_and_nothing_comes_twice() {
    let mut cursor = Cursor::new(vec![position(3, StartAt::Start), position(4, StartAt::Start)], false);
    started(&mut cursor, &[resolved(0, 9), resolved(0, 9)]);
    assert_eq!(offsets(cursor.open(&stored(1, 0, 3))), [0, 1, 2]);
    let again = started(&mut cursor, &[resolved(0, 9), resolved(3, 9)]);
    assert_eq!(again, [0, 3].map(Spec::Offset));
    assert_eq!(offsets(cursor.open(&stored(1, 0, 3))), []);
    assert_eq!(offsets(cursor.open(&stored(1, 2, 3))), [3, 4]);
    assert_eq!(offsets(cursor.open(&stored(0, 0, 1))), [0]);
}

#[test]
fn stops_at_the_end_that_was_there_at_the_start() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::Start), position(1, StartAt::Start)], true);
    started(&mut cursor, &[resolved(0, 2), resolved(0, 3)]);
    assert_eq!(offsets(cursor.open(&stored(0, 0, 2))), [0, 1]);
    assert!(!cursor.is_finished());
    // A new stream has only what is left, and its later end does not count.
    assert_eq!(started(&mut cursor, &[resolved(0, 50)]), [Spec::Offset(0)]);
    assert_eq!(offsets(cursor.open(&stored(0, 0, 3))), [0, 1, 2]);
    assert!(cursor.is_finished());
    assert_eq!(offsets(cursor.open(&stored(0, 3, 1))), []);
}

#[test]
fn stops_at_once_when_there_is_nothing() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::End)], true);
    assert!(!cursor.is_finished());
    started(&mut cursor, &[resolved(8, 8)]);
    assert!(cursor.is_finished());
}

#[test]
fn a_reader_that_follows_never_finishes() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::End)], false);
    started(&mut cursor, &[resolved(8, 8)]);
    assert!(!cursor.is_finished());
}

#[test]
fn a_gap_in_the_offsets_is_passed_over() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::Offset(1))], false);
    started(&mut cursor, &[resolved(1, 20)]);
    assert_eq!(offsets(cursor.open(&stored(0, 5, 2))), [5, 6]);
}

#[test]
fn c5_records_of_a_compacted_batch_have_the_offsets_that_they_had() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::Offset(12))], false);
    started(&mut cursor, &[resolved(12, 40)]);
    assert_eq!(offsets(cursor.open(&with_gaps(0, 10, 10, &[0, 3, 4, 8]))), [13, 14, 18]);
    // Nothing of it is left from where reading goes on: that is no reason to stop.
    assert_eq!(offsets(cursor.open(&with_gaps(0, 10, 12, &[0, 3, 4, 8]))), []);
    assert_eq!(started(&mut cursor, &[resolved(22, 40)]), [Spec::Offset(22)]);
    assert_eq!(offsets(cursor.open(&with_gaps(0, 20, 10, &[1, 5]))), [25]);
    // Nor is a batch of which nothing is left.
    assert_eq!(offsets(cursor.open(&with_gaps(0, 30, 5, &[]))), []);
    assert_eq!(started(&mut cursor, &[resolved(35, 40)]), [Spec::Offset(35)]);
}

#[test]
fn c5_a_gap_at_the_end_is_no_reason_to_read_on() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::Start), position(1, StartAt::Start)], true);
    started(&mut cursor, &[resolved(0, 9), resolved(0, 2)]);
    assert_eq!(offsets(cursor.open(&with_gaps(0, 0, 5, &[2]))), [2]);
    assert!(!cursor.is_finished());
    assert!(cursor.ended());
    assert!(cursor.is_finished());
    let mut follower = Cursor::new(vec![position(0, StartAt::Start)], false);
    started(&mut follower, &[resolved(0, 9)]);
    assert!(!follower.ended());
    assert_eq!(started(&mut follower, &[resolved(0, 9)]), [Spec::Offset(0)]);
}

#[test]
fn damage_is_told_with_its_place_and_nothing_is_handed_out() {
    let mut cursor = Cursor::new(vec![position(3, StartAt::Start)], false);
    started(&mut cursor, &[resolved(0, 9)]);
    let wrong_crc = v1::StoredBatch { batch_crc32c: 1, ..stored(0, 0, 2) };
    let wrong_count = v1::StoredBatch { record_count: 1, ..stored(0, 0, 2) };
    let mut undecodable = stored(0, 0, 2);
    undecodable.batch = undecodable.batch.slice(1..);
    undecodable.batch_crc32c = crc32c::crc32c(&undecodable.batch);
    for (damaged, code) in [
        (wrong_crc, ErrorCode::DataCorrupt),
        (wrong_count, ErrorCode::DataCorrupt),
        (undecodable, ErrorCode::CorruptBatch),
    ] {
        let error = cursor.open(&damaged).unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), (Some(code), false));
        assert!(error.message().starts_with("t/3 at offset 0: "), "{error}");
    }
    assert_eq!(offsets(cursor.open(&stored(0, 0, 2))), [0, 1]);
}

#[test]
fn answers_that_make_no_sense_are_refused() {
    let mut cursor = Cursor::new(vec![position(0, StartAt::Start)], false);
    cursor.start(1);
    assert_eq!(cursor.open(&stored(0, 0, 1)).unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(cursor.started(&v1::ReadStarted::default()).unwrap_err().kind(), ErrorKind::Protocol);
    started(&mut cursor, &[resolved(0, 9)]);
    assert_eq!(cursor.open(&stored(1, 0, 1)).unwrap_err().kind(), ErrorKind::Protocol);
}
