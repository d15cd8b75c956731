//! Clients that speak TLS.

use super::authority::{Authority, Issued};
use crate::harness::{Broker, PATIENCE};
use hyper_util::rt::TokioIo;
use levee_proto::v1;
use levee_proto::v1::cluster_service_client::ClusterServiceClient;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::TLS13;
use rustls::{AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// A client that believes `authority`, and may come with a certificate.
pub(super) fn config(authority: &Authority, own: Option<&Issued>) -> ClientConfig {
    config_of(authority, own, &TLS13)
}

pub(super) fn config_of(
    authority: &Authority,
    own: Option<&Issued>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => builder.with_client_auth_cert(own.chain(), own.private_key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// A connection after its handshake, as far as the client can tell.
pub(super) async fn connect(
    broker: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(broker).await?;
    let connecting = TlsConnector::from(Arc::clone(config)).connect("localhost".try_into().unwrap(), stream);
    timeout(PATIENCE, connecting).await.unwrap()
}

/// How the broker takes a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It speaks HTTP/2.
    Served,
    /// It says what is wrong.
    Alert(AlertDescription),
    /// It says nothing.
    Closed,
}

/// How the broker takes a connection with `config`. With an alert to come, the client must not speak: what the
/// broker does not read may cost the client what the broker said.
pub(super) async fn answer(broker: &Broker, config: ClientConfig, does_speak: bool) -> Answer {
    let mut stream = match connect(broker.grpc, &Arc::new(config)).await {
        Ok(stream) => stream,
        Err(error) => return refusal(&error),
    };
    if does_speak {
        // The preface, and empty settings.
        let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let _ = stream.write_all(hello).await;
    }
    match timeout(PATIENCE, stream.read_u8()).await.unwrap() {
        Ok(_) => Answer::Served,
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &io::Error) -> Answer {
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => Answer::Alert(*alert),
        _ => Answer::Closed,
    }
}

/// A channel that connects when it is used, and again when it must.
pub(super) fn channel(broker: SocketAddr, config: ClientConfig) -> Channel {
    let config = Arc::new(config);
    let connector = tower::service_fn(move |_| {
        let config = Arc::clone(&config);
        async move { connect(broker, &config).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").timeout(PATIENCE).connect_with_connector_lazy(connector)
}

/// One call.
pub(super) async fn call(channel: &Channel) -> Result<(), Status> {
    ClusterServiceClient::new(channel.clone()).get_status(v1::GetStatusRequest {}).await.map(drop)
}
