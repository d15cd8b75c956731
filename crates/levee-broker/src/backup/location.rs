//! Where a place for backups is.

use super::http::Connector;
use crate::data_dir;
use crate::settings::BackupSettings;
use crate::small_file;
use levee_types::limits::MAX_CREDENTIAL_FILE_BYTES;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, RetryConfig};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a store that does not answer may take, with all attempts.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES: usize = 5;

/// A place, as `backup.url` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A directory.
    Directory(PathBuf),
    /// Part of a bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// What the names of all objects begin with.
        prefix: String,
    },
}

impl Location {
    /// Reads an URL.
    ///
    /// # Errors
    /// What is wrong with it, and what it takes.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("file://") {
            return match Path::new(path) {
                path if path.is_absolute() => Ok(Self::Directory(path.to_owned())),
                _ => Err(format!("{url:?} names no directory; give file:///DIRECTORY")),
            };
        }
        let Some(rest) = url.strip_prefix("s3://") else {
            return Err(format!("{url:?} is no place; give file:///DIRECTORY or s3://BUCKET/PREFIX"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_bucket =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_bucket) || Key::parse(prefix).is_err() {
            return Err(format!("{url:?} names no bucket; give s3://BUCKET/PREFIX"));
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The store, and what the names of all objects begin with. Nothing is asked yet.
    ///
    /// # Errors
    /// The directory cannot be made, or a setting of the store is of no use.
    pub(super) fn open(&self, settings: &BackupSettings) -> Result<(Arc<dyn ObjectStore>, Key), String> {
        match self {
            Self::Directory(path) => {
                data_dir::prepare(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let store = LocalFileSystem::new_with_prefix(path).map_err(|error| error.to_string())?;
                Ok((Arc::new(store.with_fsync(true)), Key::default()))
            }
            Self::Bucket { bucket, prefix } => {
                let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
                if let Some(id) = secret("AWS_ACCESS_KEY_ID_FILE")? {
                    builder = builder.with_access_key_id(id);
                }
                if let Some(key) = secret("AWS_SECRET_ACCESS_KEY_FILE")? {
                    builder = builder.with_secret_access_key(key);
                }
                if !settings.s3_endpoint.is_empty() {
                    builder = builder.with_endpoint(&settings.s3_endpoint);
                }
                if !settings.s3_region.is_empty() {
                    builder = builder.with_region(&settings.s3_region);
                }
                let retry = RetryConfig {
                    max_retries: RETRIES,
                    retry_timeout: RETRY_TIMEOUT,
                    ..RetryConfig::default()
                };
                let store = builder
                    .with_allow_http(settings.s3_allow_http)
                    .with_retry(retry)
                    .with_http_connector(Connector { allow_http: settings.s3_allow_http })
                    .build()
                    .map_err(|error| error.to_string())?;
                let prefix = Key::parse(prefix).map_err(|error| error.to_string())?;
                Ok((Arc::new(store), prefix))
            }
        }
    }
}

/// What the file holds that a variable names; none if it names none.
fn secret(variable: &str) -> Result<Option<String>, String> {
    let Some(path) = env::var_os(variable) else { return Ok(None) };
    let told = |error: &dyn std::fmt::Display| format!("{variable}: {}: {error}", Path::new(&path).display());
    let file = small_file::read(Path::new(&path), MAX_CREDENTIAL_FILE_BYTES).map_err(|error| told(&error))?;
    let text = String::from_utf8(file.bytes).map_err(|_| told(&"it is no text"))?;
    Ok(Some(text.trim().to_owned()))
}
