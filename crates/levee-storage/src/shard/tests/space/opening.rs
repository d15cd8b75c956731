//! What opening accepts of a journal with holes.

use super::super::{Harness, TestClock};
use super::*;

/// A shard of which all but the last segments are deleted, and a copy of its index from before.
fn with_holes() -> (Harness, tempfile::TempDir, PartitionId, Vec<String>) {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    fill(&harness, p, 0..20);
    let (segments, directory) = close(harness);
    let copy = tempfile::tempdir().unwrap();
    copy_files(&directory.path().join("index"), copy.path());
    let harness = Harness::open(segments, directory, settings(), Arc::<TestClock>::default());
    let mut texts = fill(&harness, p, 20..80);
    harness.wait(harness.shard.trim(p, 75_000, audit())).unwrap();
    give_back(&harness);
    assert!(super::segments(&harness)[0] > 3, "{:?}", super::segments(&harness));
    texts.drain(..55);
    (harness, copy, p, texts)
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn an_index_from_before_segments_were_deleted_is_noticed() {
    let (harness, copy, ..) = with_holes();
    let (segments, directory) = close(harness);
    let index = directory.path().join("index");
    std::fs::remove_dir_all(&index).unwrap();
    std::fs::create_dir(&index).unwrap();
    copy_files(copy.path(), &index);
    let error = refused(&segments, directory.path());
    assert!(error.contains("Segments are deleted") && error.contains("leveed restore"), "{error}");
}

#[test]
fn a_journal_without_its_first_segments_does_not_open_without_an_index() {
    let (harness, ..) = with_holes();
    let (segments, directory) = close(harness);
    std::fs::remove_dir_all(directory.path().join("index")).unwrap();
    let error = refused(&segments, directory.path());
    assert!(error.contains("segment 1 is not there") && error.contains("there is no index"), "{error}");
}

#[test]
fn a_segment_that_nobody_deleted_is_missed() {
    let harness = Harness::with(settings());
    let p = harness.topic(harness.tenant("acme"), "orders", &[]);
    fill(&harness, p, 0..60);
    harness.wait(harness.shard.trim(p, 15_000, audit())).unwrap();
    give_back(&harness);
    let (segments, directory) = close(harness);
    let there = segments.list().unwrap();
    assert!(there[0] == 2 && there.len() > 3, "{there:?}");
    for victim in [2, 3] {
        let mut bytes = Vec::new();
        let length = segments.length(victim).unwrap();
        segments.read(victim, 0, usize::try_from(length).unwrap(), &mut bytes).unwrap();
        segments.remove(victim).unwrap();
        assert_eq!(refused(&segments, directory.path()), format!("journal segment {victim} is missing"));
        segments.create(victim, length, &bytes).unwrap();
    }
    let harness = Harness::open(segments, directory, settings(), Arc::<TestClock>::default());
    assert_eq!(harness.read(p).len(), 45);
}

#[test]
fn a_segment_that_is_deleted_and_still_there_is_removed() {
    let (harness, _, p, texts) = with_holes();
    let there = segments(&harness);
    let (segments, directory) = close(harness);
    // What is in it is of no matter.
    let whole = Harness::with(settings());
    let donor = whole.topic(whole.tenant("acme"), "orders", &[]);
    fill(&whole, donor, 0..20);
    let length = whole.segments.length(1).unwrap();
    let mut bytes = Vec::new();
    whole.segments.read(1, 0, usize::try_from(length).unwrap(), &mut bytes).unwrap();
    segments.create(1, length, &bytes).unwrap();
    let harness = Harness::open(segments, directory, settings(), Arc::<TestClock>::default());
    assert_eq!(super::segments(&harness), there);
    assert_eq!(harness.shard.status().segments, there.len() as u64);
    assert_eq!(harness.read(p), texts);
    // Also while it works: the file could not be removed when the segment was deleted.
    harness.segments.create(1, length, &bytes).unwrap();
    give_back(&harness);
    assert!(!super::segments(&harness).contains(&1));
    assert_eq!(harness.read(p), texts);
}
