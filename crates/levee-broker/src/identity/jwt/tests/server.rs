//! A server of keys over https.

use super::soon;
use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

/// What it says to everything.
#[derive(Clone)]
pub(super) enum Answer {
    Keys(String),
    Status(StatusCode),
    /// To another path, where the keys are.
    Redirect(String),
    /// No keys, behind a header of so many bytes.
    Head(usize),
    /// None, ever.
    Silence,
}

pub(super) struct Server {
    /// Where the keys are.
    pub(super) url: String,
    /// The CA of its certificate, in PEM.
    pub(super) ca: String,
    answer: Arc<Mutex<Answer>>,
    requests: watch::Sender<Vec<String>>,
    tracker: TaskTracker,
    accepting: tokio::task::JoinHandle<Infallible>,
}

impl Server {
    pub(super) async fn start(answer: Answer) -> Self {
        Self::start_as("127.0.0.1", answer).await
    }

    /// With a certificate for `name`.
    pub(super) async fn start_as(name: &str, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/keys?version=1", listener.local_addr().unwrap());
        let (ca, config) = certificate(name);
        let answer = Arc::new(Mutex::new(answer));
        let requests = watch::Sender::new(Vec::new());
        let tracker = TaskTracker::new();
        let serve = {
            let (answer, requests, tracker) = (Arc::clone(&answer), requests.clone(), tracker.clone());
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tracker.spawn(serve(stream, config.clone(), Arc::clone(&answer), requests.clone()));
                }
            }
        };
        let accepting = tracker.spawn(serve);
        Self { url, ca, answer, requests, tracker, accepting }
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The paths that were asked for.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Resolves when that many requests came.
    pub(super) async fn asked(&self, times: usize) {
        soon(self.requests.subscribe().wait_for(|requests| requests.len() >= times)).await.unwrap();
    }

    /// Takes no more connections.
    pub(super) async fn stop(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.tracker.close();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A CA in PEM, and a server with a certificate of it.
fn certificate(name: &str) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (ca.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    answer: Arc<Mutex<Answer>>,
    requests: watch::Sender<Vec<String>>,
) {
    // A client that does not trust it goes.
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(|request: Request<Incoming>| {
        let path = request.uri().to_string();
        requests.send_modify(|requests| requests.push(path));
        let answer = answer.lock().unwrap().clone();
        async move {
            let (status, location, body) = match answer {
                Answer::Keys(keys) => (StatusCode::OK, String::new(), keys),
                Answer::Status(status) => (status, String::new(), String::new()),
                Answer::Redirect(to) => (StatusCode::FOUND, to, String::new()),
                Answer::Head(bytes) => (StatusCode::OK, "x".repeat(bytes), String::new()),
                Answer::Silence => pending().await,
            };
            Response::builder().status(status).header(LOCATION, location).body(body)
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
