//! The data directory: one process at a time, one format, one id.
//!
//! ```text
//! LEVEE      format and id, written last when the directory is made
//! LOCK       locked by the process that uses the directory
//! journal/   segments
//! watermark  a lower bound of what is durable in the journal
//! index/     RocksDB; can be built again from the journal while no segment of it is deleted
//! scratch/   what backups and restores are at; emptied at the start
//! RESTORING  only while the directory is made of a backup
//! ```

use crate::error::OpenError;
use crate::journal::Journal;
use crate::segments::{FileSegments, SegmentStore, sync_directory};
use crate::shard::SCRATCH;
use levee_types::{Random, hex};
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The version of everything that is stored. A directory of a higher one is refused; one of a lower one becomes
/// one of this, because what is written from now on can be read by no earlier version.
///
/// Format 2: appends carry the totals of their tenants. Format 3: groups, and batches of open
/// transactions. Format 4: keys of tables, batches that took the place of others, and segments that are deleted.
const FORMAT: u32 = 4;

/// There only while a directory is made of a backup.
pub(crate) const RESTORING: &str = "RESTORING";

/// What a data directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The version of what is stored.
    pub format: u32,
    /// What the checksums of the journal begin with, the same in all that was restored from it. Who knows it can
    /// forge proofs (see the recovery of the journal).
    pub journal: [u8; 16],
    /// Tells it from what was restored from it, which goes on in another way.
    pub copy: [u8; 16],
}

impl Identity {
    /// Of a journal that nothing was restored into.
    pub(crate) fn original(journal: [u8; 16]) -> Self {
        Self { format: FORMAT, journal, copy: journal }
    }
}

/// An open data directory. Dropping it unlocks it.
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
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
        if path.join(RESTORING).exists() {
            return Err(OpenError::Format {
                path: path.join(RESTORING),
                message: "a restore into the directory did not finish: empty it and restore again".to_owned(),
            });
        }
        clear(&path.join(SCRATCH)).map_err(io(&path.join(SCRATCH)))?;
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
        let identity = if let Some(found) = found {
            let identity = Identity { format: FORMAT, ..found };
            if found != identity {
                write_marker(path, identity).map_err(io(&marker))?;
            }
            identity
        } else {
            let mut id = [0; 16];
            random.fill(&mut id);
            Journal::create(&segments, id, segment_bytes).map_err(io(&path.join("journal")))?;
            let identity = Identity::original(id);
            write_marker(path, identity).map_err(io(&marker))?;
            identity
        };
        Ok((Self { path: path.to_owned(), identity, _lock: lock }, segments))
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

/// Removes a directory with all that is in it.
fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        cleared => cleared,
    }
}

/// Makes a directory a data directory. Durable when it returns.
pub(crate) fn write_marker(path: &Path, identity: Identity) -> io::Result<()> {
    let Identity { format, journal, copy } = identity;
    let mut text = format!("format = {format}\nid = {}\n", hex::encode(&journal));
    if copy != journal {
        text += &format!("copy = {}\n", hex::encode(&copy));
    }
    let draft = path.join("LEVEE.new");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path.join("LEVEE"))?;
    sync_directory(path)
}

/// Format and ids of a directory that can be read.
fn parse(text: &str) -> Result<Identity, String> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    let format = value("format").and_then(|format| format.parse::<u32>().ok()).ok_or("it names no format")?;
    if !(1..=FORMAT).contains(&format) {
        return Err(format!(
            "the directory has format {format}, and this version of leveed reads formats 1 to {FORMAT}: use \
             the version that wrote it, or a later one"
        ));
    }
    let id = value("id").ok_or("it names no id")?;
    let journal = hex::decode(id).ok_or("its id is not a number of 32 hex digits")?;
    let copy = value("copy").map(|copy| hex::decode(copy).ok_or("its copy is not a number of 32 hex digits"));
    Ok(Identity { format, journal, copy: copy.transpose()?.unwrap_or(journal) })
}

#[cfg(test)]
mod tests;
