//! Metrics and health over HTTP.

use crate::harness::Broker;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) async fn get(broker: &Broker, request: &str) -> String {
    let mut stream = TcpStream::connect(broker.http).await.unwrap();
    stream
        .write_all(format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_health_and_metrics_and_nothing_else() {
    let broker = Broker::start().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = get(&broker, &format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("serving\n"), "{answer}");
    }
    assert!(get(&broker, "GET /metrics").await.starts_with("HTTP/1.1 200"));
    assert!(get(&broker, "GET /").await.starts_with("HTTP/1.1 404"));
    assert!(get(&broker, "POST /metrics").await.starts_with("HTTP/1.1 405"));
    let long = format!("GET /{}", "x".repeat(20 * 1024));
    assert!(get(&broker, &long).await.starts_with("HTTP/1.1 4"));
    broker.stop().await;
}
