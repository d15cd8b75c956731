//! One gRPC connection, from its first byte to its last.
//!
//! Must hold: whatever the client does or leaves undone, the connection ends: without a handshake after
//! [`HANDSHAKE_TIMEOUT`](super::limits::HANDSHAKE_TIMEOUT), without a preface after [`PREFACE_TIMEOUT`], without
//! signs of life by keepalive, at its age, when its certificate is not accepted any more, and when the broker
//! stops.

use super::accept::Accepted;
use super::aligned::Aligned;
use super::guests::Guests;
use super::limits::{self, GOODBYE_TIMEOUT, MAX_CONCURRENT_STREAMS, PREFACE_TIMEOUT};
use super::rewound::Rewound;
use super::stack::Stack;
use super::tls::{Client, ClientCertificate, Handshaker, Secured};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use levee_types::{ErrorCode, LeveeError};
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Request;
use tonic::body::Body;
use tower::ServiceExt as _;

/// How an HTTP/2 client begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What every request of a connection carries in its extensions.
#[derive(Clone)]
pub struct ConnectionContext {
    /// The client's address.
    pub peer: SocketAddr,
    /// Cancelled when the connection is to go: streams end themselves, the client connects again.
    pub retire: CancellationToken,
    /// One permit for each call that may be in the broker's hands.
    pub calls: Arc<Semaphore>,
    /// Who the client proved to be; none if it was not asked for a certificate.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The tenants whose calls came over it.
    pub tenants: Guests,
}

impl ConnectionContext {
    /// Cancelled when the connection of `request` is to go.
    #[must_use]
    pub fn retire<T>(request: &Request<T>) -> CancellationToken {
        request.extensions().get().map(|context: &Self| context.retire.clone()).unwrap_or_default()
    }
}

/// What a stream that is asked to go says.
pub(crate) fn draining() -> LeveeError {
    LeveeError::new(ErrorCode::Unavailable, "draining: the broker ends this connection")
        .with_hint("connect again")
}

/// How long connections live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    /// After which a connection is asked to go.
    pub age: Duration,
    /// From then, or from the begin of the drain, until it is cut.
    pub grace: Duration,
}

/// Serves connections.
#[derive(Clone)]
pub struct Server {
    /// What requests pass.
    pub stack: Stack,
    /// What encrypts connections; none: they are in plain text.
    pub tls: Option<Handshaker>,
    /// How long connections live.
    pub lifetime: Lifetime,
    /// Cancelled when the broker drains: every connection is asked to go.
    pub drain: CancellationToken,
    /// Cancelled when time is up: every connection is cut.
    pub cut: CancellationToken,
}

impl Server {
    /// Serves one connection until it and all its calls have ended.
    pub async fn run(self, accepted: Accepted) {
        let Accepted { stream, peer, place } = accepted;
        let open = metrics::gauge!("levee_connections", "listener" => "grpc");
        open.increment(1.0);
        match self.tls.clone() {
            None => self.talk(stream, peer, None).await,
            Some(tls) => {
                let handshake = tokio::select! {
                    handshake = tls.run(stream) => Some(handshake),
                    // No call was begun: the client connects elsewhere.
                    () = self.drain.cancelled() => None,
                };
                match handshake {
                    Some(Ok(Secured { stream, client })) => self.talk(stream, peer, client).await,
                    Some(Err(refusal)) => tracing::debug!(%peer, %refusal, "refused a connection"),
                    None => tracing::debug!(%peer, "closed a connection whose handshake was not over"),
                }
            }
        }
        open.decrement(1.0);
        drop(place);
    }

    /// Serves a connection that is as private as it is going to be.
    async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        peer: SocketAddr,
        client: Option<Client>,
    ) {
        match timeout(PREFACE_TIMEOUT, read_preface(stream)).await {
            Ok(Ok(io)) => {
                let calls = TaskTracker::new();
                self.serve(io, peer, client, &calls).await;
                calls.close();
                calls.wait().await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "closed a connection that speaks no HTTP/2"),
            Err(_) => tracing::debug!(%peer, "closed a connection that said nothing"),
        }
    }

    async fn serve(
        self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send,
        peer: SocketAddr,
        client: Option<Client>,
        calls: &TaskTracker,
    ) {
        let context = ConnectionContext {
            peer,
            retire: CancellationToken::new(),
            calls: Arc::new(Semaphore::new(MAX_CONCURRENT_STREAMS as usize)),
            certificate: client.as_ref().map(|client| Arc::clone(&client.certificate)),
            tenants: Guests::default(),
        };
        let Self { stack, tls: _, lifetime, drain, cut } = self;
        let retire = context.retire.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (head, body) = request.into_parts();
            let body = Aligned::new(body);
            let memory = body.memory();
            let mut request = http::Request::from_parts(head, Body::new(body));
            request.extensions_mut().insert(context.clone());
            request.extensions_mut().insert(memory);
            stack.clone().oneshot(request)
        });
        let http2 = limits::http2(TrackedExecutor(calls.clone()));
        let mut connection = pin!(http2.serve_connection(TokioIo::new(io), service));
        let mut age = pin!(tokio::time::sleep(lifetime.age));
        let mut turned_away = pin!(turned_away(client));

        tokio::select! {
            result = &mut connection => return log_end(peer, result),
            () = &mut turned_away => {
                retire.cancel();
                return log_turned_away(peer);
            }
            () = &mut age => {}
            () = drain.cancelled() => {}
        }
        // GOAWAY first, so that a client whose stream then ends opens its next one elsewhere.
        connection.as_mut().graceful_shutdown();
        retire.cancel();
        let mut grace = pin!(tokio::time::sleep(lifetime.grace));
        tokio::select! {
            result = &mut connection => log_end(peer, result),
            () = &mut turned_away => log_turned_away(peer),
            () = silent(calls) => tracing::debug!(%peer, "cut a connection that did not say goodbye"),
            () = &mut grace, if !drain.is_cancelled() => tracing::debug!(%peer, "cut a connection at its age"),
            () = cut.cancelled() => tracing::debug!(%peer, "cut a connection at the end of the drain"),
        }
    }
}

/// Resolves when there has been no call for [`GOODBYE_TIMEOUT`]. A client that answers closes the
/// connection sooner; one that does not must not hold up a stop.
async fn silent(calls: &TaskTracker) {
    calls.close();
    loop {
        calls.wait().await;
        tokio::time::sleep(GOODBYE_TIMEOUT).await;
        if calls.is_empty() {
            return;
        }
    }
}

/// Resolves when the client's certificate is not accepted any more.
async fn turned_away(client: Option<Client>) {
    match client {
        Some(client) => client.turned_away().await,
        None => pending().await,
    }
}

fn log_turned_away(peer: SocketAddr) {
    tracing::debug!(%peer, "cut a connection whose certificate is not accepted any more");
}

fn log_end(peer: SocketAddr, result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}

/// Reads the preface and puts it back.
async fn read_preface<T: AsyncRead + Unpin>(mut stream: T) -> io::Result<Rewound<T, { PREFACE.len() }>> {
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).await?;
    if preface != *PREFACE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not an HTTP/2 preface"));
    }
    Ok(Rewound::new(preface, stream))
}

/// Runs the calls of a connection on its tracker, so that a stop can wait for them.
#[derive(Clone)]
struct TrackedExecutor(TaskTracker);

impl<F> Executor<F> for TrackedExecutor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
