//! A certificate for a broker on this machine, which vouches for itself.

use crate::files;
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};

/// A certificate of `localhost`, as text and as the files that a broker takes.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// It, in PEM: what a client has to trust.
    pub pem: String,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

impl Certificate {
    /// A new one, with its files in `dir`.
    ///
    /// # Panics
    /// When the files cannot be written.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let (certificate_file, key_file) = (dir.join("tls.pem"), dir.join("tls.key"));
        fs::write(&certificate_file, &pem).expect("a file");
        files::write_secret(&key_file, &key.serialize_pem());
        Self { pem, certificate_file, key_file }
    }
}
