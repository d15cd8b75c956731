//! What handshakes use, made of one set of files.

use super::error::{Problem, TlsError};
use super::files::Contents;
use super::validity::Validity;
use super::{client_verifier, server_certificate};
use levee_types::Clock;
use metrics::gauge;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The only protocol that is spoken, as it is negotiated.
pub(super) const HTTP2: &[u8] = b"h2";

/// What handshakes use.
pub(super) struct Endpoint {
    pub(super) config: Arc<ServerConfig>,
    /// None: clients bring no certificates.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    certificate: Validity,
    client_crl: Option<Validity>,
    clock: Arc<dyn Clock>,
}

impl Endpoint {
    pub(super) fn new(contents: &Contents, clock: &Arc<dyn Clock>) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let (certified, certificate) = server_certificate::load(contents, &provider)?;
        let (clients, client_crl) = match &contents.client_ca {
            Some(authorities) => {
                let lists = contents.client_crl.as_ref();
                let (clients, validity) = client_verifier::load(authorities, lists, &provider)?;
                (Some(clients), validity)
            }
            None => (None, None),
        };
        let verifier = clients.clone().unwrap_or_else(WebPkiClientVerifier::no_client_auth);
        let time = Arc::new(Time(Arc::clone(clock)));
        let builder = ServerConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| contents.certificate.error(Problem::BadCertificate(error.to_string())))?;
        let mut config = builder
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![HTTP2.to_vec()];
        if clients.is_some() {
            // A resumed session is not verified again: its certificate may be revoked or have expired since.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        let endpoint =
            Self { config: Arc::new(config), clients, certificate, client_crl, clock: Arc::clone(clock) };
        endpoint.check()?;
        Ok(endpoint)
    }

    /// Whether it can be used now.
    pub(super) fn check(&self) -> Result<(), TlsError> {
        let now_ms = self.clock.unix_ms();
        self.certificate.check(now_ms)?;
        self.client_crl.as_ref().map_or(Ok(()), |lists| lists.check(now_ms))
    }

    /// Puts the times from which it cannot be used any more into gauges.
    pub(super) fn show_expiry(&self) {
        gauge!("levee_tls_certificate_expiry_timestamp_seconds").set(self.certificate.until_s() as f64);
        if let Some(lists) = &self.client_crl {
            gauge!("levee_tls_client_crl_expiry_timestamp_seconds").set(lists.until_s() as f64);
        }
    }

    /// Whether clients bring certificates.
    pub(super) fn asks_clients(&self) -> bool {
        self.clients.is_some()
    }

    /// Whether a client with these certificates, its own first, may be in now.
    pub(super) fn admits(&self, chain: &[CertificateDer<'_>]) -> bool {
        let (Some(clients), [own, others @ ..]) = (&self.clients, chain) else {
            return false;
        };
        let now = unix_time(self.clock.as_ref());
        clients.verify_client_cert(own, others, now).is_ok()
    }
}

/// The clock of the broker as the library wants it.
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.as_ref()))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

fn unix_time(clock: &dyn Clock) -> UnixTime {
    // A clock never shows a time before 1970.
    UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(clock.unix_ms()).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
