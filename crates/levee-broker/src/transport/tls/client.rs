//! A client that came with a certificate, for as long as it is connected.

use super::client_certificate::ClientCertificate;
use super::endpoint::Endpoint;
use rustls::pki_types::CertificateDer;
use std::future::pending;
use std::sync::Arc;
use tokio::sync::watch;

/// A client whose certificate was verified.
pub(crate) struct Client {
    /// Who it is.
    pub(crate) certificate: Arc<ClientCertificate>,
    /// What it was verified by, its own certificate first.
    chain: Vec<CertificateDer<'static>>,
    current: watch::Receiver<Arc<Endpoint>>,
}

impl Client {
    /// `current` has seen what `chain` was verified with.
    pub(super) fn new(
        certificate: ClientCertificate,
        chain: Vec<CertificateDer<'static>>,
        current: watch::Receiver<Arc<Endpoint>>,
    ) -> Self {
        Self { certificate: Arc::new(certificate), chain, current }
    }

    /// Resolves when new files do not let the client in any more: a connection may live for long, and its
    /// certificate be revoked meanwhile.
    pub(crate) async fn turned_away(mut self) {
        while self.current.changed().await.is_ok() {
            let endpoint = Arc::clone(&self.current.borrow_and_update());
            if !endpoint.admits(&self.chain) {
                return;
            }
        }
        // The files are not followed any more: the broker is at its end.
        pending::<()>().await;
    }
}
