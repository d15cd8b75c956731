//! Reads the small files that settings name: certificates, keys, tokens.
//!
//! Must hold: a path costs bounded memory and no waiting, whatever it leads to.

#[cfg(test)]
mod tests;

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The content of a file.
pub(crate) struct SmallFile {
    pub(crate) bytes: Vec<u8>,
    /// Who may do what with it, as for chmod.
    pub(crate) mode: u32,
}

/// A file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<SmallFile> {
    // Opening a named pipe would wait for somebody to write into it.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    // One more, to see that there is more.
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok(SmallFile { bytes, mode: metadata.permissions().mode() & 0o7777 })
}
