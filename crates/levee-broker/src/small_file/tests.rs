use super::read;
use rustix::fs::Mode;
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_file_is_as_large_as_it_may_be_and_no_larger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "12345").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let file = read(&path, 5).unwrap();
    assert_eq!((&file.bytes[..], file.mode), (&b"12345"[..], 0o640));
    assert_eq!(read(&path, 4).err().unwrap().kind(), ErrorKind::FileTooLarge);
    // One that says nothing of its size.
    assert_eq!(read("/proc/self/maps".as_ref(), 10).err().unwrap().kind(), ErrorKind::FileTooLarge);
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(read(&path, 10).err().unwrap().kind(), ErrorKind::FileTooLarge);
}

#[test]
fn what_is_no_file_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path(), 9).err().unwrap().kind(), ErrorKind::InvalidInput);
    assert_eq!(read(&dir.path().join("none"), 9).err().unwrap().kind(), ErrorKind::NotFound);
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    assert_eq!(read(&pipe, 9).err().unwrap().kind(), ErrorKind::InvalidInput);
}
