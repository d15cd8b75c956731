//! What opening finds after a crash, a power loss or damage.

use super::*;
use crate::rows::SegmentsRow;
use proptest::prelude::*;

#[test]
fn an_unsynced_tail_may_be_lost_and_torn() {
    for keep_every in 1..12 {
        let (store, mut journal) = new(MemorySegments::default());
        append(&mut journal, 0..2);
        journal.append(&[entry(2, 600), entry(3, 600)]).unwrap();
        drop(journal);
        let mut sector = 0;
        store.lose_power(|| {
            sector += 1;
            sector % keep_every == 0
        });
        let (mut journal, found) = open(&store, None).unwrap();
        assert!(found.len() >= 2 && found == (0..found.len() as u64).collect::<Vec<_>>(), "{found:?}");
        // What was cut off does not come back behind what is written now.
        append(&mut journal, 10..11);
        let again = open(&store, None).unwrap().1;
        assert_eq!(again, [&found[..], &[10]].concat());
    }
}

#[test]
fn losing_a_synced_entry_is_reported_even_when_it_is_the_last() {
    for victim in 0..4 {
        let (store, mut journal) = new(MemorySegments::default());
        let written = append(&mut journal, 0..4);
        drop(journal);
        store.damage(1, written[victim].payload as usize, |byte| *byte ^= 1);
        match open(&store, None) {
            Err(JournalDamage::Lost { segment: 1, position, sequence, .. }) => {
                assert_eq!((position, sequence), (written[victim].at.position, victim as u64 + 1));
            }
            other => panic!("{:?}", other.map(|(_, found)| found)),
        }
    }
}

#[test]
fn damage_is_told_from_a_torn_tail_without_the_watermark_too() {
    let (store, mut journal) = new(MemorySegments::default());
    let written = append(&mut journal, 0..4);
    drop(journal);
    store.set_watermark([0; crate::segments::WATERMARK_BYTES]).unwrap();
    store.damage(1, written[1].payload as usize, |byte| *byte ^= 1);
    let error = open(&store, None).err().unwrap();
    assert!(error.to_string().contains("was written after its sync"), "{error}");
}

#[test]
fn missing_segments_are_named() {
    for victim in 1..=4 {
        let (store, mut journal) = new(MemorySegments::default());
        append(&mut journal, 0..20);
        assert_eq!(journal.segments(), 4);
        drop(journal);
        store.remove(victim).unwrap();
        match open(&store, None) {
            Err(JournalDamage::IndexNeeded { segment, .. }) if victim < 4 => assert_eq!(segment, victim),
            Err(JournalDamage::Missing { segment: 4 }) => assert_eq!(victim, 4),
            other => panic!("{:?}", other.map(|(_, found)| found)),
        }
    }
}

#[test]
fn holes_are_possible_before_the_checkpoint_only_and_only_if_somebody_made_them() {
    let deleted = |ids: &[u64]| {
        let mut row = SegmentsRow::default();
        ids.iter().for_each(|id| row.insert(*id));
        row
    };
    for victim in 1..=4 {
        let (store, mut journal) = new(MemorySegments::default());
        let written = append(&mut journal, 0..20);
        let in_third = written.iter().find(|written| written.at.segment == 3).unwrap().at;
        drop(journal);
        store.remove(victim).unwrap();
        match open(&store, Some(in_third)) {
            Ok((journal, found)) => {
                assert!(victim < 3);
                assert_eq!(found, (in_third.sequence..20).collect::<Vec<_>>());
                assert_eq!(journal.segments(), 3);
                assert_eq!(journal.leftovers(&deleted(&[victim])).unwrap(), []);
                assert_eq!(journal.leftovers(&deleted(&[victim, 3 - victim])).unwrap(), [3 - victim]);
                let missing = journal.leftovers(&deleted(&[3 - victim])).err().unwrap();
                assert_eq!(missing.to_string(), format!("journal segment {victim} is missing"));
            }
            Err(JournalDamage::Missing { segment }) => assert_eq!((segment, victim), (4, 4)),
            Err(JournalDamage::IndexNeeded { segment, .. }) => assert_eq!((segment, victim), (3, 3)),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_segment_before_a_hole_must_be_whole_too() {
    let (store, mut journal) = new(MemorySegments::default());
    let last = *append(&mut journal, 0..20).last().unwrap();
    drop(journal);
    store.remove(2).unwrap();
    store.resize(1, store.length(1).unwrap() - 8).unwrap();
    let error = open(&store, Some(last.at)).err().unwrap().to_string();
    assert!(error.contains("another segment followed"), "{error}");
}

#[test]
fn an_older_copy_of_the_last_segment_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut journal) = new(FileSegments::open(directory.path()).unwrap());
    append(&mut journal, 0..2);
    let path = directory.path().join("journal/00000000000000000001.seg");
    let older = std::fs::read(&path).unwrap();
    let last = append(&mut journal, 2..4)[1].at;
    drop((journal, store));
    std::fs::write(&path, &older).unwrap();
    let store = Arc::new(FileSegments::open(directory.path()).unwrap());
    let error = open(&store, None).err().unwrap().to_string();
    assert!(error.contains("everything up to entry 4 was durable"), "{error}");
    // And by the index alone.
    std::fs::remove_file(directory.path().join("watermark")).unwrap();
    let store = Arc::new(FileSegments::open(directory.path()).unwrap());
    let error = open(&store, Some(last)).err().unwrap().to_string();
    assert!(error.contains("the index covers it"), "{error}");
}

#[test]
fn a_death_at_any_step_of_a_roll_loses_nothing() {
    // A successor that was made, with or without its header, and a segment that is not sealed.
    for header in [true, false] {
        let (store, mut journal) = new(MemorySegments::default());
        append(&mut journal, 0..3);
        let header = if header {
            let header =
                SegmentHeader { id: 2, journal: ID, first_sequence: 4, previous_crc: journal.previous_crc };
            header.encode().to_vec()
        } else {
            Vec::new()
        };
        drop(journal);
        store.create(2, SEGMENT, &header).unwrap();
        let (mut journal, found) = open(&store, None).unwrap();
        assert_eq!(found, [0, 1, 2]);
        assert_eq!(store.list().unwrap(), [1]);
        append(&mut journal, 3..9);
        assert_eq!(open(&store, None).unwrap().1, (0..9).collect::<Vec<_>>());
    }
    // Sealed, but not yet cut to its length.
    let (store, mut journal) = new(MemorySegments::default());
    append(&mut journal, 0..5);
    journal.roll(0).unwrap();
    drop(journal);
    store.resize(1, SEGMENT).unwrap();
    let (mut journal, found) = open(&store, None).unwrap();
    assert_eq!(found, (0..5).collect::<Vec<_>>());
    append(&mut journal, 5..8);
    assert_eq!(open(&store, None).unwrap().1, (0..8).collect::<Vec<_>>());
}

#[test]
fn segments_of_another_directory_or_format_are_refused() {
    let (store, journal) = new(MemorySegments::default());
    drop(journal);
    let apply = |_| Ok::<(), JournalDamage>(());
    let other = Journal::open(Arc::clone(&store), [1; 16], SEGMENT, None, apply);
    assert!(matches!(other, Err(JournalDamage::Foreign { segment: 1 })));

    let mut header = SegmentHeader { id: 1, journal: ID, first_sequence: 1, previous_crc: 0 }.encode();
    header[8] = 2;
    let crc = crc32c::crc32c(&header[..48]);
    header[48..52].copy_from_slice(&crc.to_le_bytes());
    store.write(1, 0, &[&header]).unwrap();
    assert!(matches!(open(&store, None), Err(JournalDamage::Format { segment: 1, format: 2 })));
}

#[test]
fn what_was_read_after_a_failed_sync_is_written_again() {
    let (store, mut journal) = new(MemorySegments::default());
    append(&mut journal, 0..2);
    journal.append(&[entry(2, 600)]).unwrap();
    store.inject(crate::segments::Fault::Sync);
    assert!(journal.sync().is_err());
    drop(journal);
    let (journal, found) = open(&store, None).unwrap();
    assert_eq!(found, [0, 1, 2], "it can still be read");
    drop(journal);
    store.lose_power(|| false);
    assert_eq!(open(&store, None).unwrap().1, [0, 1, 2], "so it must stay");
}

#[test]
fn a_seal_that_was_read_after_a_failed_sync_is_written_again() {
    let (store, mut journal) = new(MemorySegments::default());
    append(&mut journal, 0..3);
    store.inject(crate::segments::Fault::Sync);
    assert!(journal.roll(0).is_err(), "the sync of the seal");
    drop(journal);
    let (mut journal, _) = open(&store, None).unwrap();
    append(&mut journal, 3..5);
    assert_eq!(journal.segments(), 2, "the seal can still be read");
    drop(journal);
    store.lose_power(|| false);
    assert_eq!(open(&store, None).unwrap().1, (0..5).collect::<Vec<_>>(), "so it must stay");
}

#[test]
fn lengths_of_the_entry_that_the_index_names_are_not_believed_when_damaged() {
    // Bytes 24 to 31 of an entry are the lengths of its operations and its payload.
    for (byte, bit) in (24..32).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
        let (store, mut journal) = new(MemorySegments::default());
        let last = append(&mut journal, 0..2)[1].at;
        drop(journal);
        store.damage(1, last.position as usize + byte, |byte| *byte ^= 1 << bit);
        let error = open(&store, Some(last)).err().map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("bit {bit} of byte {byte} was not noticed"));
        assert!(error.contains("the index covers it"), "{error}");
    }
}

#[test]
fn a_payload_that_looks_like_an_entry_proves_nothing() {
    // A whole entry of another journal, which says that everything was synced.
    let mut forged = Vec::new();
    let header = EntryHeader {
        kind: Kind::Data,
        sequence: u64::MAX,
        synced_through: u64::MAX - 1,
        operations: 0,
        payload: 0,
        previous_crc: 0,
        crc: 0,
    };
    header.encode(Seed::new([7; 16]), &[], &mut forged);
    for shift in 0..8 {
        let (store, mut journal) = new(MemorySegments::default());
        append(&mut journal, 0..1);
        let mut payload = vec![0; shift];
        payload.extend_from_slice(&forged);
        let mut evil = entry(1, payload.len());
        if let [Operation::Append(batch)] = &mut evil.operations[..] {
            batch.crc = crc32c::crc32c(&payload);
        }
        evil.payload = vec![Bytes::from(payload)];
        let torn = journal.append(&[evil]).unwrap()[0].at.position;
        drop(journal);
        store.damage(1, torn as usize, |byte| *byte ^= 1);
        assert_eq!(open(&store, None).unwrap().1, [0]);
    }
}

#[test]
fn an_unused_successor_proves_that_what_is_before_it_was_there() {
    let (store, mut journal) = new(MemorySegments::default());
    let last = append(&mut journal, 0..3)[2];
    let header = SegmentHeader { id: 2, journal: ID, first_sequence: 4, previous_crc: journal.previous_crc };
    drop(journal);
    store.create(2, SEGMENT, &header.encode()).unwrap();
    store.set_watermark([0; crate::segments::WATERMARK_BYTES]).unwrap();
    store.damage(1, last.payload as usize, |byte| *byte ^= 1);
    let error = open(&store, None).err().unwrap().to_string();
    assert!(error.contains("segment 2 begins behind it"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// D5: whatever single byte of a synced journal is changed, and wherever it is cut: everything is
    /// there, or the journal does not open.
    #[test]
    fn damage_never_shortens_the_journal(position in 0..SEGMENT as usize, bit in 0..8, segment in 1..=3_u64) {
        let (store, mut journal) = new(MemorySegments::default());
        append(&mut journal, 0..14);
        prop_assert_eq!(journal.segments(), 3);
        drop(journal);
        let length = store.length(segment).unwrap() as usize;
        store.damage(segment, position % length, |byte| *byte ^= 1_u8 << bit);
        if let Ok((_, found)) = open(&store, None) {
            prop_assert_eq!(found, (0..14).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_cut_never_shortens_the_journal(length in 0..SEGMENT, segment in 1..=3_u64) {
        let (store, mut journal) = new(MemorySegments::default());
        append(&mut journal, 0..14);
        drop(journal);
        prop_assume!(length < store.length(segment).unwrap());
        store.resize(segment, length).unwrap();
        if let Ok((_, found)) = open(&store, None) {
            prop_assert_eq!(found, (0..14).collect::<Vec<_>>());
        }
    }

    /// Any history of writes, syncs and power losses keeps what was synced, in order.
    #[test]
    fn what_was_synced_survives_any_power_loss(
        steps in proptest::collection::vec((0..5_u8, 1..5_usize, any::<u64>()), 1..40)
    ) {
        let (store, mut journal) = new(MemorySegments::default());
        let (mut written, mut synced, mut next) = (Vec::new(), 0, 0);
        for (step, count, mut seed) in steps {
            match step {
                0..=2 => {
                    let group: Vec<Entry> = (next..next + count as u64).map(|number| entry(number, 200)).collect();
                    journal.append(&group).unwrap();
                    written.extend(next..next + count as u64);
                    next += count as u64;
                    // Rolling to a new segment syncs.
                    synced = written.iter().filter(|number| **number < journal.durable_sequence()).count().max(synced);
                }
                3 => {
                    journal.sync().unwrap();
                    synced = written.len();
                }
                _ => {
                    drop(journal);
                    store.lose_power(|| {
                        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        seed >> 63 == 1
                    });
                    let (opened, found) = open(&store, None).unwrap();
                    prop_assert!(found.len() >= synced, "{} of {synced}", found.len());
                    prop_assert!(written.starts_with(&found));
                    journal = opened;
                    synced = found.len();
                    next = found.len() as u64;
                    written = found;
                }
            }
        }
    }
}
