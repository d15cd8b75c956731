//! The files of a broker with TLS.

use super::authority::Issued;
use crate::harness::Broker;
use levee_broker::settings::TlsSettings;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

pub(super) struct Files(TempDir);

impl Files {
    /// With the broker's own certificate.
    pub(super) fn new(server: &Issued) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write_server(server);
        files
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file in the place of the one that is there, as a whole.
    pub(super) fn write(&self, name: &str, content: &str) {
        let new = self.path("new");
        fs::write(&new, content).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    pub(super) fn write_server(&self, server: &Issued) {
        self.write("certificate", &server.certificate);
        self.write("key", &server.key);
    }

    /// The settings for what is there.
    pub(super) fn settings(&self) -> TlsSettings {
        let optional = |name| Some(self.path(name)).filter(|path| path.exists()).unwrap_or_default();
        TlsSettings {
            certificate_file: self.path("certificate"),
            key_file: self.path("key"),
            client_ca_file: optional("client-ca"),
            client_crl_file: optional("client-crl"),
            // Less than an operator can set, so that tests need not wait.
            reload_interval_ms: 20,
        }
    }

    pub(super) async fn start(&self) -> Broker {
        Broker::start_with(|settings| settings.tls = self.settings()).await
    }
}
