//! What a backup consists of, as it is stored. Persisted, format 1: a change of anything here is a new format.
//!
//! ```text
//! levee-backup <format> <sha256 of all that follows>
//! <Summary as JSON>
//! <Contents as JSON>
//! ```

use super::place::sha256;
use levee_storage::Identity;
use levee_storage::journal::Checkpoint;
use levee_types::hex;
use serde::{Deserialize, Serialize};

/// The version of manifests and places.
pub(super) const FORMAT: u32 = 1;

/// What is told of a backup in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Its last entry and when it was made, as in `4711-1767225600000`.
    pub(crate) id: String,
    /// When it was taken, in Unix milliseconds.
    pub(crate) created_ms: i64,
    /// Sequence of its last entry; 0 if there is none.
    pub(crate) sequence: u64,
    /// Bytes of everything in it.
    pub(crate) bytes: u64,
    /// Bytes that had to be written for it.
    pub(crate) written_bytes: u64,
}

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(crate) directory: DirectoryId,
    /// The entry up to which index and journal go; none in a journal without entries.
    pub(crate) last: Option<LastEntry>,
    /// Segments by their ids, ascending.
    pub(crate) segments: Vec<StoredSegment>,
    /// Files of the index.
    pub(crate) index: Vec<StoredFile>,
}

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DirectoryId {
    pub(crate) format: u32,
    /// 32 hex digits each.
    pub(crate) journal: String,
    pub(crate) copy: String,
}

/// A [`Checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastEntry {
    segment: u64,
    position: u64,
    sequence: u64,
    crc: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSegment {
    pub(crate) id: u64,
    pub(crate) bytes: u64,
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) parts: Vec<Part>,
}

/// Part of a file, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) bytes: u64,
    /// 64 hex digits, which name the object.
    pub(crate) sha256: String,
}

/// A backup as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) summary: Summary,
    pub(crate) contents: Contents,
}

impl From<Identity> for DirectoryId {
    fn from(identity: Identity) -> Self {
        let Identity { format, journal, copy } = identity;
        Self { format, journal: hex::encode(&journal), copy: hex::encode(&copy) }
    }
}

impl DirectoryId {
    pub(crate) fn identity(&self) -> Option<Identity> {
        let Self { format, journal, copy } = self;
        Some(Identity { format: *format, journal: hex::decode(journal)?, copy: hex::decode(copy)? })
    }
}

impl From<Checkpoint> for LastEntry {
    fn from(at: Checkpoint) -> Self {
        let Checkpoint { segment, position, sequence, crc } = at;
        Self { segment, position, sequence, crc }
    }
}

impl From<LastEntry> for Checkpoint {
    fn from(last: LastEntry) -> Self {
        let LastEntry { segment, position, sequence, crc } = last;
        Self { segment, position, sequence, crc }
    }
}

impl Manifest {
    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let summary = serde_json::to_string(&self.summary)?;
        let rest = format!("{summary}\n{}\n", serde_json::to_string(&self.contents)?);
        Ok(format!("levee-backup {FORMAT} {}\n{rest}", sha256(rest.as_bytes())).into_bytes())
    }

    /// Reads one, if it is as it was written.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "it is no text")?;
        let (head, rest) = text.split_once('\n').ok_or("it has no first line")?;
        if check_head(head)? != sha256(rest.as_bytes()) {
            return Err("it does not match its checksum".to_owned());
        }
        let (summary, contents) = rest.split_once('\n').ok_or("it has no contents")?;
        let bad = |error: serde_json::Error| error.to_string();
        Ok(Self {
            summary: serde_json::from_str(summary).map_err(bad)?,
            contents: serde_json::from_str(contents).map_err(bad)?,
        })
    }

    /// Reads the summary at the beginning of one.
    pub(super) fn summary(beginning: &[u8]) -> Result<Summary, String> {
        let mut lines = beginning.split(|byte| *byte == b'\n');
        let (head, summary) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        check_head(str::from_utf8(head).map_err(|_| "it is no text")?)?;
        serde_json::from_slice(summary).map_err(|error| error.to_string())
    }
}

/// The checksum that the first line says.
fn check_head(head: &str) -> Result<&str, String> {
    let mut words = head.split(' ');
    if words.next() != Some("levee-backup") {
        return Err("it is no backup".to_owned());
    }
    match words.next().and_then(|format| format.parse::<u32>().ok()) {
        Some(FORMAT) => words.next().ok_or_else(|| "it has no checksum".to_owned()),
        format => Err(format!(
            "it has format {}, and this version reads format {FORMAT}: use a later one",
            format.map_or_else(|| "?".to_owned(), |format| format.to_string())
        )),
    }
}
