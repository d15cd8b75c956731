//! A place where backups are, and its objects.

use super::location::Location;
use super::manifest::{DirectoryId, FORMAT, Manifest, Part, Summary};
use crate::settings::BackupSettings;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use levee_types::limits::{MAX_BACKUPS, MAX_SUMMARY_BYTES};
use levee_types::{ErrorCode, LeveeError, hex};
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use std::collections::HashMap;
use std::sync::Arc;

/// Objects that are asked for at once.
pub(super) const AT_ONCE: usize = 4;
/// Whose backups are at a place.
const MARKER: &str = "levee-backup";

/// What is at a place.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    /// In their order.
    pub(crate) whole: Vec<Summary>,
    /// Ids of those that cannot be read, and why.
    pub(crate) damaged: Vec<(String, LeveeError)>,
}

/// A place for backups. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    url: Arc<str>,
}

impl Place {
    /// Opens a place. Nothing is asked or written yet, except that a directory is made.
    ///
    /// # Errors
    /// What is wrong with the URL or with what goes with it.
    pub(crate) fn open(url: &str, settings: &BackupSettings) -> Result<Self, String> {
        let (store, prefix) = Location::parse(url)?.open(settings)?;
        Ok(Self { store, prefix, url: url.into() })
    }

    fn key(&self, name: &str) -> Key {
        name.split('/').fold(self.prefix.clone(), |key, part| key.join(part))
    }

    /// Makes it the place of a data directory, unless it is that already.
    ///
    /// # Errors
    /// It is the place of another one, or does not answer.
    pub(super) async fn claim(&self, directory: &DirectoryId) -> Result<(), LeveeError> {
        let mine = format!("format = {FORMAT}\ncopy = {}\n", directory.copy);
        let made = self.put(MARKER, mine.clone().into(), PutMode::Create).await;
        match made {
            Ok(()) => return Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            Err(error) => return Err(self.failed(MARKER, &error)),
        }
        let found = self.get(MARKER).await.map_err(|error| self.failed(MARKER, &error))?;
        if found == mine.as_bytes() {
            return Ok(());
        }
        let message = format!("there are backups of another data directory at {}", self.url);
        Err(LeveeError::new(ErrorCode::InvalidArgument, message).with_hint(
            "set backup.url to a place of its own; also a node that was restored needs another one than before",
        ))
    }

    /// The backups that there are, in their order, and what is wrong with those that are damaged.
    ///
    /// # Errors
    /// The place does not answer.
    pub(crate) async fn summaries(&self) -> Result<Summaries, LeveeError> {
        let names = self.names("backups").await?;
        let summary = async |id: String| {
            let name = format!("backups/{id}");
            let beginning =
                GetOptions { range: Some(GetRange::Bounded(0..MAX_SUMMARY_BYTES)), ..GetOptions::default() };
            let read = async { self.store.get_opts(&self.key(&name), beginning).await?.bytes().await };
            let bytes = read.await.map_err(|error| self.failed(&name, &error))?;
            Ok::<_, LeveeError>(
                Manifest::summary(&bytes).map_err(|problem| (id, self.damaged(&name, &problem))),
            )
        };
        let read: Vec<_> = futures::stream::iter(names.into_keys())
            .map(summary)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut summaries = Summaries::default();
        for summary in read {
            match summary {
                Ok(summary) => summaries.whole.push(summary),
                Err((id, error)) => {
                    tracing::warn!(backup = id, %error, "a backup is damaged");
                    summaries.damaged.push((id, error));
                }
            }
        }
        summaries.whole.sort_by_key(|summary| (summary.sequence, summary.created_ms));
        Ok(summaries)
    }

    /// Names and sizes of the objects of a kind.
    async fn names(&self, kind: &str) -> Result<HashMap<String, u64>, LeveeError> {
        let mut names = HashMap::new();
        let key = self.key(kind);
        let mut objects = self.store.list(Some(&key));
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| self.failed(kind, &error))?;
            if let Some(name) = object.location.filename() {
                names.insert(name.to_owned(), object.size);
            }
            if kind == "backups" && names.len() > MAX_BACKUPS {
                let message = format!("there are more than {MAX_BACKUPS} backups at {}", self.url);
                return Err(LeveeError::new(ErrorCode::LimitExceeded, message).with_hint(
                    "go on at another place, and delete this one when it is not needed any more",
                ));
            }
        }
        Ok(names)
    }

    /// A backup.
    ///
    /// # Errors
    /// There is none of this id, it is damaged, or the place does not answer.
    pub(super) async fn manifest(&self, id: &str) -> Result<Manifest, LeveeError> {
        let name = format!("backups/{id}");
        match self.get(&name).await {
            Ok(bytes) => Manifest::decode(&bytes).map_err(|problem| self.damaged(&name, &problem)),
            Err(Error::NotFound { .. }) => {
                let message = format!("there is no backup {id:?} at {}", self.url);
                Err(LeveeError::new(ErrorCode::NotFound, message)
                    .with_hint("see those that there are with: levee backup ls"))
            }
            Err(error) => Err(self.failed(&name, &error)),
        }
    }

    /// Makes a backup be there, when everything in it is.
    ///
    /// # Errors
    /// There is one of its id, or the place does not answer.
    pub(super) async fn put_manifest(&self, manifest: &Manifest) -> Result<(), LeveeError> {
        let name = format!("backups/{}", manifest.summary.id);
        let bytes = manifest
            .encode()
            .map_err(|error| LeveeError::new(ErrorCode::Internal, format!("{name}: {error}")))?;
        self.put(&name, bytes.into(), PutMode::Create).await.map_err(|error| self.failed(&name, &error))
    }

    /// Names and sizes of the parts that are there.
    ///
    /// # Errors
    /// The place does not answer.
    pub(super) async fn parts(&self) -> Result<HashMap<String, u64>, LeveeError> {
        self.names("objects").await
    }

    /// Writes a part under the name of its content.
    ///
    /// # Errors
    /// The place does not answer.
    pub(super) async fn put_part(&self, sha256: &str, bytes: Bytes) -> Result<(), LeveeError> {
        let name = format!("objects/{sha256}");
        self.put(&name, bytes, PutMode::Overwrite).await.map_err(|error| self.failed(&name, &error))
    }

    /// A part, if it is as it was written.
    ///
    /// # Errors
    /// It is missing or damaged, or the place does not answer.
    pub(super) async fn part(&self, part: &Part) -> Result<Bytes, LeveeError> {
        let name = format!("objects/{}", part.sha256);
        match self.get(&name).await {
            Ok(bytes) if bytes.len() as u64 == part.bytes && sha256(&bytes) == part.sha256 => Ok(bytes),
            Ok(_) => Err(self.damaged(&name, "it does not match its checksum")),
            Err(Error::NotFound { .. }) => Err(self.damaged(&name, "it is missing")),
            Err(error) => Err(self.failed(&name, &error)),
        }
    }

    async fn put(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<(), Error> {
        let options = PutOptions { mode, ..PutOptions::default() };
        self.store.put_opts(&self.key(name), bytes.into(), options).await.map(drop)
    }

    async fn get(&self, name: &str) -> Result<Bytes, Error> {
        self.store.get(&self.key(name)).await?.bytes().await
    }

    fn damaged(&self, name: &str, problem: &str) -> LeveeError {
        LeveeError::new(ErrorCode::DataCorrupt, format!("{name} at {}: {problem}", self.url))
            .with_hint("choose a backup that does not need it, or put another copy of it there")
    }

    fn failed(&self, name: &str, error: &Error) -> LeveeError {
        tracing::warn!(place = &*self.url, object = name, %error, "the place for backups cannot be used");
        // What a store says may be long, and the log has it.
        let message = format!("{name} at {} cannot be read or written", self.url);
        LeveeError::new(ErrorCode::Unavailable, message)
            .with_hint("see the broker's log for what the place answered, and try again")
    }
}

/// 64 hex digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}
