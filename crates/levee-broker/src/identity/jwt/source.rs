//! Where the keys of an issuer come from: a file or an https address.

use super::endpoint::{Endpoint, GetError};

use super::issuers::KeysAt;
use super::schedule::Pace;
use super::tls::Configs;
use crate::blocking::{Blocking, Turn};
use crate::small_file;
use levee_types::LeveeError;
use levee_types::limits::MAX_JWKS_BYTES;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("cannot read {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Get(#[from] GetError),
    #[error("the look was given up: {0}")]
    GivenUp(LeveeError),
}

/// A place of keys.
pub(super) enum Source {
    File(PathBuf),
    Endpoint(Box<Endpoint>),
}

impl Source {
    /// The place that an issuer names; `tls` keeps the CAs.
    ///
    /// # Errors
    /// The key that is wrong, and how.
    pub(super) fn open(at: KeysAt, tls: &mut Configs) -> Result<Self, (&'static str, String)> {
        let (url, ca_file) = match at {
            KeysAt::File(path) => return Ok(Self::File(path)),
            KeysAt::Url { url, ca_file } => (url, ca_file),
        };
        match (tls.get(ca_file.as_deref()), ca_file) {
            (Ok(config), _) => Ok(Self::Endpoint(Box::new(Endpoint::new(url, &config)))),
            (Err(problem), Some(file)) => {
                Err(("ca_file", format!("cannot use {}: {problem}", file.display())))
            }
            (Err(problem), None) => Err(("ca_file", problem)),
        }
    }

    pub(super) fn pace(&self) -> Pace {
        match self {
            Self::File(_) => Pace::OF_FILES,
            Self::Endpoint(_) => Pace::OF_URLS,
        }
    }

    /// The document that is there now. Files are read by `blocking`, since they may be on a slow disk.
    pub(super) async fn read(&self, blocking: &Blocking) -> Result<Vec<u8>, ReadError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                blocking
                    .run(Turn::SYSTEM, move || Ok::<_, LeveeError>(read_file(&path)))
                    .await
                    .map_err(ReadError::GivenUp)?
            }
            Self::Endpoint(endpoint) => Ok(endpoint.get().await?),
        }
    }
}

/// The document in a file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ReadError> {
    match small_file::read(path, MAX_JWKS_BYTES) {
        Ok(file) => Ok(file.bytes),
        Err(source) => Err(ReadError::File { path: path.to_owned(), source }),
    }
}
