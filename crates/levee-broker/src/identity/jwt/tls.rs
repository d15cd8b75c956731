//! By which CAs the servers that have keys are verified. TLS 1.3 only, like everywhere in the broker.

use crate::small_file;
use hyper_rustls::ConfigBuilderExt as _;
use levee_types::limits::MAX_CA_FILE_BYTES;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use rustls::ClientConfig as Config;

/// What is verified by the same CAs shares them: those of a machine take a megabyte.
#[derive(Default)]
pub(super) struct Configs {
    by_ca_file: HashMap<Option<PathBuf>, Config>,
}

impl Configs {
    /// Verifies by the CAs in `ca_file`, or by those that the machine trusts.
    ///
    /// # Errors
    /// When there are none to be had; says so without naming the file.
    pub(super) fn get(&mut self, ca_file: Option<&Path>) -> Result<Config, String> {
        let key = ca_file.map(Path::to_owned);
        if let Some(config) = self.by_ca_file.get(&key) {
            return Ok(config.clone());
        }
        let builder = Config::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| error.to_string())?;
        let config = match ca_file {
            Some(file) => builder.with_root_certificates(roots(file)?),
            None => builder.with_native_roots().map_err(|_| "this machine has no list of CAs".to_owned())?,
        }
        .with_no_client_auth();
        Ok(self.by_ca_file.entry(key).or_insert(config).clone())
    }
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let file = small_file::read(file, MAX_CA_FILE_BYTES).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file.bytes) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in PEM".to_owned());
    }
    Ok(roots)
}
