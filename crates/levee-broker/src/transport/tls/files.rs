//! The files as they are on disk.
//!
//! Must hold: a key that others than its owner have access to is not used.

use super::error::{Problem, TlsError};
use crate::settings::TlsSettings;
use crate::small_file::{self, SmallFile};
use crate::transport::limits::MAX_TLS_FILE_BYTES;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use std::path::{Path, PathBuf};

/// What tells whether files changed. Unlike the contents, nothing secret.
pub(super) type Digest = [u8; SHA256_OUTPUT_LEN];

/// The contents of all files that are set, read together.
pub(super) struct Contents {
    pub(super) certificate: Content,
    pub(super) key: Content,
    pub(super) client_ca: Option<Content>,
    pub(super) client_crl: Option<Content>,
}

/// What is in one file.
pub(super) struct Content {
    /// The key that names the file.
    pub(super) setting: &'static str,
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl Contents {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let public = |setting, path: &Path| Content::read(setting, path, false);
        let optional =
            |setting, path: &Path| (!path.as_os_str().is_empty()).then(|| public(setting, path)).transpose();
        Ok(Self {
            certificate: public("tls.certificate_file", &settings.certificate_file)?,
            key: Content::read("tls.key_file", &settings.key_file, true)?,
            client_ca: optional("tls.client_ca_file", &settings.client_ca_file)?,
            client_crl: settings.client_crl().map(|path| public("tls.client_crl_file", path)).transpose()?,
        })
    }

    pub(super) fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        for content in
            [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref(), self.client_crl.as_ref()]
        {
            let bytes = content.map_or(&[][..], |content| &content.bytes);
            // So that a byte which moves from one file to the next is a change.
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        }
        let mut digest = [0; SHA256_OUTPUT_LEN];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

impl Content {
    fn read(setting: &'static str, path: &Path, is_secret: bool) -> Result<Self, TlsError> {
        let error = |problem| TlsError::new(setting, path, problem);
        let SmallFile { bytes, mode } = small_file::read(path, MAX_TLS_FILE_BYTES)
            .map_err(|reason| error(Problem::Unreadable(reason)))?;
        if is_secret && mode & 0o077 != 0 {
            return Err(error(Problem::Exposed(mode)));
        }
        Ok(Self { setting, path: path.to_owned(), bytes })
    }

    /// What is wrong with this file.
    pub(super) fn error(&self, problem: Problem) -> TlsError {
        TlsError::new(self.setting, &self.path, problem)
    }
}

#[cfg(test)]
mod tests;
