//! Takes connections from a socket, for as long as the broker lives.
//!
//! Must hold: no error of the operating system ends it (RUSTSEC-2024-0376), and none makes it spin.

use super::limits::BACKLOG;
use crate::rate_limited::RateLimited;
use levee_types::Clock;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const MIN_BACKOFF: Duration = Duration::from_millis(10);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// A socket that listens on `address`.
///
/// # Errors
/// When the address cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted broker must not wait for the connections of the one before it to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A connection and its place among those that may be open; dropping both frees the place.
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// The client's address.
    pub peer: SocketAddr,
    /// Its place.
    pub place: OwnedSemaphorePermit,
}

/// Takes connections, at most so many at once.
pub struct Acceptor {
    listener: TcpListener,
    name: &'static str,
    places: Arc<Semaphore>,
    error_log: RateLimited,
    refusal_log: RateLimited,
}

impl Acceptor {
    /// At most `limit` connections are open at once; one more is closed as soon as it is there. `name`
    /// says in logs and metrics which socket it is.
    pub fn new(listener: TcpListener, name: &'static str, limit: usize, clock: &Arc<dyn Clock>) -> Self {
        Self {
            listener,
            name,
            places: Arc::new(Semaphore::new(limit)),
            error_log: RateLimited::new(Arc::clone(clock)),
            refusal_log: RateLimited::new(Arc::clone(clock)),
        }
    }

    /// The next connection that has a place. Cancel-safe.
    pub async fn next(&mut self) -> Accepted {
        loop {
            let (stream, peer) = self.accept().await;
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                metrics::counter!("levee_connections_refused_total", "listener" => self.name).increment(1);
                if let Some(suppressed) = self.refusal_log.admit() {
                    tracing::warn!(
                        listener = self.name,
                        suppressed,
                        "closed a connection: as many as allowed are open"
                    );
                }
                continue;
            };
            metrics::counter!("levee_connections_total", "listener" => self.name).increment(1);
            // Answers are small and somebody waits for each. Without it they are only slower.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
            return Accepted { stream, peer, place };
        }
    }

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let mut backoff = MIN_BACKOFF;
        loop {
            let error = match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            metrics::counter!("levee_accept_errors_total", "listener" => self.name).increment(1);
            // The client went away before its turn; the next one may be waiting.
            if error.kind() == io::ErrorKind::ConnectionAborted {
                continue;
            }
            if let Some(suppressed) = self.error_log.admit() {
                tracing::warn!(listener = self.name, %error, suppressed, "cannot accept connections for now");
            }
            // Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM): others must free some
            // first, and the socket stays ready meanwhile.
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }
}
