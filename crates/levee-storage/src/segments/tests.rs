//! The conformance suite: every medium passes the same tests.

use super::*;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

const CAPACITY: u64 = 64 * 1024;

fn read(store: &impl SegmentStore, id: u64, position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut into = Vec::new();
    store.read(id, position, length, &mut into).map(|()| into)
}

fn conformance(store: &impl SegmentStore) {
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.watermark().unwrap(), [0; WATERMARK_BYTES]);
    assert_eq!(store.length(1).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(read(store, 1, 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.remove(1).unwrap_err().kind(), ErrorKind::NotFound);

    store.create(2, CAPACITY, b"second").unwrap();
    store.create(1, CAPACITY, b"first").unwrap();
    assert_eq!(store.create(1, CAPACITY, b"again").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(store.list().unwrap(), [1, 2]);
    assert_eq!(store.length(1).unwrap(), CAPACITY);
    assert_eq!(read(store, 1, 0, 7).unwrap(), b"first\0\0");

    store.write(1, 5, &[b"a", b"", b"bc"]).unwrap();
    store.sync(1).unwrap();
    assert_eq!(read(store, 1, 0, 10).unwrap(), b"firstabc\0\0");
    assert_eq!(read(store, 1, CAPACITY - 1, 1).unwrap(), b"\0");
    assert_eq!(read(store, 1, CAPACITY - 1, 2).unwrap_err().kind(), ErrorKind::UnexpectedEof);

    let mut into = b"kept ".to_vec();
    store.read(1, 0, 5, &mut into).unwrap();
    assert_eq!(into, b"kept first");

    let many: Vec<Vec<u8>> = (0..5000_u32).map(|number| number.to_le_bytes().to_vec()).collect();
    let parts: Vec<&[u8]> = many.iter().map(|part| &part[..]).collect();
    store.write(2, 100, &parts).unwrap();
    assert_eq!(read(store, 2, 100, 20_000).unwrap(), many.concat());

    store.resize(1, 6).unwrap();
    assert_eq!(store.length(1).unwrap(), 6);
    assert_eq!(read(store, 1, 0, 7).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    store.resize(1, 8).unwrap();
    assert_eq!(read(store, 1, 0, 8).unwrap(), b"firsta\0\0", "what was cut off must not come back");

    store.set_watermark([7; WATERMARK_BYTES]).unwrap();
    assert_eq!(store.watermark().unwrap(), [7; WATERMARK_BYTES]);
    store.remove(1).unwrap();
    assert_eq!(store.list().unwrap(), [2]);
    assert_eq!(read(store, 1, 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn files_conform() {
    let directory = tempfile::tempdir().unwrap();
    conformance(&FileSegments::open(directory.path()).unwrap());
}

#[test]
fn memory_conforms() {
    conformance(&MemorySegments::default());
}

#[test]
fn files_are_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileSegments::open(directory.path()).unwrap();
    store.create(1, CAPACITY, b"header").unwrap();
    store.set_watermark([3; WATERMARK_BYTES]).unwrap();
    drop(store);
    let store = FileSegments::open(directory.path()).unwrap();
    assert_eq!(read(&store, 1, 0, 6).unwrap(), b"header");
    assert_eq!(store.watermark().unwrap(), [3; WATERMARK_BYTES]);
}

#[test]
fn what_is_removed_gives_its_room_back_also_while_somebody_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileSegments::open(directory.path()).unwrap();
    store.create(1, 9 << 20, b"header").unwrap();
    let reader = std::fs::File::open(segment_file(&directory.path().join("journal"), 1)).unwrap();
    assert!(reader.metadata().unwrap().blocks() > 0);
    store.remove(1).unwrap();
    assert_eq!((reader.metadata().unwrap().len(), reader.metadata().unwrap().blocks()), (0, 0));
}

#[test]
fn a_foreign_file_in_the_journal_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileSegments::open(directory.path()).unwrap();
    std::fs::write(directory.path().join("journal/notes.txt"), "x").unwrap();
    assert!(store.list().unwrap_err().to_string().contains("notes.txt"));
}

#[test]
fn power_loss_takes_what_is_not_synced() {
    let store = MemorySegments::default();
    store.create(1, CAPACITY, b"header").unwrap();
    store.write(1, 0, &[&[1; 512]]).unwrap();
    store.sync(1).unwrap();
    store.write(1, 512, &[&[2; 1024]]).unwrap();
    let store = Arc::new(store);
    let mut sector = 0;
    store.lose_power(|| {
        sector += 1;
        sector == 2
    });
    assert_eq!(read(&*store, 1, 0, 512).unwrap(), [1; 512]);
    assert_eq!(read(&*store, 1, 512, 512).unwrap(), [0; 512]);
    assert_eq!(read(&*store, 1, 1024, 512).unwrap(), [2; 512]);
}

#[test]
fn faults_happen_once() {
    let store = MemorySegments::default();
    store.inject(Fault::Create);
    assert_eq!(store.create(1, CAPACITY, b"").unwrap_err().kind(), ErrorKind::StorageFull);
    store.create(1, CAPACITY, b"").unwrap();
    store.inject(Fault::Write);
    assert!(store.write(1, 0, &[b"a"]).is_err());
    store.write(1, 0, &[b"a"]).unwrap();
    store.inject(Fault::Sync);
    assert!(store.sync(1).is_err());
    store.sync(1).unwrap();
}
