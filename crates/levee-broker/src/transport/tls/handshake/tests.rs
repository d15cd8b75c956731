//! What a handshake gives, and what is counted of those that are refused.

use super::{Endpoint, HTTP2, Handshaker, Refusal, Secured};
use crate::transport::tls::fixture::{DAY, Issued, Manual, NEW_YEAR};
use levee_types::Clock;
use metrics_exporter_prometheus::PrometheusBuilder;
use rcgen::SanType;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

/// Believes every broker: these are tests of the other side.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client with this certificate, if it has one.
fn client(own: Option<&Issued>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let mut config = match own {
        Some(own) => builder.with_client_auth_cert(vec![own.certificate.clone()], own.key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config
}

/// Does a handshake of `issued`'s broker with a client; none: with one that speaks in plain text.
async fn handshake(issued: &Issued, client: Option<ClientConfig>) -> Result<Secured, Refusal> {
    let clock = Manual::at(NEW_YEAR + DAY) as Arc<dyn Clock>;
    let endpoint = Endpoint::new(&issued.contents(None), &clock).unwrap();
    let handshaker = Handshaker::new(watch::Sender::new(Arc::new(endpoint)).subscribe());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        match client {
            Some(config) => {
                let connecting =
                    TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream);
                let _ = connecting.await;
            }
            None => stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap(),
        }
    };
    let broker = async {
        let (stream, _) = listener.accept().await.unwrap();
        handshaker.run(stream).await
    };
    tokio::join!(client, broker).1
}

#[test]
fn a_client_is_known_by_its_certificate_and_refusals_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    // All on this thread, where the recorder is.
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let issued = Issued::new(&[SanType::DnsName("orders.acme".try_into().unwrap())]);
            let secured = handshake(&issued, Some(client(Some(&issued)))).await.ok().unwrap();
            let certificate = secured.client.unwrap().certificate;
            assert_eq!(certificate.name, "DNS:orders.acme");
            assert_eq!(certificate.not_after_ms, (NEW_YEAR + 365 * DAY) * 1_000);
            assert!(!shown.render().contains("levee_tls_refused_total"));

            let nobody = Issued::new(&[]);
            let mut without_protocol = client(Some(&issued));
            without_protocol.alpn_protocols.clear();
            for (result, reason) in [
                (handshake(&issued, None).await, "handshake"),
                (handshake(&issued, Some(client(None))).await, "certificate"),
                (handshake(&issued, Some(client(Some(&nobody)))).await, "certificate"),
                (handshake(&nobody, Some(client(Some(&nobody)))).await, "name"),
                (handshake(&issued, Some(without_protocol)).await, "protocol"),
            ] {
                assert_eq!(result.err().map(|refusal| refusal.reason()), Some(reason));
            }
        });
    });
    let rendered = shown.render();
    for (reason, count) in [("handshake", 1), ("certificate", 2), ("name", 1), ("protocol", 1)] {
        let line = format!("levee_tls_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(rendered.contains(&line), "{rendered}");
    }
}
