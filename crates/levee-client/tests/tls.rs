//! TLS over a real connection: who vouches for the server, and what the client shows of itself.

#![expect(clippy::unwrap_used, reason = "a test")]

use levee_client::v1::cluster_service_server::{ClusterService, ClusterServiceServer};
use levee_client::v1::{GetStatusRequest, GetStatusResponse};
use levee_client::{Client, ClientConfig, Error, ErrorKind, Identity, Secret, TlsSettings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::TaskTracker;
use tonic::transport::{Certificate, Identity as Pair, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// Somebody who vouches for certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for this name, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Tells what it saw of the client: the header, and how many certificates.
struct Mirror;

#[tonic::async_trait]
impl ClusterService for Mirror {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let header = request.metadata().get("authorization");
        Ok(Response::new(GetStatusResponse {
            reason: header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(),
            topics: request.peer_certs().map_or(0, |certificates| certificates.len() as u64),
            ..GetStatusResponse::default()
        }))
    }
}

/// A server for `name`, which wants certificates of its clients if an authority is given for them.
async fn serve(authority: &Authority, name: &str, of_clients: Option<&Authority>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (certificate, key) = authority.issue(name);
    let tls = ServerTlsConfig::new().identity(Pair::from_pem(certificate, key));
    let tls = match of_clients {
        None => tls,
        Some(authority) => tls.client_ca_root(Certificate::from_pem(&authority.pem)),
    };
    let server = Server::builder()
        .tls_config(tls)
        .unwrap()
        .add_service(ClusterServiceServer::new(Mirror))
        .serve_with_incoming(TcpListenerStream::new(listener));
    // It ends with the runtime of the test.
    TaskTracker::new().spawn(server);
    address
}

fn trusting(authority: &Authority) -> TlsSettings {
    TlsSettings { ca_pem: Some(authority.pem.clone()), ..TlsSettings::default() }
}

async fn ask(endpoint: String, identity: Identity, tls: TlsSettings) -> Result<GetStatusResponse, Error> {
    Client::new(ClientConfig { tls, ..ClientConfig::new(endpoint, identity) }).unwrap().admin().status().await
}

fn token() -> Identity {
    Identity::Token(Secret::new("levee_1_2"))
}

#[tokio::test]
async fn a_token_reaches_a_server_whom_the_given_authority_vouches_for() {
    let authority = Authority::new();
    let address = serve(&authority, "127.0.0.1", None).await;
    let status = ask(format!("https://{address}"), token(), trusting(&authority)).await.unwrap();
    assert_eq!((status.reason.as_str(), status.topics), ("Bearer levee_1_2", 0));
}

#[tokio::test]
async fn a_certificate_of_the_client_is_shown_with_and_without_a_token() {
    let (authority, of_clients) = (Authority::new(), Authority::new());
    let address = serve(&authority, "127.0.0.1", Some(&of_clients)).await;
    let (certificate, key) = of_clients.issue("svc.example");
    let tls = TlsSettings {
        certificate_pem: Some(certificate),
        key_pem: Some(Secret::new(key)),
        ..trusting(&authority)
    };
    for (identity, header) in [(Identity::Certificate, ""), (token(), "Bearer levee_1_2")] {
        let status = ask(format!("https://{address}"), identity, tls.clone()).await.unwrap();
        assert_eq!((status.reason.as_str(), status.topics), (header, 1));
    }
    let error = ask(format!("https://{address}"), token(), trusting(&authority)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.message().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn nothing_is_told_to_a_server_that_nobody_vouches_for() {
    let (authority, other) = (Authority::new(), Authority::new());
    let as_other = serve(&authority, "levee.example", None).await;
    let address = serve(&authority, "127.0.0.1", None).await;
    for (endpoint, tls, says) in [
        (format!("https://{address}"), trusting(&other), "invalid peer certificate"),
        (format!("https://{as_other}"), trusting(&authority), "not valid for name"),
        (format!("http://{address}"), TlsSettings::default(), "connection"),
    ] {
        let is_about_trust = endpoint.starts_with("https");
        let error = ask(endpoint, token(), tls).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.message().contains(says), "{error}");
        assert_eq!(error.hint().contains("authority"), is_about_trust, "{error:?}");
        assert!(!format!("{error:?}").contains("levee_1_2"), "{error:?}");
    }
}
