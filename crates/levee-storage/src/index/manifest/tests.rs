use super::*;
use crate::index::{Index, IndexError};

const CACHE: usize = 1 << 20;

/// An index with a MANIFEST of several records, closed.
fn closed() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        Index::open(directory.path(), CACHE).unwrap().flush().unwrap();
    }
    let name = fs::read_to_string(directory.path().join("CURRENT")).unwrap();
    let path = directory.path().join(name.trim_end());
    (directory, path)
}

/// Where the records begin.
fn records(manifest: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + HEADER <= manifest.len() {
        found.push(at);
        at += HEADER + usize::from(u16::from_le_bytes([manifest[at + 4], manifest[at + 5]]));
    }
    found
}

#[test]
fn what_rocksdb_wrote_is_possible() {
    let (directory, path) = closed();
    let manifest = fs::read(&path).unwrap();
    assert!(records(&manifest).len() > 3, "too few records to be a test");
    assert_eq!(impossible_record(directory.path()), None);
    assert_eq!(impossible_record(&directory.path().join("none")), None);
}

/// Without the check, opening would never return.
#[test]
fn no_flipped_type_keeps_the_start_busy_for_ever() {
    let (directory, path) = closed();
    let manifest = fs::read(&path).unwrap();
    for record in records(&manifest) {
        for bit in 0..8 {
            let mut damaged = manifest.clone();
            damaged[record + 6] ^= 1 << bit;
            fs::write(&path, &damaged).unwrap();
            let Err(error) = Index::open(directory.path(), CACHE) else {
                panic!("bit {bit} of the type at {record} was not noticed");
            };
            assert!(error.is_corruption(), "{error}");
            if bit == 2 {
                assert!(
                    matches!(error, IndexError::Manifest { position, .. } if position == record),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn records_are_found_behind_the_end_of_a_block() {
    let record = |kind: u8, length: usize| {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        bytes.push(kind);
        bytes.resize(HEADER + length, 9);
        bytes
    };
    // The first block has five bytes left, too few for a header.
    let mut manifest = record(2, BLOCK - HEADER - 5);
    manifest.resize(BLOCK, 0);
    manifest.extend(record(4, 100));
    assert_eq!(first_impossible(&manifest), None);
    let second = manifest.len();
    manifest.extend(record(5, 10));
    assert_eq!(first_impossible(&manifest), Some(second));
    manifest.truncate(second);
    manifest.extend([0; 100]);
    assert_eq!(first_impossible(&manifest), None, "preallocated");
}
