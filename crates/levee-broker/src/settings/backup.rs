//! The settings of backups.

use serde::{Deserialize, Serialize};

/// Where backups go, and how fast. Credentials of a store come from the environment: `AWS_ACCESS_KEY_ID` and
/// `AWS_SECRET_ACCESS_KEY`, or the files that `AWS_ACCESS_KEY_ID_FILE` and `AWS_SECRET_ACCESS_KEY_FILE` name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupSettings {
    /// `file:///DIRECTORY` or `s3://BUCKET/PREFIX`; a place takes backups of one data directory. Default empty: there
    /// are no backups.
    pub url: String,
    /// Address of a store that is not Amazon's, such as `https://minio.example.com:9000`. Default empty.
    pub s3_endpoint: String,
    /// Region of the bucket. Default empty: `AWS_REGION`, or `us-east-1`.
    pub s3_region: String,
    /// Whether the store may be asked without TLS, so that others can read what is sent. Default false.
    pub s3_allow_http: bool,
    /// Bytes a second that a backup reads from the disk, and that the restore of a tenant fetches. 0 to
    /// 100,000,000,000, default 104,857,600 (100 MiB); 0: no limit.
    pub bytes_per_second: u64,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            s3_endpoint: String::new(),
            s3_region: String::new(),
            s3_allow_http: false,
            bytes_per_second: 100 * 1024 * 1024,
        }
    }
}
