//! What is spoken, and that handshakes which do not come to their end cost nobody else anything.

use super::authority::Authority;
use super::client::{Answer, answer, call, channel, config, config_of, connect};
use super::files::Files;
use crate::harness::{Broker, PATIENCE};
use levee_broker::open_files;
use rustls::AlertDescription::{NoApplicationProtocol, ProtocolVersion};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The head of a record, and of the greeting in it, which does not come.
const HALF_A_GREETING: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

async fn start() -> (Authority, Files, Broker) {
    let authority = Authority::new("servers");
    let files = Files::new(&authority.server());
    let broker = files.start().await;
    (authority, files, broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_3_is_spoken_and_1_2_is_not() {
    let (authority, _files, broker) = start().await;
    assert_eq!(answer(&broker, config_of(&authority, None, &TLS13), true).await, Answer::Served);
    let refused = answer(&broker, config_of(&authority, None, &TLS12), true).await;
    assert_eq!(refused, Answer::Alert(ProtocolVersion));
    call(&channel(broker.grpc, config(&authority, None))).await.unwrap();
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_http2_is_negotiated() {
    let (authority, _files, broker) = start().await;
    for (protocols, expected) in [
        (vec!["h2"], Answer::Served),
        (vec!["http/1.1", "h2"], Answer::Served),
        (vec!["http/1.1"], Answer::Alert(NoApplicationProtocol)),
        (vec![], Answer::Closed),
    ] {
        let mut config = config(&authority, None);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        assert_eq!(answer(&broker, config, true).await, expected, "{protocols:?}");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_plain_text_is_refused_at_once() {
    let (_authority, _files, broker) = start().await;
    let begin = Instant::now();
    let mut stream = TcpStream::connect(broker.grpc).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    // It ends with a reset if the broker did not read all.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    // At most a record with an alert.
    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    assert!(broker.cluster().get_status(levee_proto::v1::GetStatusRequest {}).await.is_err());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_after_its_handshake_is_closed() {
    let (authority, _files, broker) = start().await;
    let mut stream = connect(broker.grpc, &Arc::new(config(&authority, None))).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_handshakes_are_gone_in_time_and_leave_others_alone() {
    open_files::raise_limit();
    let (authority, _files, broker) = start().await;
    let mut half_open = Vec::new();
    let mut begin = Instant::now();
    for index in 0..500 {
        let mut stream = TcpStream::connect(broker.grpc).await.unwrap();
        if index % 2 == 0 {
            stream.write_all(HALF_A_GREETING).await.unwrap();
        }
        half_open.push(stream);
    }
    let opened = begin.elapsed();
    assert!(opened < Duration::from_secs(4), "the first is gone before the last is there: {opened:?}");

    let mut slowest = Duration::ZERO;
    let connected = channel(broker.grpc, config(&authority, None));
    for _ in 0..20 {
        let call_begin = Instant::now();
        call(&connected).await.unwrap();
        call(&channel(broker.grpc, config(&authority, None))).await.unwrap();
        slowest = slowest.max(call_begin.elapsed());
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "all of that was beside them");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");

    begin += opened;
    for mut stream in half_open {
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_takes_the_place_of_a_connection() {
    let authority = Authority::new("servers");
    let files = Files::new(&authority.server());
    let broker = Broker::start_with(|settings| {
        settings.tls = files.settings();
        settings.grpc.max_connections = 1;
    })
    .await;
    let half_open = TcpStream::connect(broker.grpc).await.unwrap();
    assert_eq!(answer(&broker, config(&authority, None), true).await, Answer::Closed);
    drop(half_open);
    let deadline = Instant::now() + PATIENCE;
    // Its place is free as soon as the broker has noticed.
    while answer(&broker, config(&authority, None), true).await != Answer::Served {
        assert!(Instant::now() < deadline);
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_end_does_not_hold_up_a_stop() {
    let (authority, _files, broker) = start().await;
    let mut half_open = TcpStream::connect(broker.grpc).await.unwrap();
    half_open.write_all(HALF_A_GREETING).await.unwrap();
    // Connections are taken in their order.
    assert_eq!(answer(&broker, config(&authority, None), true).await, Answer::Served);
    let begin = Instant::now();
    broker.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

/// How the second of two connections comes about.
async fn second(broker: &Broker, config: rustls::ClientConfig) -> HandshakeKind {
    let config = Arc::new(config);
    let mut first = connect(broker.grpc, &config).await.unwrap();
    // Tickets come before what is answered to this.
    first.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    timeout(PATIENCE, first.read_u8()).await.unwrap().unwrap();
    let second = connect(broker.grpc, &config).await.unwrap();
    second.get_ref().1.handshake_kind().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed_unless_clients_bring_certificates() {
    let authority = Authority::new("all");
    let files = Files::new(&authority.server());
    let broker = files.start().await;
    assert_eq!(second(&broker, config(&authority, None)).await, HandshakeKind::Resumed);
    broker.stop().await;

    files.write("client-ca", &authority.pem());
    let broker = files.start().await;
    let own = authority.client(&[super::authority::dns("orders.acme")]);
    let kind = second(&broker, config(&authority, Some(&own))).await;
    assert!(matches!(kind, HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest), "{kind:?}");
    broker.stop().await;
}
