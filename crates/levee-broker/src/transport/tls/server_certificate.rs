//! The broker's own certificate and its key.

use super::error::{Problem, TlsError};
use super::files::{Content, Contents};
use super::validity::Validity;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificate with its key, and when it is valid.
pub(super) fn load(
    contents: &Contents,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Validity), TlsError> {
    let Contents { certificate, key, .. } = contents;
    let chain = certificates(certificate)?;
    let validity = validity(certificate, &chain[0])?;

    // What the library says of a bad section may quote it.
    let der = PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|error| {
        key.error(if matches!(error, pem::Error::NoItemsFound) { Problem::NoKey } else { Problem::NoPem })
    })?;
    let signing = provider.key_provider.load_private_key(der).map_err(|_| key.error(Problem::BadKey))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|_| key.error(Problem::OtherKey(certificate.path.clone())))?;
    Ok((certified, validity))
}

/// All certificates of a file, at least one.
pub(super) fn certificates(content: &Content) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&content.bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| content.error(Problem::NoPem))?;
    if certificates.is_empty() {
        return Err(content.error(Problem::NoCertificate));
    }
    Ok(certificates)
}

fn validity(content: &Content, leaf: &CertificateDer<'_>) -> Result<Validity, TlsError> {
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|error| content.error(Problem::BadCertificate(error.to_string())))?;
    let validity = leaf.validity();
    Ok(Validity::new(content, Some(validity.not_before), validity.not_after))
}
