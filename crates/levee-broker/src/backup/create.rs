//! Making a backup.
//!
//! Must hold: nothing is listed before all of it is there; a death at any point leaves objects that no backup names,
//! and the next one uses them.

use super::manifest::{Contents, DirectoryId, Manifest, Part, StoredFile, StoredSegment, Summary};
use super::place::{AT_ONCE, sha256};
use super::{Pace, Place};
use crate::blocking::{Blocking, Turn};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use levee_storage::{Shard, Snapshot};
use levee_types::limits::BACKUP_PART_BYTES;
use levee_types::{ErrorCode, LeveeError};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// What a backup is made with.
pub(crate) struct Creation {
    pub(crate) shard: Shard,
    pub(crate) place: Place,
    pub(crate) blocking: Blocking,
    pub(crate) pace: Arc<Pace>,
    /// A directory that does not exist, on the file system of the data directory.
    pub(crate) scratch: PathBuf,
    /// The broker is to stop.
    pub(crate) stop: CancellationToken,
    pub(crate) progress: Arc<Progress>,
}

/// How far it has come, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) done: AtomicU64,
    pub(crate) all: AtomicU64,
}

/// Where a part comes from.
#[derive(Debug, Clone)]
enum Source {
    Segment(u64),
    Index(String),
}

/// What a snapshot is copied with.
struct Copying {
    snapshot: Snapshot,
    creation: Creation,
    /// The parts that were there at the beginning.
    there: HashMap<String, u64>,
    written: AtomicU64,
}

impl Creation {
    /// Makes the backup.
    ///
    /// # Errors
    /// Storage or the place does not work, the place belongs to another data directory, or the broker stops.
    pub(crate) async fn run(self) -> Result<Summary, LeveeError> {
        // Meanwhile most of the index gets to the disk, so that the snapshot has little to wait for.
        self.shard.prepare_snapshot().await?;
        let directory = DirectoryId::from(self.shard.identity());
        self.place.claim(&directory).await?;
        let before = self.newest().await?;
        let there = self.place.parts().await?;
        let snapshot = self.shard.snapshot(self.scratch.clone()).await?;
        self.progress.all.store(snapshot.bytes(), Ordering::Relaxed);
        let copying = Copying { snapshot, creation: self, there, written: AtomicU64::new(0) };
        copying.run(directory, before).await
    }

    /// The parts of the segments of the newest backup, which need not be read again. One that cannot be read costs
    /// time only.
    async fn newest(&self) -> Result<HashMap<u64, Vec<Part>>, LeveeError> {
        let Some(newest) = self.place.summaries().await?.whole.pop() else { return Ok(HashMap::new()) };
        Ok(match self.place.manifest(&newest.id).await {
            Ok(manifest) => {
                manifest.contents.segments.into_iter().map(|segment| (segment.id, segment.parts)).collect()
            }
            Err(error) => {
                tracing::warn!(backup = newest.id, %error, "the newest backup is damaged");
                HashMap::new()
            }
        })
    }
}

impl Copying {
    async fn run(
        self,
        directory: DirectoryId,
        mut before: HashMap<u64, Vec<Part>>,
    ) -> Result<Summary, LeveeError> {
        let copying = Arc::new(self);
        let snapshot = &copying.snapshot;
        let mut index = Vec::new();
        for (name, bytes) in &snapshot.index {
            let parts = copying.copy(&Source::Index(name.clone()), *bytes, Vec::new()).await?;
            index.push(StoredFile { name: name.clone(), bytes: *bytes, parts });
        }
        let mut segments = Vec::new();
        for (id, bytes) in &snapshot.segments {
            // What was durable of a segment never changes: it only grows.
            let parts = copying.kept(before.remove(id).unwrap_or_default(), *bytes);
            let parts = copying.copy(&Source::Segment(*id), *bytes, parts).await?;
            segments.push(StoredSegment { id: *id, bytes: *bytes, parts });
        }
        let sequence = snapshot.at.map_or(0, |at| at.sequence);
        let summary = Summary {
            id: format!("{sequence}-{}", snapshot.taken_ms),
            created_ms: snapshot.taken_ms,
            sequence,
            bytes: snapshot.bytes(),
            written_bytes: copying.written.load(Ordering::Relaxed),
        };
        let contents = Contents { directory, last: snapshot.at.map(Into::into), segments, index };
        let manifest = Manifest { summary, contents };
        copying.creation.place.put_manifest(&manifest).await?;
        Ok(manifest.summary)
    }

    /// The first of these parts of a segment that are all there still.
    fn kept(&self, mut parts: Vec<Part>, bytes: u64) -> Vec<Part> {
        let mut length = 0;
        let kept = parts.iter().take_while(|part| {
            length += part.bytes;
            length <= bytes && self.there.get(&part.sha256) == Some(&part.bytes)
        });
        let kept = kept.count();
        parts.truncate(kept);
        self.creation.progress.done.fetch_add(parts.iter().map(|part| part.bytes).sum(), Ordering::Relaxed);
        parts
    }

    /// Copies what of a file is behind these parts.
    async fn copy(
        self: &Arc<Self>,
        source: &Source,
        bytes: u64,
        mut parts: Vec<Part>,
    ) -> Result<Vec<Part>, LeveeError> {
        let begin: u64 = parts.iter().map(|part| part.bytes).sum();
        let pieces = (begin..bytes).step_by(BACKUP_PART_BYTES).map(|position| {
            let length = (bytes - position).min(BACKUP_PART_BYTES as u64);
            Arc::clone(self).part(source.clone(), position, length)
        });
        let copied: Vec<Part> = stream::iter(pieces).buffered(AT_ONCE).try_collect().await?;
        parts.extend(copied);
        Ok(parts)
    }

    async fn part(self: Arc<Self>, source: Source, position: u64, length: u64) -> Result<Part, LeveeError> {
        if self.creation.stop.is_cancelled() {
            return Err(LeveeError::new(ErrorCode::Unavailable, "the broker is stopping")
                .with_hint("make the backup again: what is there already is not written twice"));
        }
        self.creation.pace.take(length).await;
        let turn = Turn { bytes: BACKUP_PART_BYTES, ..Turn::SYSTEM };
        let of = Arc::clone(&self);
        let read = move || of.read(&source, position, length).map_err(|error| unreadable(&source, &error));
        let (bytes, sha256) = self.creation.blocking.run(turn, read).await?;
        if self.there.get(&sha256) != Some(&length) {
            self.creation.place.put_part(&sha256, bytes).await?;
            self.written.fetch_add(length, Ordering::Relaxed);
        }
        self.creation.progress.done.fetch_add(length, Ordering::Relaxed);
        Ok(Part { bytes: length, sha256 })
    }

    fn read(&self, source: &Source, position: u64, length: u64) -> io::Result<(Bytes, String)> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let bytes = match source {
            Source::Segment(id) => self.snapshot.read_segment(*id, position, length)?,
            Source::Index(name) => self.snapshot.read_index(name, position, length)?,
        };
        let sha256 = sha256(&bytes);
        Ok((bytes.into(), sha256))
    }
}

fn unreadable(source: &Source, error: &io::Error) -> LeveeError {
    let name = match source {
        Source::Segment(id) => format!("journal segment {id}"),
        Source::Index(name) => format!("{name} of the index"),
    };
    tracing::error!(name, %error, "a backup cannot read what it is made of");
    LeveeError::new(ErrorCode::StorageFailed, format!("{name} cannot be read"))
        .with_hint("see the broker's log")
}
