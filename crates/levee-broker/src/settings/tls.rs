//! The settings of TLS.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// TLS of the gRPC listener. A path that is empty, which is the default of each, is not set; without any of
/// them connections are in plain text. The files are PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The broker's certificate, and behind it those that lead to its authority. Needs `key_file`.
    pub certificate_file: PathBuf,
    /// Its key, PKCS#8, PKCS#1 or SEC1 and not encrypted, which only its owner may have access to (mode 0600
    /// or less). Needs `certificate_file`.
    pub key_file: PathBuf,
    /// Authorities of client certificates. With it, every connection must bring a certificate of one of
    /// them. Needs `certificate_file` and `key_file`.
    pub client_ca_file: PathBuf,
    /// Lists of revoked client certificates: one of every authority in `client_ca_file`, and of every one
    /// between them and a client. A list whose next update is due lets nobody in. Needs `client_ca_file`.
    pub client_crl_file: PathBuf,
    /// Milliseconds after which the files are read again, and taken if they changed. 1,000 to 3,600,000,
    /// default 10,000.
    pub reload_interval_ms: u64,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            client_ca_file: PathBuf::new(),
            client_crl_file: PathBuf::new(),
            reload_interval_ms: 10_000,
        }
    }
}

impl TlsSettings {
    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.certificate_file.as_os_str().is_empty()
    }

    /// After which the files are read again.
    #[must_use]
    pub fn reload_interval(&self) -> Duration {
        Duration::from_millis(self.reload_interval_ms)
    }
}

/// Stands for a file of revoked certificates that is left out on purpose.
pub(crate) const NO_CRL: &str = "none";

impl TlsSettings {
    /// The file of revoked client certificates, if there is to be one.
    #[must_use]
    pub fn client_crl(&self) -> Option<&Path> {
        let path = &self.client_crl_file;
        (!path.as_os_str().is_empty() && path != Path::new(NO_CRL)).then_some(path)
    }
}
