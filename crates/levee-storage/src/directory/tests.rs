use super::*;

const SEGMENT: u64 = 64 * 1024;

struct Seven;

impl Random for Seven {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn open(path: &Path) -> Result<(Directory, FileSegments), OpenError> {
    Directory::open(path, SEGMENT, &Seven)
}

#[test]
fn a_directory_is_made_once_and_used_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    assert_eq!(first.0.identity, Identity::original([7; 16]));
    assert!(matches!(open(directory.path()), Err(OpenError::Locked { .. })));
    drop(first);
    assert_eq!(open(directory.path()).unwrap().0.identity.journal, [7; 16]);
}

#[test]
fn a_start_that_died_is_begun_again_and_data_without_its_marker_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    fs::remove_file(directory.path().join("LEVEE")).unwrap();
    drop(open(directory.path()).unwrap());

    fs::remove_file(directory.path().join("LEVEE")).unwrap();
    fs::create_dir(directory.path().join("index")).unwrap();
    let error = open(directory.path()).err().unwrap();
    assert!(error.to_string().contains("put the file back"), "{error}");
}

#[test]
fn another_format_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let marker = directory.path().join("LEVEE");
    let text = fs::read_to_string(&marker).unwrap();
    assert_eq!(text, format!("format = 4\nid = {}\n", "07".repeat(16)));
    for (bad, expected) in [
        (text.replace("format = 4", "format = 5"), "reads formats 1 to 4"),
        (text.replace("format = 4", "format = 0"), "reads formats 1 to 4"),
        (String::new(), "names no format"),
        ("format = 1\n".to_owned(), "names no id"),
        (format!("format = 1\nid = {}\n", "zz".repeat(16)), "not a number"),
    ] {
        fs::write(&marker, bad).unwrap();
        let error = open(directory.path()).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_directory_of_an_earlier_format_becomes_one_of_this() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let marker = directory.path().join("LEVEE");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, text.replace("format = 3", "format = 1")).unwrap();
    assert_eq!(open(directory.path()).unwrap().0.identity.journal, [7; 16]);
    assert_eq!(fs::read_to_string(&marker).unwrap(), text);
}
