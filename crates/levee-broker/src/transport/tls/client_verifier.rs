//! Who may issue client certificates, and which of them are revoked.
//!
//! Must hold: what cannot be decided is refused: a certificate whose authority has no list, or one whose next
//! update is due.

use super::error::{Problem, TlsError};
use super::files::Content;
use super::server_certificate::certificates;
use super::validity::Validity;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::cmp::Reverse;
use std::sync::Arc;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

/// Verifies client certificates by the authorities in `authorities`. With `lists` they must not be revoked;
/// the validity is then that of the list whose next update is due first.
pub(super) fn load(
    authorities: &Content,
    lists: Option<&Content>,
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<dyn ClientCertVerifier>, Option<Validity>), TlsError> {
    let bad =
        |content: &Content, error: &dyn ToString| content.error(Problem::BadCertificate(error.to_string()));
    let mut roots = RootCertStore::empty();
    let mut names = Vec::new();
    for certificate in certificates(authorities)? {
        let (_, parsed) =
            X509Certificate::from_der(&certificate).map_err(|error| bad(authorities, &error))?;
        let subject = parsed.subject();
        names.push((subject.as_raw().to_vec(), subject.to_string()));
        roots.add(certificate).map_err(|error| bad(authorities, &error))?;
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let mut validity = None;
    if let Some(lists) = lists {
        let parsed = Lists::parse(lists)?;
        if let Some((_, name)) = names.iter().find(|(name, _)| !parsed.issuers.contains(name)) {
            return Err(lists.error(Problem::ListMissing(name.clone())));
        }
        validity = Some(parsed.validity);
        verifier = verifier.with_crls(parsed.der).enforce_revocation_expiration();
    }
    // All authorities are in, so what is left to go wrong are the lists.
    let blamed = lists.unwrap_or(authorities);
    let verifier = verifier.build().map_err(|error| blamed.error(Problem::BadList(error.to_string())))?;
    Ok((verifier, validity))
}

struct Lists {
    /// The newest first: of several that an authority has made, the verifier takes the first.
    der: Vec<CertificateRevocationListDer<'static>>,
    /// Their names, as they are encoded.
    issuers: Vec<Vec<u8>>,
    validity: Validity,
}

impl Lists {
    fn parse(content: &Content) -> Result<Self, TlsError> {
        let mut lists = Vec::new();
        let mut first_due = None;
        for list in CertificateRevocationListDer::pem_slice_iter(&content.bytes) {
            let list = list.map_err(|_| content.error(Problem::NoPem))?;
            let bad = |why: &str| content.error(Problem::BadList(why.to_owned()));
            let (_, parsed) =
                CertificateRevocationList::from_der(&list).map_err(|error| bad(&error.to_string()))?;
            let due =
                parsed.next_update().ok_or_else(|| bad("it does not say when its next update is due"))?;
            first_due = Some(first_due.map_or(due, |first| due.min(first)));
            let issuer = parsed.issuer().as_raw().to_vec();
            lists.push((parsed.last_update(), issuer, list));
        }
        let Some(first_due) = first_due else {
            return Err(content.error(Problem::NoList));
        };
        lists.sort_by_key(|(made, ..)| Reverse(*made));
        let validity = Validity::new(content, None, first_due);
        let (issuers, der) = lists.into_iter().map(|(_, issuer, list)| (issuer, list)).unzip();
        Ok(Self { der, issuers, validity })
    }
}
