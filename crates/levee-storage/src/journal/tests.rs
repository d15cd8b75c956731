#![expect(clippy::cast_possible_truncation, reason = "the numbers of the tests are small")]

mod recovery;

use super::*;
use crate::operation::BatchMeta;
use crate::segments::{FileSegments, MemorySegments};
use levee_types::{PartitionId, TenantId, TopicId, hex};

const ID: [u8; 16] = [9; 16];
const SEGMENT: u64 = 4096;

/// An entry that appends one batch of `size` bytes, recognisable by `number`.
fn entry(number: u64, size: usize) -> Entry {
    let payload = Bytes::from(vec![number as u8; size]);
    let batch = BatchMeta {
        partition: PartitionId { tenant: TenantId(1), topic: TopicId(1), partition: 0 },
        base_offset: number,
        records: 1,
        append_time_ms: 0,
        max_timestamp_ms: 0,
        bytes_before: 0,
        length: size as u32,
        crc: crc32c::crc32c(&payload),
        totals: None,
    };
    Entry { operations: vec![Operation::Append(batch)], payload: vec![payload] }
}

fn number(operations: &[Operation]) -> u64 {
    match operations {
        [Operation::Append(batch)] => batch.base_offset,
        other => panic!("{other:?}"),
    }
}

/// Opens the journal and tells the numbers of the entries behind the checkpoint.
fn open<S: SegmentStore>(
    store: &Arc<S>,
    checkpoint: Option<Checkpoint>,
) -> Result<(Journal<S>, Vec<u64>), JournalDamage> {
    let mut found = Vec::new();
    let journal = Journal::open(Arc::clone(store), ID, SEGMENT, checkpoint, |entry| {
        found.push(number(&entry.operations));
        Ok::<(), JournalDamage>(())
    })?;
    Ok((journal, found))
}

fn new<S: SegmentStore>(store: S) -> (Arc<S>, Journal<S>) {
    Journal::create(&store, ID, SEGMENT).unwrap();
    let store = Arc::new(store);
    let (journal, found) = open(&store, None).unwrap();
    assert_eq!(found, []);
    (store, journal)
}

fn append<S: SegmentStore>(journal: &mut Journal<S>, numbers: std::ops::Range<u64>) -> Vec<Written> {
    let mut written = Vec::new();
    for number in numbers {
        written.extend(journal.append(&[entry(number, 600)]).unwrap());
        journal.sync().unwrap();
    }
    written
}

#[test]
fn entries_are_found_again_over_many_segments() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut journal) = new(FileSegments::open(directory.path()).unwrap());
    let written = append(&mut journal, 0..40);
    assert!(journal.segments() > 5, "{}", journal.segments());
    drop(journal);
    let (mut journal, found) = open(&store, None).unwrap();
    assert_eq!(found, (0..40).collect::<Vec<_>>());
    // From each possible checkpoint, exactly the rest.
    for place in &written {
        let (_, rest) = open(&store, Some(place.at)).unwrap();
        assert_eq!(rest, (place.at.sequence..40).collect::<Vec<_>>());
    }
    append(&mut journal, 40..42);
    assert_eq!(open(&store, None).unwrap().1.len(), 42);
}

#[test]
fn the_payload_is_where_it_is_said_to_be() {
    let (store, mut journal) = new(MemorySegments::default());
    for place in append(&mut journal, 3..9) {
        let mut bytes = Vec::new();
        store.read(place.at.segment, place.payload, 600, &mut bytes).unwrap();
        assert_eq!(bytes, vec![place.at.sequence as u8 + 2; 600]);
    }
}

#[test]
fn a_group_that_does_not_fit_is_refused_and_one_that_just_fits_is_taken() {
    let (_, mut journal) = new(MemorySegments::default());
    let overhead = SEGMENT_HEADER + 2 * ENTRY_HEADER + 57;
    let largest = (SEGMENT as usize - overhead) / 8 * 8;
    assert!(matches!(journal.append(&[entry(1, largest + 8)]), Err(JournalError::TooLarge { .. })));
    journal.append(&[entry(1, largest)]).unwrap();
    journal.sync().unwrap();
}

#[test]
fn small_groups_write_zeros_ahead_and_large_ones_do_not() {
    const AHEAD: u64 = ZEROS_AHEAD as u64;
    let store = MemorySegments::default();
    let capacity = 2 * AHEAD + AHEAD / 2;
    Journal::create(&store, ID, capacity).unwrap();
    let apply = |_| Ok::<(), JournalDamage>(());
    let mut journal = Journal::open(Arc::new(store), ID, capacity, None, apply).unwrap();
    let (small, large) = (600, SMALL_GROUP as usize);
    for number in 0..3 {
        journal.append(&[entry(number, large)]).unwrap();
        assert_eq!(journal.zeros_end, journal.position, "large groups only");
    }
    let between = |journal: &Journal<_>| (journal.position + ZEROS_BETWEEN).next_multiple_of(BLOCK);
    journal.append(&[entry(3, small)]).unwrap();
    let zeros_end = journal.zeros_end;
    assert_eq!(zeros_end, between(&journal), "a small group behind a large one");
    journal.append(&[entry(4, small)]).unwrap();
    assert_eq!(journal.zeros_end, zeros_end, "another one has them already");
    while journal.position <= zeros_end {
        assert_eq!(journal.zeros_end, zeros_end);
        journal.append(&[entry(5, small)]).unwrap();
    }
    assert_eq!(journal.zeros_end, AHEAD, "small groups only");
    while journal.position <= AHEAD {
        assert_eq!(journal.zeros_end, AHEAD);
        journal.append(&[entry(6, large)]).unwrap();
    }
    assert_eq!(journal.zeros_end, journal.position, "a large group behind a large one");
    journal.append(&[entry(7, small)]).unwrap();
    let zeros_end = journal.zeros_end;
    journal.append(&[entry(8, large)]).unwrap();
    assert_eq!(journal.zeros_end, zeros_end, "a large group within them");
    journal.append(&[entry(9, small)]).unwrap();
    journal.append(&[entry(10, 2 * large)]).unwrap();
    assert!(journal.zeros_end > zeros_end);
    assert_eq!(journal.zeros_end, between(&journal), "a large group behind a small one");
    // Never beyond the segment.
    while journal.position < 2 * AHEAD {
        journal.append(&[entry(11, large)]).unwrap();
    }
    while journal.zeros_end < capacity {
        journal.append(&[entry(12, small)]).unwrap();
    }
    assert_eq!((journal.segments(), journal.zeros_end), (1, capacity));
    journal.roll(0).unwrap();
    assert_eq!(journal.zeros_end, journal.position, "a new segment has none");
}

#[test]
fn format_1_is_pinned() {
    let header = SegmentHeader { id: 1, journal: ID, first_sequence: 2, previous_crc: 3 }.encode();
    assert_eq!(
        hex::encode(&header[..48]),
        "4c4556454553454701000000010000000000000009090909090909090909090909090909020000000000000003000000"
    );
    let mut out = Vec::new();
    let operations = [Operation::Delete { keyspace: crate::operation::Keyspace::State, key: vec![1] }];
    let header = EntryHeader {
        kind: Kind::Data,
        sequence: 1,
        synced_through: 2,
        operations: 0,
        payload: 3,
        previous_crc: 4,
        crc: 0,
    };
    let crc = header.encode(Seed::new(ID), &operations, &mut out);
    assert_eq!(
        hex::encode(&out[..36]),
        "4c5645310100000001000000000000000200000000000000070000000300000004000000"
    );
    assert_eq!(hex::encode(&out[40..]), "03020100000001");
    assert_eq!(out[36..40], crc.to_le_bytes());
}
