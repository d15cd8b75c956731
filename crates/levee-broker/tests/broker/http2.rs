//! The limits of HTTP/2, with bare frames: what is advertised, what is refused, and that the broker
//! serves on.

use crate::harness::{Broker, PATIENCE};
use bytes::Bytes;
use http::{HeaderMap, Request};
use levee_broker::Settings;
use levee_broker::transport::limits;
use levee_proto::v1;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A connection on which frames are written by hand.
struct Raw(TcpStream);

impl Raw {
    async fn connect(broker: &Broker) -> Self {
        let mut stream = TcpStream::connect(broker.grpc).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let mut raw = Self(stream);
        raw.send(&frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    async fn send(&mut self, bytes: &[u8]) {
        // A connection that the broker has closed is what some tests wait for.
        let _ = self.0.write_all(bytes).await;
    }

    /// The next frame; none when the connection is closed.
    async fn receive(&mut self) -> Option<Frame> {
        self.receive_within(PATIENCE).await
    }

    async fn receive_within(&mut self, patience: Duration) -> Option<Frame> {
        timeout(patience, async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
            Some(Frame { kind: head[3], flags: head[4], stream, payload })
        })
        .await
        .unwrap()
    }

    /// The payload of the next ping, or of the answer to one.
    async fn ping(&mut self) -> Vec<u8> {
        loop {
            let frame = self.receive_within(Duration::from_secs(60)).await.expect("it is not cut");
            if frame.kind == PING {
                return frame.payload;
            }
        }
    }

    /// The error of the GOAWAY with which the broker ends the connection.
    async fn goaway(&mut self) -> Option<u32> {
        while let Some(frame) = self.receive().await {
            if frame.kind == GOAWAY {
                return Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
        None
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The headers of a call, each by its index or as a literal (RFC 7541).
fn headers(path: &str, extra: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    block.push(0x04);
    literal(&mut block, path);
    block.push(0x01);
    literal(&mut block, "localhost");
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(extra) {
        block.push(0x00);
        literal(&mut block, name);
        literal(&mut block, value);
    }
    block
}

/// A string without Huffman code, its length in 7 bits or more.
fn literal(block: &mut Vec<u8>, text: &str) {
    let byte = |value: usize| u8::try_from(value).unwrap();
    let mut length = text.len();
    if length < 127 {
        block.push(byte(length));
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(byte(length % 128) | 128);
            length /= 128;
        }
        block.push(byte(length));
    }
    block.extend(text.as_bytes());
}

async fn assert_serves(broker: &Broker) {
    broker.cluster().get_status(v1::GetStatusRequest {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn advertises_its_limits() {
    let broker = Broker::start().await;
    let mut raw = Raw::connect(&broker).await;
    let mut settings = BTreeMap::new();
    let mut window = 65_535;
    while settings.is_empty() || window == 65_535 {
        let frame = raw.receive().await.unwrap();
        match frame.kind {
            SETTINGS => settings.extend(frame.payload.chunks(6).map(|entry| {
                (
                    u16::from_be_bytes([entry[0], entry[1]]),
                    u32::from_be_bytes(entry[2..6].try_into().unwrap()),
                )
            })),
            WINDOW_UPDATE if frame.stream == 0 => {
                window += u32::from_be_bytes(frame.payload.try_into().unwrap());
            }
            _ => {}
        }
    }
    // Numbers, not the names of the constants: who changes one is to think about it twice.
    assert_eq!(settings.get(&3), Some(&100), "concurrent streams");
    assert_eq!(settings.get(&4), Some(&4_194_304), "bytes of the window of a stream");
    assert_eq!(settings.get(&5), Some(&262_144), "bytes of a frame");
    assert_eq!(settings.get(&6), Some(&16_384), "bytes of a header list");
    assert_eq!(window, 8_388_608, "bytes of the window of the connection");
    broker.stop().await;
}

/// Limits that are not advertised; the floods below and the silence show that they hold.
#[test]
fn the_other_limits_are_what_they_should_be() {
    assert_eq!(limits::MAX_PENDING_ACCEPT_RESET_STREAMS, 20);
    assert_eq!(limits::MAX_LOCAL_ERROR_RESET_STREAMS, 1_024);
    assert_eq!(limits::MAX_SEND_BUFFER_BYTES, 524_288);
    assert_eq!(limits::KEEPALIVE_INTERVAL.as_secs(), 30);
    assert_eq!(limits::KEEPALIVE_TIMEOUT.as_secs(), 10);
    assert_eq!(limits::PREFACE_TIMEOUT.as_secs(), 5);
    let settings = Settings::default().grpc;
    assert_eq!(settings.connection_age().as_secs(), 3_600);
    assert_eq!(settings.connection_age_grace().as_secs(), 30);
}

/// A client that is silent is asked for a sign of life after 30 seconds and cut 10 seconds later; one that
/// answers is not. Both waits are real: hyper's clock cannot be turned from here.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_pinged_and_cut() {
    let broker = Broker::start().await;
    let (tell, told) = oneshot::channel();
    let silent = async {
        let mut raw = Raw::connect(&broker).await;
        let began = Instant::now();
        let mut pinged = None;
        while let Some(frame) = raw.receive_within(Duration::from_secs(60)).await {
            if frame.kind == PING {
                pinged.get_or_insert(began.elapsed());
            }
        }
        tell.send(()).unwrap();
        (pinged.expect("a ping"), began.elapsed())
    };
    let alive = async {
        let mut raw = Raw::connect(&broker).await;
        let ping = raw.ping().await;
        raw.send(&frame(PING, ACK, 0, &ping)).await;
        told.await.unwrap();
        raw.send(&frame(PING, 0, 0, b"it lives")).await;
        assert_eq!(raw.ping().await, b"it lives");
    };
    let ((pinged, cut), ()) = tokio::join!(silent, alive);
    // Not much later: what is far over its time is not the limit that was set.
    assert!((29..40).contains(&pinged.as_secs()), "pinged after {pinged:?}");
    assert!((9..20).contains(&(cut - pinged).as_secs()), "cut {:?} after the ping", cut - pinged);
    broker.stop().await;
}

/// CVE-2023-44487.
#[tokio::test(flavor = "multi_thread")]
async fn rapid_reset_ends_the_connection() {
    let broker = Broker::start().await;
    let mut raw = Raw::connect(&broker).await;
    let block = headers("/levee.v1.ClusterService/GetStatus", &[]);
    let cancel = 8_u32.to_be_bytes();
    let mut flood = Vec::new();
    for stream in (1..4_000).step_by(2) {
        flood.extend(frame(HEADERS, END_HEADERS, stream, &block));
        flood.extend(frame(RST_STREAM, 0, stream, &cancel));
    }
    raw.send(&flood).await;
    assert_eq!(raw.goaway().await, Some(ENHANCE_YOUR_CALM));
    assert_serves(&broker).await;
    broker.stop().await;
}

/// CVE-2025-8671: streams that the broker must reset because of what the client does.
#[tokio::test(flavor = "multi_thread")]
async fn made_resets_end_the_connection() {
    let broker = Broker::start().await;
    let mut raw = Raw::connect(&broker).await;
    let block = headers("/levee.v1.ReadService/Read", &[]);
    // A window that overflows is an error of the stream, which the broker must reset.
    let overflow = 0x7fff_ffff_u32.to_be_bytes();
    let mut flood = Vec::new();
    for stream in (1..10_000).step_by(2) {
        flood.extend(frame(HEADERS, END_HEADERS, stream, &block));
        flood.extend(frame(WINDOW_UPDATE, 0, stream, &overflow));
    }
    raw.send(&flood).await;
    assert_eq!(raw.goaway().await, Some(ENHANCE_YOUR_CALM));
    assert_serves(&broker).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_list_over_the_limit_is_refused() {
    let broker = Broker::start().await;
    let mut raw = Raw::connect(&broker).await;
    let large = "x".repeat(17 * 1024);
    let block = headers("/levee.v1.ClusterService/GetStatus", &[("x-large", &large)]);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block)).await;
    let answer = loop {
        match raw.receive().await {
            Some(frame) if frame.stream == 1 => break frame,
            Some(frame) if frame.kind == GOAWAY => break frame,
            Some(_) => {}
            None => panic!("closed without a word"),
        }
    };
    // 0x88 is `:status: 200`, with which every answer of a service begins.
    assert!(answer.kind != HEADERS || answer.payload[0] != 0x88, "{:?}", answer.payload);
    assert_serves(&broker).await;
    broker.stop().await;
}

/// RUSTSEC-2024-0332: headers that never end.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_continuations_ends_the_connection() {
    let broker = Broker::start().await;
    let mut raw = Raw::connect(&broker).await;
    let block = headers("/levee.v1.ClusterService/GetStatus", &[]);
    raw.send(&frame(HEADERS, 0, 1, &block)).await;
    let mut part = Vec::new();
    part.push(0x00);
    literal(&mut part, "x-more");
    literal(&mut part, &"y".repeat(8 * 1024));
    for _ in 0..1_000 {
        raw.send(&frame(CONTINUATION, 0, 1, &part)).await;
    }
    while raw.receive().await.is_some() {}
    assert_serves(&broker).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_leaves_others_alone() {
    let broker = Broker::start().await;
    let mut raw = Raw::connect(&broker).await;
    let flood = frame(PING, 0, 0, &[0; 8]).repeat(20_000);
    // It does not read the answers, so it is not read from for long.
    let _ = timeout(Duration::from_secs(2), raw.send(&flood)).await;
    assert_serves(&broker).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http2_is_closed_at_once() {
    let broker = Broker::start().await;
    let mut stream = TcpStream::connect(broker.grpc).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty());
    assert_serves(&broker).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_closed_and_its_place_comes_back() {
    let broker = Broker::start_with(|settings| settings.grpc.max_connections = 2).await;
    let mut first = Raw::connect(&broker).await;
    let mut second = Raw::connect(&broker).await;
    assert!(first.receive().await.is_some() && second.receive().await.is_some());
    assert!(Raw::connect(&broker).await.receive().await.is_none());
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Its place is free as soon as the broker has noticed.
        if Raw::connect(&broker).await.receive().await.is_some() {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    broker.stop().await;
}

/// Headers of the answer to one call with this path and body.
async fn call(broker: &Broker, path: &str, body: &[u8]) -> (u16, HeaderMap) {
    let stream = TcpStream::connect(broker.grpc).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .method("POST")
        .uri(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (answer, mut sender) = client.send_request(request, false).unwrap();
    // The broker may have refused the headers already.
    let _ = sender.send_data(Bytes::copy_from_slice(body), true);
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    driver.abort();
    (answer.status().as_u16(), answer.headers().clone())
}

fn grpc_status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status").and_then(|status| status.to_str().ok())
}

/// No library sends such a path, so it is sent by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_without_its_first_slash_is_nothing() {
    let broker = Broker::start().await;
    for path in ["/levee.v1.ClusterService/GetStatus", "levee.v1.ClusterService/GetStatus"] {
        let mut raw = Raw::connect(&broker).await;
        raw.send(&frame(HEADERS, END_HEADERS, 1, &headers(path, &[]))).await;
        raw.send(&frame(DATA, END_STREAM, 1, &[0; 5])).await;
        let answer = loop {
            let frame = raw.receive().await.expect("it is answered");
            if frame.stream == 1 && [HEADERS, RST_STREAM].contains(&frame.kind) {
                break frame;
            }
        };
        // What is served has a body; what is refused ends with its headers, or without any.
        let is_served = answer.kind == HEADERS && answer.flags & END_STREAM == 0;
        assert_eq!(is_served, path.starts_with('/'), "{path}");
    }
    assert_serves(&broker).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_messages_are_refused() {
    let broker = Broker::start().await;
    let bodies: [&[u8]; 5] = [
        &[0, 0, 0, 0, 2, 0xff, 0xff],
        &[0, 0, 0, 0, 9, 1],
        &[7, 0, 0, 0, 0],
        &[1, 0, 0, 0, 1, 0],
        &[0, 0xff, 0xff, 0xff, 0xff],
    ];
    for body in bodies {
        let (_, headers) = call(&broker, "/levee.v1.TenantService/GetTenant", body).await;
        assert_eq!(grpc_status(&headers), Some("3"), "{body:?}: {headers:?}");
        assert!(headers.contains_key("grpc-status-details-bin"), "{body:?}");
    }
    assert_serves(&broker).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_given_up() {
    let broker = Broker::start_with(|settings| settings.grpc.request_timeout_ms = 500).await;
    let stream = TcpStream::connect(broker.grpc).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .method("POST")
        .uri("http://localhost/levee.v1.ProduceService/Produce")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (answer, mut sender) = client.send_request(request, false).unwrap();
    sender.send_data(Bytes::from_static(&[0, 0, 0]), false).unwrap();
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(grpc_status(answer.headers()), Some("4"), "{answer:?}");
    assert!(answer.headers().contains_key("levee-request-id"));
    driver.abort();
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let broker = Broker::start().await;
    let mut stream = TcpStream::connect(broker.grpc).await.unwrap();
    stream.write_all(&PREFACE[..10]).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty());
    broker.stop().await;
}
