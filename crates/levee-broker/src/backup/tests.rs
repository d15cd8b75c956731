//! The bytes of what is stored, and where it may be.

use super::location::Location;
use super::manifest::{Contents, DirectoryId, Manifest, Part, StoredFile, StoredSegment, Summary};
use super::place::{Place, sha256};
use crate::settings::BackupSettings;
use levee_storage::journal::Checkpoint;
use std::fs;
use std::path::PathBuf;

const GOLDEN: &str = include_str!("tests/golden-1.txt");

fn part(content: &str) -> Part {
    Part { bytes: content.len() as u64, sha256: sha256(content.as_bytes()) }
}

fn manifest() -> Manifest {
    Manifest {
        summary: Summary {
            id: "17-1767225600000".to_owned(),
            created_ms: 1_767_225_600_000,
            sequence: 17,
            bytes: 15,
            written_bytes: 4,
        },
        contents: Contents {
            directory: DirectoryId { format: 4, journal: "01".repeat(16), copy: "02".repeat(16) },
            last: Some(Checkpoint { segment: 2, position: 64, sequence: 17, crc: 99 }.into()),
            segments: vec![
                StoredSegment { id: 1, bytes: 7, parts: vec![part("one"), part("more")] },
                StoredSegment { id: 2, bytes: 3, parts: vec![part("two")] },
            ],
            index: vec![StoredFile { name: "CURRENT".to_owned(), bytes: 5, parts: vec![part("index")] }],
        },
    }
}

#[test]
fn what_is_stored_keeps_its_form() {
    let encoded = manifest().encode().unwrap();
    assert_eq!(str::from_utf8(&encoded).unwrap(), GOLDEN);
    assert_eq!(Manifest::decode(GOLDEN.as_bytes()).unwrap(), manifest());
    assert_eq!(Manifest::summary(GOLDEN.as_bytes()).unwrap(), manifest().summary);
}

#[test]
fn a_summary_is_read_from_the_beginning() {
    let mut long = manifest();
    long.summary = Summary {
        id: "9".repeat(41),
        created_ms: i64::MIN,
        sequence: u64::MAX,
        bytes: u64::MAX,
        written_bytes: u64::MAX,
    };
    let encoded = long.encode().unwrap();
    let beginning = usize::try_from(levee_types::limits::MAX_SUMMARY_BYTES).unwrap().min(encoded.len());
    assert_eq!(Manifest::summary(&encoded[..beginning]).unwrap(), long.summary);
}

#[test]
fn every_flipped_bit_is_noticed() {
    for index in 0..GOLDEN.len() {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        bytes[index] ^= 1;
        assert!(Manifest::decode(&bytes).is_err(), "{index}");
    }
    for length in 0..GOLDEN.len() {
        assert!(Manifest::decode(&GOLDEN.as_bytes()[..length]).is_err(), "{length}");
    }
    let newer = GOLDEN.replacen("levee-backup 1 ", "levee-backup 2 ", 1);
    assert!(Manifest::decode(newer.as_bytes()).unwrap_err().contains("use a later one"));
}

#[test]
fn urls_of_places() {
    let bucket = |bucket: &str, prefix: &str| Location::Bucket {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    };
    assert_eq!(Location::parse("file:///a/b c"), Ok(Location::Directory(PathBuf::from("/a/b c"))));
    assert_eq!(Location::parse("s3://b"), Ok(bucket("b", "")));
    assert_eq!(Location::parse("s3://b-1/levee/one"), Ok(bucket("b-1", "levee/one")));
    for bad in ["", "file://", "file://a/b", "/a", "s3://", "s3:///a", "s3://A/b", "s3://b/../c", "gs://b"] {
        assert!(Location::parse(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_place_is_one_data_directorys() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}", directory.path().join("new").display());
    let place = Place::open(&url, &BackupSettings::default()).unwrap();
    let mine = manifest().contents.directory;
    place.claim(&mine).await.unwrap();
    place.claim(&mine).await.unwrap();
    let other = DirectoryId { copy: "03".repeat(16), ..mine.clone() };
    assert!(place.claim(&other).await.unwrap_err().message.contains("another data directory"));
    let marker = fs::read_to_string(directory.path().join("new/levee-backup")).unwrap();
    assert_eq!(marker, format!("format = 1\ncopy = {}\n", "02".repeat(16)));
    // What was written once stays.
    place.put_manifest(&manifest()).await.unwrap();
    assert!(place.put_manifest(&manifest()).await.is_err());
    assert_eq!(place.summaries().await.unwrap().whole, [manifest().summary]);
}
