//! Q5: a tenant that is throttled and does not take what it asked for costs bounded memory.

use super::{create_tenant, offered};
use crate::small;
use futures::channel::mpsc;
use levee_client::v1;
use levee_proto::v1::QuotaDimension;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Ask;
use levee_tests::broker::Broker;
use levee_tests::raw::Raw;
use levee_tests::tenancy::{operator, quota, topic};
use std::time::{Duration, Instant};
use tonic::Streaming;

const CONNECTIONS: usize = 10;
/// Readers of one connection: as many as it may have.
const READERS: usize = 100;
/// Memory of the whole broker.
const LIMIT_KIB: u64 = 512 * 1024;
/// So long nothing more goes out to those who take nothing, and the broker has what it will have of them.
const STEADY: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q5_slow_readers_cost_bounded_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, "slow", vec![quota(QuotaDimension::Egress, 100_000_000)]).await;
    create_tenant(&endpoint, "other", Vec::new()).await;
    for tenant in ["slow", "other"] {
        operator(&endpoint).create_topics(tenant, vec![topic("log", 1, &[])], false).await.expect("a topic");
    }
    let writer = Raw::tenant(&endpoint, "slow");
    // As large as usual. A batch that is larger than a share of the egress is held whole for each reader.
    for _ in 0..500 {
        offered::send(&writer, "log", 60_000).await.expect("it can be produced");
    }
    let before = broker.most_memory_kib();
    let mut readers = Vec::new();
    for _ in 0..CONNECTIONS {
        let raw = Raw::tenant(&endpoint, "slow");
        for _ in 0..READERS {
            readers.push(ask_for_everything(&raw).await);
        }
    }
    let (mut most, mut since) = (broker.most_memory_kib(), Instant::now());
    while since.elapsed() < STEADY {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = broker.most_memory_kib();
        if now > most {
            (most, since) = (now, Instant::now());
        }
    }
    println!("{} readers: from {before} to {most} KiB", readers.len());
    assert!(most <= LIMIT_KIB, "the broker took {most} KiB; it may take {LIMIT_KIB}");
    offered::send(&Raw::tenant(&endpoint, "other"), "log", 1_000).await.expect("others are served");
    drop(readers);
    broker.stop().await;
}

/// A reader that gives all the credit there is, and takes nothing.
async fn ask_for_everything(
    raw: &Raw,
) -> (mpsc::UnboundedSender<v1::ReadRequest>, Streaming<v1::ReadResponse>) {
    let from = Some(v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::Start.into())) });
    let positions = vec![v1::ReadPosition { topic: "log".to_owned(), partition: 0, from }];
    let start = v1::ReadStart { positions, credit_bytes: 64 * 1024 * 1024, stop_at_end: false };
    let (asks, asked) = mpsc::unbounded();
    asks.unbounded_send(v1::ReadRequest { kind: Some(Ask::Start(start)) }).expect("an open stream");
    let answers = raw.read().read(asked).await.expect("a stream").into_inner();
    (asks, answers)
}
