use super::*;
use crate::codec::BadBatch;
use crate::keyed::Keys;

/// A batch of this codec is a text: `like`, and of each record its distance, its time and its bytes.
struct TextCodec;

impl BatchCodec for TextCodec {
    fn open(&self, _: &Bytes) -> Result<Vec<OpenRecord>, BadBatch> {
        Ok(Vec::new())
    }

    fn build(&self, records: &[OpenRecord], like: &Bytes) -> Bytes {
        let mut text = like.to_vec();
        for OpenRecord { delta, timestamp_ms, bytes, .. } in records {
            text.extend(format!(" {delta}@{}=", timestamp_ms.unwrap_or(-1)).into_bytes());
            text.extend_from_slice(bytes);
        }
        text.into()
    }

    fn keys(&self, _: &Bytes) -> Result<Keys, BadBatch> {
        Ok(Keys::default())
    }
}

fn record(delta: u32, timestamp_ms: Option<i64>) -> OpenRecord {
    let bytes = Bytes::from_static(b"abcd");
    OpenRecord { delta, key: Some(Bytes::from_static(b"key")), is_tombstone: false, timestamp_ms, bytes }
}

/// A batch of 10 offsets, which was appended when it begins.
fn batch(base: u64, name: &'static str, records: Vec<OpenRecord>, tombstones: Mark) -> Opened {
    let row = BatchRow {
        records: 10,
        length: 1000,
        crc: 0,
        segment: 1,
        position: 0,
        append_time_ms: i64::try_from(base).unwrap(),
        max_timestamp_ms: 0,
        bytes_before: base * 100,
        rewritten: None,
    };
    let removed = 10 - records.len() as u64;
    Opened {
        base,
        row,
        bytes: Bytes::from_static(name.as_bytes()),
        records,
        removed,
        tombstones,
        keys: Vec::new(),
    }
}

const SIZES: Sizes = Sizes { batch_bytes: 16, span: 30, neighbours: 3, ..Sizes::DEFAULT };

fn merge(batches: Vec<Opened>) -> Vec<NewBatch> {
    let mut neighbours = Neighbours::default();
    for batch in batches {
        assert!(neighbours.takes(&batch, SIZES));
        neighbours.add(batch, SIZES);
    }
    neighbours.finish(&TextCodec, 7).unwrap().0.new
}

fn text(batch: &NewBatch) -> &str {
    str::from_utf8(&batch.bytes).unwrap()
}

#[test]
fn records_of_several_batches_have_the_time_of_theirs() {
    let first = batch(100, "x", vec![record(1, None), record(2, Some(5))], Mark::None);
    let new = merge(vec![first, batch(110, "y", vec![record(3, None)], Mark::None)]);
    assert_eq!(text(&new[0]), "x 1@100=abcd 2@5=abcd 13@110=abcd");
    let NewBatch { base_offset, records, append_time_ms, tombstones, crc, .. } = &new[0];
    assert_eq!((*base_offset, *records, *append_time_ms), (100, 20, 110));
    assert_eq!((*tombstones, *crc), (Tombstones::Until(0), crc32c::crc32c(&new[0].bytes)));
}

#[test]
fn records_of_one_batch_are_as_they_were() {
    let new = merge(vec![batch(100, "x", vec![record(1, None)], Mark::None)]);
    assert_eq!((text(&new[0]), new[0].append_time_ms), ("x 1@-1=abcd", 100));
    // What is empty before and behind it is covered by it, and says nothing about its time.
    let empty = |base| batch(base, "e", Vec::new(), Mark::None);
    let new = merge(vec![empty(90), batch(100, "x", vec![record(1, None)], Mark::None), empty(110)]);
    assert_eq!((text(&new[0]), new[0].append_time_ms), ("x 11@-1=abcd", 100));
    assert_eq!((new[0].base_offset, new[0].records), (90, 30));
    let new = merge(vec![empty(90), empty(100)]);
    assert_eq!((text(&new[0]), new[0].append_time_ms, new[0].records), ("e", 100, 20));
}

#[test]
fn what_another_pass_has_made_of_both_is_not_added_to_one_of_them() {
    let mut neighbours = Neighbours::default();
    neighbours.add(batch(15, "x", Vec::new(), Mark::None), SIZES);
    for (base, follows) in [(10, false), (15, false), (25, true)] {
        assert_eq!(neighbours.takes(&batch(base, "y", Vec::new(), Mark::None), SIZES), follows, "{base}");
    }
}

#[test]
fn batches_stay_small_and_tombstones_keep_their_times() {
    let with = |marks: &[Mark], count: u32| {
        let mut neighbours = Neighbours::default();
        for (base, mark) in (0..).step_by(10).zip(marks) {
            let next = batch(base, "x", (0..count).map(|delta| record(delta, None)).collect(), *mark);
            if !neighbours.takes(&next, SIZES) {
                return false;
            }
            neighbours.add(next, SIZES);
        }
        true
    };
    assert!(with(&[Mark::None; 2], 2) && !with(&[Mark::None; 2], 3), "16 bytes");
    assert!(with(&[Mark::None; 3], 0) && !with(&[Mark::None; 4], 0), "30 offsets");
    assert!(with(&[Mark::None, Mark::Until(5), Mark::Until(5)], 1));
    assert!(with(&[Mark::Begin, Mark::None, Mark::Begin], 1));
    for marks in
        [[Mark::Until(5), Mark::Until(6)], [Mark::Until(5), Mark::Begin], [Mark::Begin, Mark::Until(5)]]
    {
        assert!(!with(&marks, 1), "{marks:?}");
    }
    let marked = merge(vec![
        batch(0, "x", Vec::new(), Mark::None),
        batch(10, "y", vec![record(0, None)], Mark::Begin),
    ]);
    assert_eq!(marked[0].tombstones, Tombstones::StayFor(7));
    let kept = merge(vec![batch(0, "x", vec![record(0, None)], Mark::Until(5))]);
    assert_eq!(kept[0].tombstones, Tombstones::Until(5));
    let untouched = Opened { removed: 0, ..batch(0, "x", vec![record(0, None)], Mark::Begin) };
    assert_eq!(text(&merge(vec![untouched])[0]), "x", "only its row changes");
}

#[test]
fn what_is_too_large_is_several_batches() {
    let large = |delta| OpenRecord { bytes: vec![b'x'; MAX_BATCH_BYTES / 3].into(), ..record(delta, None) };
    let new = merge(vec![batch(0, "x", [0, 2, 4, 6, 8].map(large).into(), Mark::None)]);
    let places: Vec<_> = new.iter().map(|batch| (batch.base_offset, batch.records)).collect();
    assert_eq!(places, [(0, 4), (4, 2), (6, 4)]);
    assert!(new.iter().all(|batch| batch.bytes.len() <= MAX_BATCH_BYTES));
    assert!(text(&new[1]).starts_with("x 0@-1=x"), "distances are from its own first offset");
}

#[test]
fn a_batch_has_no_more_records_than_a_producer_may_put_into_one() {
    let sizes = Sizes { batch_bytes: usize::MAX, span: u32::MAX, ..Sizes::DEFAULT };
    let of = |base, count: usize| {
        let count = u32::try_from(count).unwrap();
        let Opened { row, .. } = batch(base, "x", Vec::new(), Mark::None);
        let records = (0..count).map(|delta| record(delta, None)).collect();
        let row = BatchRow { records: count, ..row };
        Opened { row, records, removed: 0, ..batch(base, "x", Vec::new(), Mark::None) }
    };
    let mut neighbours = Neighbours::default();
    neighbours.add(of(0, MAX_BATCH_RECORDS - 5), sizes);
    let next = MAX_BATCH_RECORDS as u64 - 5;
    assert!(!neighbours.takes(&of(next, 6), sizes));
    assert!(neighbours.takes(&of(next, 5), sizes));
    neighbours.add(of(next, 5), sizes);
    assert!(neighbours.takes(&of(next + 5, 0), sizes) && !neighbours.takes(&of(next + 5, 1), sizes));
}
