//! One handshake.
//!
//! Must hold: it is over after [`HANDSHAKE_TIMEOUT`], whatever the client does or leaves undone; every refusal is
//! counted.

use super::client::Client;
use super::client_certificate::{ClientCertificate, Nameless};
use super::endpoint::{Endpoint, HTTP2};
use crate::transport::limits::HANDSHAKE_TIMEOUT;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Does handshakes. Cheap to clone.
#[derive(Clone)]
pub struct Handshaker {
    current: watch::Receiver<Arc<Endpoint>>,
}

/// A connection that is encrypted.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<TcpStream>,
    /// None: clients bring no certificates.
    pub(crate) client: Option<Client>,
}

/// Why a connection was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the handshake took too long")]
    Timeout,
    #[error("the handshake failed: {0}")]
    Handshake(io::Error),
    #[error("the client's certificate is refused: {0}")]
    Certificate(io::Error),
    #[error("the client's certificate names nobody: {0}")]
    Name(Nameless),
    #[error("the client did not ask for HTTP/2")]
    Protocol,
}

impl Refusal {
    /// The name in the metric.
    fn reason(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Handshake(_) => "handshake",
            Self::Certificate(_) => "certificate",
            Self::Name(_) => "name",
            Self::Protocol => "protocol",
        }
    }

    fn of(error: io::Error) -> Self {
        use rustls::Error::{InvalidCertRevocationList, InvalidCertificate, NoCertificatesPresented};
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        match cause {
            Some(InvalidCertificate(_) | InvalidCertRevocationList(_) | NoCertificatesPresented) => {
                Self::Certificate(error)
            }
            _ => Self::Handshake(error),
        }
    }
}

impl Handshaker {
    pub(super) fn new(current: watch::Receiver<Arc<Endpoint>>) -> Self {
        Self { current }
    }

    /// Does the handshake of a new connection.
    pub(crate) async fn run(self, stream: TcpStream) -> Result<Secured, Refusal> {
        let secured = self.secure(stream).await;
        if let Err(refusal) = &secured {
            metrics::counter!("levee_tls_refused_total", "reason" => refusal.reason()).increment(1);
        }
        secured
    }

    async fn secure(mut self, stream: TcpStream) -> Result<Secured, Refusal> {
        // Marked as seen before it is used: a change during the handshake is told to the client's connection.
        let endpoint = Arc::clone(&self.current.borrow_and_update());
        let handshake = TlsAcceptor::from(Arc::clone(&endpoint.config)).accept(stream);
        let stream = timeout(HANDSHAKE_TIMEOUT, handshake)
            .await
            .map_err(|_| Refusal::Timeout)?
            .map_err(Refusal::of)?;
        let (_, session) = stream.get_ref();
        // A client that offers other protocols was refused already; this one offers none. Who speaks HTTP/2 over
        // TLS must (RFC 9113, 3.3), and so bytes that are meant for another service end here.
        if session.alpn_protocol() != Some(HTTP2) {
            return Err(Refusal::Protocol);
        }
        if !endpoint.asks_clients() {
            return Ok(Secured { stream, client: None });
        }
        let chain = session.peer_certificates().unwrap_or_default();
        let own = chain.first().ok_or(Refusal::Name(Nameless::Unreadable))?;
        let certificate = ClientCertificate::of(own).map_err(Refusal::Name)?;
        let client = Client::new(certificate, chain.to_vec(), self.current);
        Ok(Secured { stream, client: Some(client) })
    }
}

#[cfg(test)]
mod tests;
