//! Snapshots, and the data directories that are made of them.

use super::{Harness, LetterCodec, audit};
use crate::error::OpenError;
use crate::restore::{Restoring, Until};
use crate::segments::MemorySegments;
use crate::settings::ShardSettings;
use crate::shard::{SCRATCH, Shard, Snapshot};
use levee_types::{PartitionId, Random};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

struct Nines;

impl Random for Nines {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(9);
    }
}

impl Harness {
    fn snapshot(&self, name: &str) -> Snapshot<MemorySegments> {
        let to = self.directory.path().join(SCRATCH).join(name);
        self.wait(self.shard.prepare_snapshot()).unwrap();
        self.wait(self.shard.snapshot(to)).unwrap()
    }

    /// Goes on so that each letter makes the journal roll now and then.
    fn write(&self, partitions: &[PartitionId], letters: impl Iterator<Item = char>) {
        for letter in letters {
            self.clock.0.fetch_add(1, Ordering::Relaxed);
            for partition in partitions {
                self.append(*partition, &letter.to_string().repeat(2_000), None).unwrap();
            }
        }
    }
}

/// The files of a snapshot and the segments of a later one, as far as they go.
fn restore(
    directory: &Path,
    index_of: &Snapshot<MemorySegments>,
    segments_of: &Snapshot<MemorySegments>,
    until: Until,
) -> Result<u64, OpenError> {
    let restoring = Restoring::begin(directory)?;
    for (name, bytes) in &index_of.index {
        let length = usize::try_from(*bytes).unwrap();
        let path = restoring.index(name).unwrap();
        fs::write(path, index_of.read_index(name, 0, length).unwrap()).unwrap();
    }
    for (id, bytes) in &segments_of.segments {
        let length = usize::try_from(*bytes).unwrap();
        fs::write(restoring.segment(*id), segments_of.read_segment(*id, 0, length).unwrap()).unwrap();
    }
    restoring.finish(index_of.identity, index_of.at, until, &Nines)
}

/// What is in partitions of a data directory, one letter for each batch. It must be possible to go on there.
fn letters(harness: &Harness, directory: &Path, partitions: &[PartitionId]) -> Vec<String> {
    let clock = Arc::clone(&harness.clock) as _;
    let codec = Arc::new(LetterCodec);
    let (shard, committer) = Shard::open(directory, ShardSettings::default(), codec, clock, &Nines).unwrap();
    let of = |partition: &PartitionId| {
        let mut letters = String::new();
        let offsets = shard.offsets(*partition).unwrap();
        let mut offset = offsets.start;
        while offset < offsets.end {
            for batch in shard.fetch(*partition, offset, 1 << 20).unwrap().batches {
                letters.push(char::from(batch.bytes[0]));
                offset = batch.end();
            }
        }
        letters
    };
    let found = partitions.iter().map(of).collect();
    shard.stop();
    committer.run();
    found
}

fn partitions(harness: &Harness) -> Vec<PartitionId> {
    ["acme", "bravo"].map(|name| harness.topic(harness.tenant(name), "orders", &[])).to_vec()
}

#[test]
fn a_snapshot_is_all_tenants_at_one_position() {
    let harness = Harness::new();
    let partitions = partitions(&harness);
    harness.write(&partitions, 'a'..='m');
    let snapshot = harness.snapshot("1");
    assert!(snapshot.segments.len() > 1, "{:?}", snapshot.segments);
    harness.write(&partitions, 'n'..='z');
    let directory = tempfile::tempdir().unwrap();
    let last = restore(directory.path(), &snapshot, &snapshot, Until::End).unwrap();
    assert_eq!(Some(last), snapshot.at.map(|at| at.sequence));
    assert_eq!(letters(&harness, directory.path(), &partitions), ["abcdefghijklm"; 2]);
    // It opens again, and is another one than the one that it was made of.
    assert_eq!(letters(&harness, directory.path(), &partitions), ["abcdefghijklm"; 2]);
    let marker = fs::read_to_string(directory.path().join("LEVEE")).unwrap();
    assert!(marker.ends_with(&format!("id = {}\ncopy = {}\n", "01".repeat(16), "09".repeat(16))), "{marker}");
}

#[test]
fn an_empty_shard_has_a_snapshot() {
    let harness = Harness::new();
    let snapshot = harness.snapshot("1");
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(restore(directory.path(), &snapshot, &snapshot, Until::End).unwrap(), 0);
    assert_eq!(letters(&harness, directory.path(), &[]), Vec::<String>::new());
}

#[test]
fn every_position_between_two_snapshots_is_had() {
    let harness = Harness::new();
    let partitions = partitions(&harness);
    harness.write(&partitions, 'a'..='d');
    let first = harness.snapshot("1");
    let begin = first.at.unwrap().sequence;
    harness.write(&partitions, 'e'..='z');
    let second = harness.snapshot("2");
    let end = second.at.unwrap().sequence;
    assert_eq!(end, begin + 2 * 22);
    for last in begin..=end {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(restore(directory.path(), &first, &second, Until::Sequence(last)).unwrap(), last);
        let count = |of: u64| usize::try_from(4 + (last - begin + of) / 2).unwrap();
        let expected: Vec<String> =
            [count(1), count(0)].iter().map(|count| ('a'..='z').take(*count).collect()).collect();
        assert_eq!(letters(&harness, directory.path(), &partitions), expected, "{last}");
    }
    let directory = tempfile::tempdir().unwrap();
    let error = restore(directory.path(), &first, &second, Until::Sequence(end + 1)).unwrap_err();
    assert!(error.to_string().contains("choose an earlier one"), "{error}");
    // It never was whole.
    let opened = Shard::open(
        directory.path(),
        ShardSettings::default(),
        Arc::new(LetterCodec),
        Arc::clone(&harness.clock) as _,
        &Nines,
    );
    assert!(opened.err().unwrap().to_string().contains("did not finish"));
}

#[test]
fn a_time_between_two_snapshots_is_had_and_changes_of_the_catalog_have_one() {
    let harness = Harness::new();
    let partitions = partitions(&harness);
    harness.write(&partitions, 'a'..='d');
    let first = harness.snapshot("1");
    harness.write(&partitions, 'e'..='h');
    let before = harness.clock.0.load(Ordering::Relaxed);
    harness.clock.0.fetch_add(10, Ordering::Relaxed);
    let tenant = partitions[0].tenant;
    harness.wait(harness.shard.delete_topic(tenant, super::topic_name("orders"), audit())).unwrap();
    let second = harness.snapshot("2");

    let directory = tempfile::tempdir().unwrap();
    restore(directory.path(), &first, &second, Until::Time(before - 2)).unwrap();
    assert_eq!(letters(&harness, directory.path(), &partitions), ["abcdef"; 2]);
    let directory = tempfile::tempdir().unwrap();
    restore(directory.path(), &first, &second, Until::Time(before + 9)).unwrap();
    assert_eq!(letters(&harness, directory.path(), &partitions), ["abcdefgh"; 2]);
    let directory = tempfile::tempdir().unwrap();
    restore(directory.path(), &first, &second, Until::Time(before + 10)).unwrap();
    assert_eq!(letters(&harness, directory.path(), &partitions[1..]), ["abcdefgh"]);
}

#[test]
fn what_lies_in_the_way_stays_and_what_is_left_behind_goes() {
    let harness = Harness::new();
    let snapshot = harness.snapshot("1");
    let of_it = harness.directory.path().join(SCRATCH).join("1");
    assert!(of_it.join("CURRENT").exists());
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine"), "").unwrap();
    let error = restore(directory.path(), &snapshot, &snapshot, Until::End).unwrap_err();
    assert!(error.to_string().contains("new or empty directory"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    let directory = tempfile::tempdir().unwrap();
    let restored = directory.path().join("new");
    restore(&restored, &snapshot, &snapshot, Until::End).unwrap();
    fs::create_dir_all(restored.join(SCRATCH).join("half")).unwrap();
    letters(&harness, &restored, &[]);
    assert!(!restored.join(SCRATCH).exists());
    drop(snapshot);
    assert!(!of_it.exists());
}
