//! Q5: a tenant that is throttled and does not take what it asked for costs bounded memory.

use super::{create_tenant, offered};
use crate::metrics::scrape;
use crate::small;
use futures::channel::mpsc;
use levee_client::v1;
use levee_proto::v1::QuotaDimension;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Ask;
use levee_proto::v1::read_response::Kind as Answer;
use levee_tests::broker::Broker;
use levee_tests::history::Value;
use levee_tests::payload;
use levee_tests::raw::{self, Raw};
use levee_tests::tenancy::{operator, quota, topic};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tonic::{Status, Streaming};

/// Bytes that a reader asks for: all that it may.
const CREDIT: usize = 64 * 1024 * 1024;
const CONNECTIONS: usize = 10;
/// Readers of one connection: as many as it may have.
const READERS: usize = 100;
/// Memory of the whole broker.
const LIMIT_KIB: u64 = 512 * 1024;
/// So long nothing more goes out to those who take nothing, and the broker has what it will have of them.
const STEADY: Duration = Duration::from_secs(2);
/// Longer than this without an answer is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of each size so many are stored.
const BATCHES: u32 = 150;
/// Bytes of batches: as large as usual, and nearly as large as they may be.
const SIZES: [usize; 2] = [60_000, 900_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q5_slow_readers_cost_bounded_memory() {
    for bytes in SIZES {
        for quotas in [vec![quota(QuotaDimension::Egress, 100_000_000)], Vec::new()] {
            slow_readers(bytes, quotas).await;
        }
    }
}

/// A thousand readers take nothing. Another one takes what it asked for, and it is what was stored.
async fn slow_readers(bytes: usize, quotas: Vec<v1::Quota>) {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    let is_limited = !quotas.is_empty();
    create_tenant(&endpoint, "slow", quotas).await;
    create_tenant(&endpoint, "other", Vec::new()).await;
    for tenant in ["slow", "other"] {
        operator(&endpoint).create_topics(tenant, vec![topic("log", 1, &[])], false).await.expect("a topic");
    }
    let stored = write(&endpoint, BATCHES, bytes).await;
    let before = broker.most_memory_kib();
    let mut readers = Vec::new();
    for _ in 0..CONNECTIONS {
        let raw = Raw::tenant(&endpoint, "slow");
        for _ in 0..READERS {
            readers.push(ask_for_everything(&raw).await);
        }
    }
    let most = settled(|| broker.most_memory_kib()).await;
    println!("{} readers of batches of {bytes}: from {before} to {most} KiB", readers.len());
    assert!(most <= LIMIT_KIB, "the broker took {most} KiB; it may take {LIMIT_KIB}");
    offered::send(&Raw::tenant(&endpoint, "other"), "log", 1_000).await.expect("others are served");
    if !is_limited {
        // While they hold what is to be had, somebody else of the tenant reads.
        let mut reader = ask_for_everything(&Raw::tenant(&endpoint, "slow")).await;
        takes(&mut reader, &stored, CREDIT / bytes).await.expect("it is read");
    }
    drop(readers);
    broker.stop().await;
}

/// What is sent to a slow client in parts is gone before it has taken all of it: it is told, and may go on elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q5_a_slow_reader_is_told_that_what_it_takes_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, "slow", Vec::new()).await;
    operator(&endpoint).create_topics("slow", vec![topic("log", 1, &[])], false).await.expect("a topic");
    let stored = write(&endpoint, 8, 900_000).await;
    let mut readers = Vec::new();
    for _ in 0..40 {
        readers.push(ask_for_everything(&Raw::tenant(&endpoint, "slow")).await);
    }
    // The connections are full: of what comes next, all have been sent a part at most.
    let parts = || {
        let page = scrape(setup.http_port);
        let parts = page.lines().find_map(|line| line.strip_prefix("levee_read_parts_total "));
        parts.map_or(0, |parts| parts.parse().expect("a number"))
    };
    assert!(settled(parts).await > 0, "there was memory for all");
    operator(&endpoint).trim_partition("slow", "log", 0, 8).await.expect("it can be trimmed");
    let mut reasons = BTreeMap::new();
    for reader in &mut readers {
        let status = takes(reader, &stored, stored.len()).await.expect_err("not all of it is there");
        *reasons.entry(raw::reason(&status)).or_insert(0) += 1;
    }
    println!("{reasons:?}");
    // For some there was memory; they are told at the next batch.
    assert_eq!(reasons.keys().collect::<Vec<_>>(), ["OFFSET_OUT_OF_RANGE", "UNAVAILABLE"]);
    drop(readers);
    broker.stop().await;
}

/// What it comes to, when it does not change any more.
async fn settled(value: impl Fn() -> u64) -> u64 {
    let (mut last, mut since) = (value(), Instant::now());
    while since.elapsed() < STEADY {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = value();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Batches of different bytes; gives their checksums.
async fn write(endpoint: &str, batches: u32, bytes: usize) -> Vec<u32> {
    let writer = Raw::tenant(endpoint, "slow");
    let mut stored = Vec::new();
    for number in 0..batches {
        let value = payload::make(Value { writer: 0, counter: number }, bytes);
        let request = raw::request("log", 0, &[value], None);
        stored.push(crc32c::crc32c(&request.batch));
        writer.produce().produce(request).await.expect("it can be produced");
    }
    stored
}

type Reader = (mpsc::UnboundedSender<v1::ReadRequest>, Streaming<v1::ReadResponse>);

/// Reads until it has had so many batches, or more, of those with these checksums.
async fn takes((_, answers): &mut Reader, stored: &[u32], count: usize) -> Result<(), Status> {
    let mut next = 0;
    while next < count.min(stored.len()) {
        let answer = tokio::time::timeout(PATIENCE, answers.message()).await.expect("an answer in time")?;
        let Some(Answer::Batches(v1::ReadBatches { batches })) = answer.expect("more batches").kind else {
            continue;
        };
        for batch in batches {
            let crc = crc32c::crc32c(&batch.batch);
            assert_eq!((batch.base_offset, batch.batch_crc32c), (next as u64, crc));
            assert_eq!(stored.get(next), Some(&crc), "batch {next}");
            next += 1;
        }
    }
    Ok(())
}

/// A reader that gives all the credit there is, and takes nothing.
async fn ask_for_everything(raw: &Raw) -> Reader {
    let from = Some(v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::Start.into())) });
    let positions = vec![v1::ReadPosition { topic: "log".to_owned(), partition: 0, from }];
    let start = v1::ReadStart { positions, credit_bytes: CREDIT as u64, stop_at_end: false };
    let (asks, asked) = mpsc::unbounded();
    asks.unbounded_send(v1::ReadRequest { kind: Some(Ask::Start(start)) }).expect("an open stream");
    let answers = raw.read().read(asked).await.expect("a stream").into_inner();
    (asks, answers)
}
