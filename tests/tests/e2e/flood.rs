//! Strangers: what those who have no credential can make the broker use of memory, by whatever they send (R1).

use crate::small;
use levee_broker::transport::limits::{MAX_CONCURRENT_STREAMS, MAX_FRAME_BYTES, MAX_HEADER_LIST_BYTES};
use levee_client::{Client, ClientConfig, Identity, Secret, TlsSettings};
use levee_tests::broker::{Broker, Setup};
use levee_tests::tls::Certificate;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections that the broker takes.
const CONNECTIONS: u64 = 200;
/// What each of them may cost, whatever comes over it: the headers of its streams, and a frame.
const CONNECTION_KIB: u64 =
    (MAX_CONCURRENT_STREAMS as u64 * MAX_HEADER_LIST_BYTES as u64 + MAX_FRAME_BYTES as u64) / 1024;
/// What everything else may cost beyond what the broker has at its start.
const REST_KIB: u64 = 32 * 1024;
/// How long a stranger tries to say what it has to say.
const SAYS_WITHIN: Duration = Duration::from_secs(3);
/// How long an operator tries to be served.
const SERVED_WITHIN: Duration = Duration::from_secs(30);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
/// Streams that a stranger opens: more than a connection may have.
const STREAMS: u32 = 2 * MAX_CONCURRENT_STREAMS;

/// What a connection says. It goes on to the end whatever the broker answers, and never reads it.
struct Flood {
    what: &'static str,
    bytes: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_strangers_cost_bounded_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup =
        small(&dir.path().join("data")).with_authentication().set("grpc.max_connections", CONNECTIONS);
    let broker = Broker::start(&setup).await;
    let token = broker.bootstrap_token().expect("the first start tells a token");
    let floods = [
        Flood { what: "nothing", bytes: vec![] },
        Flood { what: "half a preface", bytes: PREFACE[..10].to_vec() },
        Flood { what: "no HTTP/2", bytes: vec![b'x'; 1 << 20] },
        Flood { what: "calls with long headers", bytes: opened(&calls(15_000, 0)) },
        Flood { what: "calls with bodies", bytes: opened(&calls(0, 60_000)) },
        Flood { what: "resets", bytes: opened(&resets(2_000)) },
        Flood { what: "continuations", bytes: opened(&continuations(300)) },
        Flood { what: "pings", bytes: opened(&frame(PING, 0, 0, &[0; 8]).repeat(20_000)) },
        Flood { what: "settings", bytes: opened(&frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]).repeat(20_000)) },
        Flood { what: "empty data", bytes: opened(&[calls(0, 0), empty_data(20_000)].concat()) },
    ];
    stand(&broker, &Endpoint::plain(setup.port, &token), &floods).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_half_handshakes_cost_bounded_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data")).with_authentication();
    // The first start needs no TLS to tell its token.
    let broker = Broker::start(&setup).await;
    let token = broker.bootstrap_token().expect("the first start tells a token");
    broker.stop().await;
    let (setup, endpoint) = with_tls(setup.set("grpc.max_connections", CONNECTIONS), dir.path(), &token);
    let broker = Broker::start(&setup).await;
    let hello = client_hello(&endpoint).await;
    let floods = [
        Flood { what: "half a hello", bytes: hello[..hello.len() / 2].to_vec() },
        Flood { what: "a hello and no more", bytes: hello.clone() },
        Flood { what: "a hello in pieces", bytes: [&hello[..], &[0x17, 3, 3, 0x40, 0]].concat() },
        Flood { what: "plain text", bytes: opened(&calls(15_000, 0)) },
    ];
    stand(&broker, &endpoint, &floods).await;
    broker.stop().await;
}

/// Lets each flood loose from as many connections as the broker takes: an operator is served afterwards, and the
/// most memory that the broker ever had stays within its bounds.
async fn stand(broker: &Broker, endpoint: &Endpoint, floods: &[Flood]) {
    endpoint.call().await;
    let before_kib = broker.most_memory_kib();
    let limit_kib = CONNECTIONS * CONNECTION_KIB + REST_KIB;
    for Flood { what, bytes } in floods {
        let mut strangers = JoinSet::new();
        for _ in 0..CONNECTIONS {
            strangers.spawn(rush(endpoint.port, bytes.clone()));
        }
        // They hold their connections until all have said what they have to say.
        let held = strangers.join_all().await;
        drop(held);
        let begun = Instant::now();
        endpoint.call().await;
        let used_kib = broker.most_memory_kib().saturating_sub(before_kib);
        println!("{what}: {used_kib} KiB of {limit_kib}, served after {:?}", begun.elapsed());
        assert!(
            used_kib <= limit_kib,
            "{what}: the broker took {used_kib} KiB more; it may take {limit_kib}"
        );
    }
}

/// Says it over a connection of its own, and reads nothing. None: the broker closed it.
async fn rush(port: u16, bytes: Vec<u8>) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    // Who is not read from any more has said enough.
    match timeout(SAYS_WITHIN, stream.write_all(&bytes)).await {
        Ok(Err(_)) => None,
        Ok(Ok(())) | Err(_) => Some(stream),
    }
}

/// How an operator reaches the broker.
struct Endpoint {
    port: u16,
    client: ClientConfig,
}

impl Endpoint {
    fn plain(port: u16, token: &str) -> Self {
        let identity = Identity::Token(Secret::new(token));
        Self { port, client: ClientConfig::new(format!("http://127.0.0.1:{port}"), identity) }
    }

    /// A call on a connection of its own. While strangers hold every place, it comes again.
    async fn call(&self) {
        let end = Instant::now() + SERVED_WITHIN;
        loop {
            let admin = Client::new(self.client.clone()).expect("a client").admin();
            match admin.status().await {
                Ok(_) => return,
                Err(error) => assert!(Instant::now() < end, "the operator is not served: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A broker with a certificate of its own, and how to reach it.
fn with_tls(setup: Setup, dir: &Path, token: &str) -> (Setup, Endpoint) {
    let certificate = Certificate::new(dir);
    let setup = setup.with_tls(&certificate);
    let mut client =
        ClientConfig::new(format!("https://localhost:{}", setup.port), Identity::Token(Secret::new(token)));
    client.tls = TlsSettings { ca_pem: Some(certificate.pem), ..TlsSettings::default() };
    let endpoint = Endpoint { port: setup.port, client };
    (setup, endpoint)
}

/// What a client says first, recorded.
async fn client_hello(endpoint: &Endpoint) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut config = endpoint.client.clone();
    config.endpoint = format!("https://localhost:{port}");
    let admin = Client::new(config).expect("a client").admin();
    let record = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.expect("the head of a record");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).await.expect("a record");
        [&head[..], &hello].concat()
    };
    tokio::select! {
        hello = record => hello,
        _ = admin.status() => panic!("nobody answers it"),
    }
}

/// Everything that opens a connection, and then this.
fn opened(frames: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[]), frames].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).expect("a frame's length").to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The headers of a call without a valid credential, with so long a value (RFC 7541, without indexing).
fn headers(value_bytes: usize) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let value = "x".repeat(value_bytes);
    let token = format!("Bearer levee_{}_{}", "0".repeat(32), "1".repeat(64));
    block.push(0x04);
    literal(&mut block, "/levee.v1.ProduceService/Produce");
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", token.as_str()),
        ("x", &value),
    ] {
        block.push(0x00);
        literal(&mut block, name);
        literal(&mut block, value);
    }
    block
}

/// A string, its length in 7 bits and then as many as it takes.
fn literal(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).expect("7 bits"));
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128 + 128).expect("8 bits"));
            length /= 128;
        }
        block.push(u8::try_from(length).expect("7 bits"));
    }
    block.extend(text.as_bytes());
}

fn streams() -> impl Iterator<Item = u32> {
    (0..STREAMS).map(|number| number * 2 + 1)
}

/// Calls that do not end, as many as a connection may have, with long headers and the begin of a body.
fn calls(header_bytes: usize, body_bytes: usize) -> Vec<u8> {
    let block = headers(header_bytes);
    let body = vec![0; body_bytes];
    let call = |stream| {
        let body = body.chunks(16_384).flat_map(move |part| frame(DATA, 0, stream, part));
        frame(HEADERS, END_HEADERS, stream, &block).into_iter().chain(body).collect::<Vec<_>>()
    };
    streams().flat_map(call).collect()
}

/// Calls that are taken back at once.
fn resets(count: u32) -> Vec<u8> {
    let block = headers(0);
    let reset = |number| {
        let stream = number * 2 + 1;
        [frame(HEADERS, END_HEADERS, stream, &block), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    (0..count).flat_map(reset).collect()
}

/// Headers without an end.
fn continuations(count: usize) -> Vec<u8> {
    let mut block = vec![0x00];
    literal(&mut block, "x");
    literal(&mut block, &"x".repeat(16_000));
    [frame(HEADERS, 0, 1, &headers(0)), frame(CONTINUATION, 0, 1, &block).repeat(count)].concat()
}

fn empty_data(count: usize) -> Vec<u8> {
    frame(DATA, 0, 1, &[]).repeat(count)
}
