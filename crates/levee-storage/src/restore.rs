//! Making a data directory of what a backup has.
//!
//! Must hold: a directory that is not whole does not open. It has a file `RESTORING` from the beginning, and gets the
//! file that makes it a data directory when everything else is on the disk.

use crate::directory::{self, Identity, RESTORING};
use crate::error::OpenError;
use crate::journal::{Checkpoint, cut};
use crate::segments::{FileSegments, segment_file, sync_directory};
use levee_types::Random;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How far a journal is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// All of it.
    End,
    /// Up to this entry, which is the last one.
    Sequence(u64),
    /// Up to the last entry before the first that was made after this time, in Unix milliseconds.
    Time(i64),
}

/// A data directory that is being made. If it is dropped before it is finished, nobody opens it.
#[derive(Debug)]
pub struct Restoring {
    path: PathBuf,
}

impl Restoring {
    /// Begins in a directory that does not exist, or is empty.
    ///
    /// # Errors
    /// There is something in it, or it cannot be made.
    pub fn begin(path: &Path) -> Result<Self, OpenError> {
        let begun = || -> io::Result<bool> {
            fs::create_dir_all(path)?;
            if fs::read_dir(path)?.next().is_some() {
                return Ok(false);
            }
            File::create(path.join(RESTORING))?.sync_all()?;
            fs::create_dir(path.join("journal"))?;
            fs::create_dir(path.join("index"))?;
            sync_directory(path)?;
            Ok(true)
        };
        match begun() {
            Ok(true) => Ok(Self { path: path.to_owned() }),
            Ok(false) => Err(OpenError::Format {
                path: path.to_owned(),
                message: "there is something in it: restore into a new or empty directory".to_owned(),
            }),
            Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
        }
    }

    /// Where a segment goes.
    #[must_use]
    pub fn segment(&self, id: u64) -> PathBuf {
        segment_file(&self.path.join("journal"), id)
    }

    /// Where a file of the index goes; none if that is no name of one.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<PathBuf> {
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        is_plain.then(|| self.path.join("index").join(name))
    }

    /// Cuts the journal where it shall end, and makes it a data directory, with a name of its own as a copy. `from`:
    /// the entry up to which the index goes. Tells the last entry. Blocks.
    ///
    /// # Errors
    /// The journal is not what the index goes with, ends before what was asked for, or cannot be written.
    pub fn finish(
        self,
        identity: Identity,
        from: Option<Checkpoint>,
        until: Until,
        random: &dyn Random,
    ) -> Result<u64, OpenError> {
        let io = |source| OpenError::Io { path: self.path.clone(), source };
        let segments = FileSegments::open(&self.path).map_err(io)?;
        let last = cut(&segments, identity.journal, from, until)?;
        if let Until::Sequence(wanted) = until
            && last != wanted
        {
            return Err(OpenError::Format {
                path: self.path.join("journal"),
                message: format!("it ends with entry {last}, before entry {wanted}: choose an earlier one"),
            });
        }
        for part in ["journal", "index"] {
            let directory = self.path.join(part);
            for entry in fs::read_dir(&directory).map_err(io)? {
                let file = entry.and_then(|entry| File::open(entry.path())).map_err(io)?;
                file.sync_all().map_err(io)?;
            }
            sync_directory(&directory).map_err(io)?;
        }
        let mut copy = [0; 16];
        random.fill(&mut copy);
        directory::write_marker(&self.path, Identity { copy, ..identity }).map_err(io)?;
        fs::remove_file(self.path.join(RESTORING)).map_err(io)?;
        sync_directory(&self.path).map_err(io)?;
        Ok(last)
    }
}
