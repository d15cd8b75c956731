//! Data directories as files: copies, segments, damage. Files with secrets.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Copies a directory with everything in it. Holes stay holes.
///
/// # Panics
/// When a file cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp")
        .args(["-a", "--sparse=always"])
        .arg(from)
        .arg(to)
        .status()
        .expect("cp can be started");
    assert!(status.success(), "cp -a {} {}: {status}", from.display(), to.display());
}

/// Writes what only its owner may read.
///
/// # Panics
/// When it cannot be written.
pub fn write_secret(path: &Path, secret: &str) {
    fs::write(path, secret).expect("a file");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("its mode");
}

/// The files under a directory, in the order of their paths.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn under(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(under(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The segments of the journal of a data directory, oldest first.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn segments(data: &Path) -> Vec<PathBuf> {
    let mut files = under(&data.join("journal"));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    files
}

/// Bytes of the disk that the files under a directory take. Files may go while they are counted.
///
/// # Panics
/// When the directory cannot be read.
#[must_use]
pub fn disk_use(dir: &Path) -> u64 {
    under(dir).iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.blocks() * 512).sum()
}

/// Where the last byte that is not zero ends.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn used(file: &Path) -> u64 {
    let bytes = fs::read(file).expect("a file");
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Flips one bit of a file.
///
/// # Panics
/// When the file is shorter or cannot be written.
pub fn flip(file: &Path, position: u64, bit: u8) {
    let mut file = OpenOptions::new().read(true).write(true).open(file).expect("a file");
    let mut byte = [0];
    file.seek(SeekFrom::Start(position)).expect("a position");
    file.read_exact(&mut byte).expect("a byte");
    byte[0] ^= 1 << (bit % 8);
    file.seek(SeekFrom::Start(position)).expect("a position");
    file.write_all(&byte).expect("a byte");
}

/// Cuts a file off.
///
/// # Panics
/// When it cannot be written.
pub fn truncate(file: &Path, length: u64) {
    OpenOptions::new().write(true).open(file).and_then(|file| file.set_len(length)).expect("a file");
}
