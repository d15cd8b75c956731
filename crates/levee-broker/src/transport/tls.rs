//! TLS of the gRPC listener: version 1.3 alone, HTTP/2 alone, and client certificates where the settings name
//! who issues them.
//!
//! Must hold: a set of files that cannot be used never takes the place of one that can; with client
//! certificates, nobody gets in without one that is verified now, which is why no session is resumed; nothing
//! of a key is in a log or an error.

mod client;
mod client_certificate;
mod client_verifier;
mod endpoint;
mod error;
mod files;
#[cfg(test)]
mod fixture;
mod handshake;
mod reload;
mod server_certificate;
mod validity;

pub use client_certificate::ClientCertificate;
pub use error::TlsError;
pub use handshake::Handshaker;

pub(super) use client::Client;
pub(super) use handshake::Secured;

use crate::settings::TlsSettings;
use endpoint::Endpoint;
use files::{Contents, Digest};
use levee_types::Clock;
use std::sync::Arc;
use tokio::sync::watch;

/// TLS as it is now, and the files that it comes from.
pub struct Tls {
    settings: TlsSettings,
    clock: Arc<dyn Clock>,
    /// Of the contents that `current` was made of.
    digest: Digest,
    current: watch::Sender<Arc<Endpoint>>,
}

impl Tls {
    /// Reads the files that the settings name. None: TLS is off. Blocks.
    ///
    /// # Errors
    /// Names the first file that cannot be used, and says what to do.
    pub fn load(settings: &TlsSettings, clock: &Arc<dyn Clock>) -> Result<Option<Self>, TlsError> {
        if !settings.is_on() {
            return Ok(None);
        }
        let contents = Contents::read(settings)?;
        let endpoint = Endpoint::new(&contents, clock)?;
        endpoint.show_expiry();
        Ok(Some(Self {
            settings: settings.clone(),
            clock: Arc::clone(clock),
            digest: contents.digest(),
            current: watch::Sender::new(Arc::new(endpoint)),
        }))
    }

    /// Does handshakes with what is current at each of them.
    #[must_use]
    pub fn handshaker(&self) -> Handshaker {
        Handshaker::new(self.current.subscribe())
    }
}
