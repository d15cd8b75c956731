//! A shard as files at one position of the journal, for backups.

use super::Shard;
use crate::catalog::audit::AuditEvent;
use crate::command::Command;
use crate::directory::Identity;
use crate::error::StorageError;
use crate::pins::Pinned;
use crate::rows::Checkpoint;
use crate::segments::{FileSegments, SegmentStore};
use levee_types::TenantId;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Below the data directory: what backups and restores are at. Emptied when the directory is opened.
pub(crate) const SCRATCH: &str = "scratch";

/// Everything that was done up to one entry, as files that change no more. Its index covers all of its journal.
/// Segments are not deleted while it is there; dropping it removes what was made for it.
#[derive(Debug)]
pub struct Snapshot<S = FileSegments> {
    /// Whose it is.
    pub identity: Identity,
    /// The last entry; none in a journal without entries.
    pub at: Option<Checkpoint>,
    /// When it was taken, by the clock that gives records their append time. Unix milliseconds.
    pub taken_ms: i64,
    /// Segments with their lengths in bytes, ascending. What is behind that length does not belong to it.
    pub segments: Vec<(u64, u64)>,
    /// Names of the files of the index, with their lengths in bytes.
    pub index: Vec<(String, u64)>,
    store: Arc<S>,
    directory: PathBuf,
    _pinned: Pinned,
}

/// Where the committer stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    /// The last entry.
    pub(crate) at: Option<Checkpoint>,
    /// The last segment.
    pub(crate) segment: u64,
    /// Where the next entry begins in it.
    pub(crate) end: u64,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
}

impl<S: SegmentStore> Shard<S> {
    /// Whose data directory it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.inner.identity
    }

    /// A place for something that is gone after the next start, on the file system of the data directory.
    #[must_use]
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.inner.path.join(SCRATCH).join(name)
    }

    /// Notes in the log of the system that a backup was made.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn note_backup(&self, audit: AuditEvent) -> Result<(), StorageError> {
        self.change(0, None, move |machine, draft, now_ms| {
            machine.audit(draft, TenantId::SYSTEM, &[audit], now_ms)
        })
        .await
    }

    /// Begins to write the index to disk, so that a snapshot that is taken soon holds the committer up for a moment
    /// only.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn prepare_snapshot(&self) -> Result<(), StorageError> {
        self.begin_flush().await.map(drop)
    }

    /// Begins to write the index to disk. Gives the last entry that will be there.
    pub(crate) async fn begin_flush(&self) -> Result<Checkpoint, StorageError> {
        Ok(self.ask(|reply| Command::Stand(None, reply)).await?.at.unwrap_or_default())
    }

    /// Takes a snapshot of all tenants at one position, with an index of its own at `directory`, which must not exist
    /// and must lie on the file system of the data directory. The committer holds still while it flushes the index
    /// and links its files; everything else goes on.
    ///
    /// # Errors
    /// The shard does not work, or the directory cannot be made.
    pub async fn snapshot(&self, directory: PathBuf) -> Result<Snapshot<S>, StorageError> {
        let pinned = self.inner.pins.pin().await;
        let unreadable = |error: io::Error| StorageError::Unreadable { reason: error.to_string() };
        if let Some(parent) = directory.parent() {
            fs::create_dir_all(parent).map_err(unreadable)?;
        }
        let to = directory.clone();
        let stand = self.ask(|reply| Command::Stand(Some(to), reply)).await?;
        let mut snapshot = Snapshot {
            identity: self.inner.identity,
            at: stand.at,
            taken_ms: stand.now_ms,
            segments: Vec::new(),
            index: Vec::new(),
            store: Arc::clone(&self.inner.segments),
            directory,
            _pinned: pinned,
        };
        snapshot.index = index_files(&snapshot.directory).map_err(unreadable)?;
        for id in self.inner.segments.list().map_err(unreadable)? {
            if id < stand.segment {
                snapshot.segments.push((id, self.inner.segments.length(id).map_err(unreadable)?));
            }
        }
        snapshot.segments.push((stand.segment, stand.end));
        Ok(snapshot)
    }
}

impl<S> Snapshot<S> {
    /// Bytes of everything.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|(_, bytes)| bytes).sum();
        segments + self.index.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }
}

impl<S: SegmentStore> Snapshot<S> {
    /// Part of a segment. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_segment(&self, id: u64, position: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.store.read(id, position, length, &mut bytes)?;
        Ok(bytes)
    }

    /// Part of a file of the index. Blocks.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_index(&self, name: &str, position: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(self.directory.join(name))?.read_exact_at(&mut bytes, position)?;
        Ok(bytes)
    }
}

impl<S> Drop for Snapshot<S> {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What RocksDB needs to open an index: not the lines that it logs, and not its lock.
fn index_files(directory: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{name:?} is no file of an index"))
        })?;
        if !name.starts_with("LOG") && name != "LOCK" {
            files.push((name, entry.metadata()?.len()));
        }
    }
    files.sort_unstable();
    Ok(files)
}
