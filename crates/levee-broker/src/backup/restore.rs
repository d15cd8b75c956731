//! Making a data directory of what is at a place.

use super::manifest::{Manifest, Part, StoredFile, StoredSegment, Summary};
use super::place::AT_ONCE;
use super::{Pace, Place, Summaries};
use crate::blocking::{Blocking, Turn};
use crate::fields::invalid;
use crate::settings::BackupSettings;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use levee_storage::{OpenError, Restoring, Until};
use levee_types::limits::BACKUP_PART_BYTES;
use levee_types::{Clock, ErrorCode, LeveeError, Random};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::task::TaskTracker;

/// What is to be restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The backup; none: the newest that fits.
    pub backup: Option<String>,
    /// How it was at a position or time; none: as it is in the backup.
    pub at: Option<At>,
}

/// A position between backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The last entry of the journal.
    Sequence(u64),
    /// Unix milliseconds.
    Time(i64),
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup that the index is of.
    pub backup: String,
    /// The last entry of the journal.
    pub sequence: u64,
    /// Bytes that were fetched.
    pub bytes: u64,
}

/// What makes up what is wanted: the index of a backup, and segments of this or of the next one.
pub(crate) struct Plan {
    base: Manifest,
    segments: Vec<StoredSegment>,
    until: Until,
}

impl Plan {
    /// Finds it.
    ///
    /// # Errors
    /// There is no such backup, what is wanted is behind the last or before the first, or the place does not answer.
    pub(crate) async fn find(place: &Place, wanted: &Wanted) -> Result<Self, LeveeError> {
        let Summaries { whole: summaries, damaged } = place.summaries().await?;
        // Of one that was not named nobody knows whether it is the one that is wanted.
        let is_wanted = |id: &str| wanted.backup.as_deref().is_none_or(|wanted| wanted == id);
        if let Some((_, error)) = damaged.into_iter().find(|(id, _)| is_wanted(id)) {
            return Err(error);
        }
        let reaches = |summary: &Summary| match wanted.at {
            None => true,
            Some(At::Sequence(sequence)) => summary.sequence <= sequence,
            Some(At::Time(time_ms)) => summary.created_ms <= time_ms,
        };
        let is_base = |summary: &Summary| match &wanted.backup {
            Some(id) => summary.id == *id,
            None => reaches(summary),
        };
        let Some(base) = summaries.iter().rposition(is_base) else {
            return Err(match (&wanted.backup, summaries.first()) {
                (Some(id), _) => LeveeError::new(ErrorCode::NotFound, format!("there is no backup {id:?}"))
                    .with_hint("see those that there are with: levee backup ls"),
                (None, None) => LeveeError::new(ErrorCode::NotFound, "there are no backups")
                    .with_hint("make one with: levee backup create"),
                (None, Some(first)) => invalid(
                    "at",
                    format!("it is before the first backup, {}", first.id),
                    "choose a later position or time",
                ),
            });
        };
        let of_base = &summaries[base];
        if !reaches(of_base) {
            let problem = format!("it is before backup {}", of_base.id);
            return Err(invalid("at", problem, "leave the backup out, and the one that fits is found"));
        }
        let is_base_itself = match wanted.at {
            None => true,
            Some(At::Sequence(sequence)) => of_base.sequence == sequence,
            Some(At::Time(time_ms)) => of_base.created_ms == time_ms,
        };
        let until = match wanted.at {
            Some(At::Sequence(sequence)) if !is_base_itself => Until::Sequence(sequence),
            Some(At::Time(time_ms)) if !is_base_itself => Until::Time(time_ms),
            _ => Until::End,
        };
        let manifest = place.manifest(&of_base.id).await?;
        if is_base_itself {
            let segments = manifest.contents.segments.clone();
            return Ok(Self { base: manifest, segments, until });
        }
        let Some(next) = summaries.get(base + 1) else {
            let problem = format!("it is behind the last backup, {}", of_base.id);
            return Err(invalid("at", problem, "choose an earlier position or time, or that backup"));
        };
        let is_behind = match until {
            Until::End => false,
            Until::Sequence(sequence) => next.sequence < sequence,
            Until::Time(time_ms) => next.created_ms < time_ms,
        };
        if is_behind {
            let problem = format!("it is behind the backup after {}, {}", of_base.id, next.id);
            return Err(invalid("at", problem, "leave the backup out, and the one that fits is found"));
        }
        let next = place.manifest(&next.id).await?;
        let segments = joined(&manifest, next)?;
        Ok(Self { base: manifest, segments, until })
    }

    /// Bytes of everything that is fetched.
    pub(crate) fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        segments + self.base.contents.index.iter().map(|file| file.bytes).sum::<u64>()
    }
}

/// The segments that the index of a backup goes with, and those of the next one that go on from there.
fn joined(base: &Manifest, next: Manifest) -> Result<Vec<StoredSegment>, LeveeError> {
    let mut segments = base.contents.segments.clone();
    let last = segments.pop().map_or(0, |segment| segment.id);
    let behind: Vec<_> = next.contents.segments.into_iter().filter(|segment| segment.id >= last).collect();
    if behind.first().is_none_or(|segment| segment.id != last) {
        let message = format!(
            "what was written between the backups {} and {} was deleted before the later one",
            base.summary.id, next.summary.id
        );
        return Err(LeveeError::new(ErrorCode::NotFound, message).with_hint("choose one of these backups"));
    }
    segments.extend(behind);
    Ok(segments)
}

/// What a plan is carried out with.
pub(crate) struct Fetching {
    pub(crate) place: Place,
    pub(crate) blocking: Blocking,
    pub(crate) pace: Arc<Pace>,
    pub(crate) random: Arc<dyn Random>,
    /// Bytes that are there.
    pub(crate) done: Arc<AtomicU64>,
}

impl Fetching {
    /// Makes a data directory where there is none.
    ///
    /// # Errors
    /// There is something already, an object is missing or damaged, or there is no room.
    pub(crate) async fn run(self, plan: Plan, directory: PathBuf) -> Result<Restored, LeveeError> {
        let Plan { base, segments, until } = plan;
        let identity = base.contents.directory.identity().ok_or_else(|| {
            let message = format!("backup {} names no data directory", base.summary.id);
            LeveeError::new(ErrorCode::DataCorrupt, message).with_hint("choose another backup")
        })?;
        let begin = move || Restoring::begin(&directory).map_err(|error| not_opened(&error));
        let restoring = self.blocking.run(Turn::SYSTEM, begin).await?;
        for StoredFile { name, parts, .. } in base.contents.index {
            let path = restoring.index(&name).ok_or_else(|| {
                let message = format!("backup {} has an index with a file {name:?}", base.summary.id);
                LeveeError::new(ErrorCode::DataCorrupt, message).with_hint("choose another backup")
            })?;
            self.file(path, parts).await?;
        }
        for StoredSegment { id, parts, .. } in segments {
            self.file(restoring.segment(id), parts).await?;
        }
        let from = base.contents.last.map(Into::into);
        let random = Arc::clone(&self.random);
        let finish = move || {
            restoring.finish(identity, from, until, random.as_ref()).map_err(|error| not_opened(&error))
        };
        let sequence = self.blocking.run(Turn::SYSTEM, finish).await?;
        Ok(Restored { backup: base.summary.id, sequence, bytes: self.done.load(Ordering::Relaxed) })
    }

    async fn file(&self, path: PathBuf, parts: Vec<Part>) -> Result<(), LeveeError> {
        let made = File::create_new(&path).map_err(|error| not_written(&path, &error))?;
        drop(made);
        let fetch = async |part: Part| {
            self.pace.take(part.bytes).await;
            self.place.part(&part).await
        };
        let mut fetched = stream::iter(parts).map(fetch).buffered(AT_ONCE);
        while let Some(bytes) = fetched.try_next().await? {
            let length = bytes.len() as u64;
            let to = path.clone();
            let write = move || {
                let written =
                    OpenOptions::new().append(true).open(&to).and_then(|mut file| file.write_all(&bytes));
                written.map_err(|error| not_written(&to, &error))
            };
            let turn = Turn { bytes: BACKUP_PART_BYTES, ..Turn::SYSTEM };
            self.blocking.run(turn, write).await?;
            self.done.fetch_add(length, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn not_written(path: &Path, error: &io::Error) -> LeveeError {
    tracing::warn!(path = %path.display(), %error, "what is restored cannot be written");
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::StorageFull,
        _ => ErrorCode::Internal,
    };
    LeveeError::new(code, format!("what is restored cannot be written: {error}"))
        .with_hint("see to the room and the rights of the directory, and try again")
}

fn not_opened(error: &OpenError) -> LeveeError {
    let (code, hint) = match error {
        OpenError::Journal(_) => (ErrorCode::DataCorrupt, "choose another backup, position or time"),
        _ => (ErrorCode::InvalidArgument, "give another directory, position or time"),
    };
    LeveeError::new(code, error.to_string()).with_hint(hint)
}

/// Restores a whole node into a directory that does not exist or is empty: what `leveed restore` does.
///
/// # Errors
/// As a sentence that says what to do.
pub async fn restore_node(
    url: &str,
    settings: &BackupSettings,
    directory: &Path,
    wanted: &Wanted,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Restored, LeveeError> {
    let place =
        Place::open(url, settings).map_err(|problem| invalid("--from", problem, "give another place"))?;
    let plan = Plan::find(&place, wanted).await?;
    let fetching = Fetching {
        place,
        blocking: Blocking::new(TaskTracker::new(), AT_ONCE),
        pace: Arc::new(Pace::new(0, clock)),
        random,
        done: Arc::default(),
    };
    fetching.run(plan, directory.to_owned()).await
}
