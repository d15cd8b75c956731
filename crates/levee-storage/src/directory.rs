//! The data directory: one process at a time, one format, one id.
//!
//! ```text
//! LEVEE      format and id, written last when the directory is made
//! LOCK       locked by the process that uses the directory
//! journal/   segments
//! watermark  a lower bound of what is durable in the journal
//! index/     RocksDB; can be built again from the journal
//! ```

use crate::error::OpenError;
use crate::journal::Journal;
use crate::segments::{FileSegments, SegmentStore, sync_directory};
use levee_types::{Random, hex};
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The version of everything that is stored. A directory of a higher one is refused; one of a lower one becomes
/// one of this, because what is written from now on can be read by no earlier version.
///
/// Format 2: appends carry the totals of their tenants. Format 3: groups, and batches of open
/// transactions.
const FORMAT: u32 = 3;

/// An open data directory. Dropping it unlocks it.
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) id: [u8; 16],
    _lock: File,
}

impl Directory {
    /// Opens a data directory; makes a new one where there is none.
    pub(crate) fn open(
        path: &Path,
        segment_bytes: u64,
        random: &dyn Random,
    ) -> Result<(Self, FileSegments), OpenError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        fs::create_dir_all(path).map_err(io(path))?;
        // Without it a power loss could take the whole directory, when it is new.
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        sync_directory(parent).map_err(io(parent))?;
        let lock = lock(path)?;
        let marker = path.join("LEVEE");
        let found = match fs::read_to_string(&marker) {
            Ok(text) => {
                Some(parse(&text).map_err(|message| OpenError::Format { path: marker.clone(), message })?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(OpenError::Io { path: marker, source }),
        };
        let is_new = found.is_none();
        if is_new {
            clear_unfinished(path)?;
        }
        let segments = FileSegments::open(path).map_err(io(&path.join("journal")))?;
        let id = if let Some((format, id)) = found {
            if format < FORMAT {
                write_marker(path, &marker, id).map_err(io(&marker))?;
            }
            id
        } else {
            let mut id = [0; 16];
            random.fill(&mut id);
            Journal::create(&segments, id, segment_bytes).map_err(io(&path.join("journal")))?;
            write_marker(path, &marker, id).map_err(io(&marker))?;
            id
        };
        Ok((Self { path: path.to_owned(), id, _lock: lock }, segments))
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = path.join("LOCK");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
    let lock = opened.map_err(|source| OpenError::Io { path: lock_path.clone(), source })?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(error) => Err(OpenError::Io { path: lock_path, source: error.into() }),
    }
}

/// Removes what is left of a start that died before the directory was complete; refuses a directory that
/// was complete once.
fn clear_unfinished(path: &Path) -> Result<(), OpenError> {
    let lost = || OpenError::Format {
        path: path.join("LEVEE"),
        message: "the file is missing, but the directory has data: put the file back".to_owned(),
    };
    if path.join("index").exists() {
        return Err(lost());
    }
    let journal = path.join("journal");
    if !journal.exists() {
        return Ok(());
    }
    let io = |source| OpenError::Io { path: journal.clone(), source };
    let segments = FileSegments::open(path).map_err(io)?;
    match segments.list().map_err(io)?[..] {
        [] => Ok(()),
        [1] if !Journal::has_entries(&segments, 1).map_err(io)? => segments.remove(1).map_err(io),
        _ => Err(lost()),
    }
}

fn write_marker(path: &Path, marker: &Path, id: [u8; 16]) -> io::Result<()> {
    let id = hex::encode(&id);
    let draft = path.join("LEVEE.new");
    let mut file = File::create(&draft)?;
    write!(file, "format = {FORMAT}\nid = {id}\n")?;
    file.sync_all()?;
    fs::rename(&draft, marker)?;
    sync_directory(path)
}

/// The format and the id of a directory that can be read.
fn parse(text: &str) -> Result<(u32, [u8; 16]), String> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    let format = value("format").and_then(|format| format.parse::<u32>().ok()).ok_or("it names no format")?;
    if !(1..=FORMAT).contains(&format) {
        return Err(format!(
            "the directory has format {format}, and this version of leveed reads formats 1 to {FORMAT}: use \
             the version that wrote it, or a later one"
        ));
    }
    let id = value("id").ok_or("it names no id")?;
    let id = hex::decode(id).ok_or("its id is not a number of 32 hex digits")?;
    Ok((format, id))
}

#[cfg(test)]
mod tests;
