//! What a client needs for TLS. It is given as text: nothing here reads files, but for the authorities that the
//! system trusts.

use crate::error::Error;
use crate::secret::Secret;
use std::error::Error as _;
use std::time::Duration;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// How a connection to `https://` proves who is at either end. Without anything set, the authorities that the
/// system trusts vouch for the broker, and the client brings no certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificates of the authorities that may vouch for the broker, in PEM. Absent: those that the system
    /// trusts.
    pub ca_pem: Option<String>,
    /// The client's certificate with those between it and the authority, in PEM. Comes with `key_pem`.
    pub certificate_pem: Option<String>,
    /// The private key of the certificate, in PEM. Comes with `certificate_pem`.
    pub key_pem: Option<Secret>,
}

impl TlsSettings {
    /// Something is set.
    pub(crate) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// The endpoint with TLS. A handshake may take `timeout`.
    ///
    /// # Errors
    /// A text is not what it should be, certificate and key do not belong together, or the system trusts
    /// nobody.
    pub(crate) fn apply(self, endpoint: Endpoint, timeout: Duration) -> Result<Endpoint, Error> {
        let Self { ca_pem, certificate_pem, key_pem } = self;
        let config = ClientTlsConfig::new().timeout(timeout);
        let config = match ca_pem {
            None => config.with_native_roots(),
            Some(pem) => config.ca_certificate(Certificate::from_pem(with_certificate("ca_pem", pem)?)),
        };
        let config = match (certificate_pem, key_pem) {
            (None, None) => config,
            (Some(certificate), Some(key)) => {
                let certificate = with_certificate("certificate_pem", certificate)?;
                config.identity(Identity::from_pem(certificate, key.expose()))
            }
            (Some(_), None) => return Err(Error::invalid("tls: a certificate needs its key")),
            (None, Some(_)) => return Err(Error::invalid("tls: a key needs its certificate")),
        };
        endpoint.tls_config(config).map_err(|error| {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Error::invalid(format!("tls: {reason}"))
        })
    }
}

/// A text without any certificate would be taken for nobody who is trusted.
fn with_certificate(name: &str, pem: String) -> Result<String, Error> {
    if pem.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(pem);
    }
    Err(Error::invalid(format!("tls: {name} has no certificate in PEM")))
}

#[cfg(test)]
mod tests;
