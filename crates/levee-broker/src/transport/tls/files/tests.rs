use super::super::error::Problem;
use super::{Content, read, require_private};
use crate::transport::limits::MAX_TLS_FILE_BYTES;
use rustix::fs::Mode;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn only_its_owner_may_have_access_to_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, "secret").unwrap();
    for mode in 0..0o1000 {
        // That the owner, who runs this, may read it is another matter.
        let mode = mode | 0o400;
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let result = read(&path, require_private);
        assert_eq!(result.is_ok(), mode & 0o077 == 0, "{mode:o}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let Err(error) = Content::read("tls.key_file", &path, require_private) else {
        panic!("it was read");
    };
    let said = format!("{error} {error:?}");
    assert!(said.contains("tls.key_file") && said.contains("0640") && said.contains("chmod 600"), "{said}");
    assert!(said.contains(path.to_str().unwrap()) && !said.contains("secret"), "{said}");
}

#[test]
fn a_file_is_as_large_as_it_may_be_and_no_larger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = File::create(&path).unwrap();
    file.set_len(MAX_TLS_FILE_BYTES).unwrap();
    assert_eq!(read(&path, |_| Ok(())).unwrap().len() as u64, MAX_TLS_FILE_BYTES);
    file.set_len(MAX_TLS_FILE_BYTES + 1).unwrap();
    assert!(matches!(read(&path, |_| Ok(())), Err(Problem::TooLarge)));
}

#[test]
fn what_is_no_file_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(read(dir.path(), |_| Ok(())), Err(Problem::NoFile)));
    assert!(matches!(read(&dir.path().join("none"), |_| Ok(())), Err(Problem::Unreadable(_))));
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(matches!(read(&pipe, |_| Ok(())), Err(Problem::NoFile)));
}
