//! A queue with 64 workers on one partition: how much is acknowledged, and how soon a rejected record comes again.

use crate::bare::Reads;
use crate::payload::Batch;
use crate::process::{Kind, Server, TENANT, TOPIC};
use crate::report::{Figure, Target};
use crate::statistics::percentile;
use crate::{Bench, Result};
use futures::future::try_join_all;
use levee_proto::v1;
use levee_proto::v1::work_response::Kind as Answer;
use levee_tests::raw::{Raw, Worker};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const WORKERS: usize = 64;
/// Records that a worker may have.
const CREDIT: u32 = 50;
const VALUE_BYTES: usize = 100;
const BATCH_RECORDS: usize = 500;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let records = bench.amount(200_000, 10_000);
    let rejected = usize::try_from(bench.amount(5_000, 500))?;
    let (mut rates, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let server = Server::start(Kind::Levee, bench, 1, Reads::Nothing, 0, &[]).await?;
        let endpoint = server.endpoint();
        fill(&endpoint, records).await?;
        rates.push(acknowledge_all(&endpoint, records).await?);
        let times = reject_some(&endpoint, rejected).await?;
        p50.push(percentile(&times, 50.0));
        p99.push(percentile(&times, 99.0));
    }
    let mut add = |name: &str, levee| {
        bench.report.add(Figure { name: name.to_owned(), peer: Vec::new(), levee, target: Target::None });
    };
    add("queue: records/s acknowledged, 64 workers on one partition", rates);
    add("queue: ms from a reject to the next delivery, p50", p50);
    add("queue: ms from a reject to the next delivery, p99", p99);
    Ok(())
}

async fn fill(endpoint: &str, records: u64) -> Result<()> {
    let raw = Raw::tenant(endpoint, TENANT);
    let batch = Batch::of((0..BATCH_RECORDS).map(|_| vec![b'x'; VALUE_BYTES].into()));
    for _ in 0..records / BATCH_RECORDS as u64 {
        raw.produce().produce(batch.request(TOPIC, 0, None)).await?;
    }
    Ok(())
}

async fn work(endpoint: &str, group: &str, credit: u32) -> Result<Worker> {
    let settings = v1::QueueSettings {
        topics: vec![TOPIC.to_owned()],
        max_deliveries: 1_000,
        ..v1::QueueSettings::default()
    };
    let start = v1::WorkStart { group: group.to_owned(), settings: Some(settings), lease_ms: 60_000, credit };
    Ok(Raw::tenant(endpoint, TENANT).work(start).await?)
}

/// Every worker acknowledges what it gets at once; gives records a second.
async fn acknowledge_all(endpoint: &str, records: u64) -> Result<f64> {
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(work(endpoint, "jobs", CREDIT).await?);
    }
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let all = workers.into_iter().map(|mut worker| {
        let done = Arc::clone(&done);
        async move {
            let mut waiting = std::collections::VecDeque::new();
            while done.load(Ordering::Relaxed) < records {
                // Others may have done the last.
                let Ok(answer) = tokio::time::timeout(Duration::from_millis(500), worker.next()).await else {
                    continue;
                };
                match answer? {
                    Answer::Deliveries(deliveries) => {
                        let acknowledge: Vec<_> =
                            deliveries.deliveries.iter().map(|delivery| delivery.delivery_id).collect();
                        let count = acknowledge.len();
                        waiting.push_back(count as u64);
                        worker.settle(v1::WorkSettle { acknowledge, ..v1::WorkSettle::default() });
                        worker.credit(u32::try_from(count)?);
                    }
                    Answer::Settled(settled) if settled.failures.is_empty() => {
                        done.fetch_add(waiting.pop_front().ok_or("an answer to nothing")?, Ordering::Relaxed);
                    }
                    other => return Err(format!("a worker is told {other:?}").into()),
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(started.elapsed())
        }
    });
    // Who has nothing left to do notices late: the last answer counts.
    let first = try_join_all(all).await?.into_iter().min().unwrap_or_default();
    Ok(records as f64 / first.as_secs_f64())
}

/// The times in ms from rejecting a record to getting it again, each once.
async fn reject_some(endpoint: &str, count: usize) -> Result<Vec<f64>> {
    let mut worker = work(endpoint, "rejects", CREDIT).await?;
    let mut rejected = HashMap::new();
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let Answer::Deliveries(deliveries) = worker.next().await? else { continue };
        let mut settle = v1::WorkSettle::default();
        for delivery in deliveries.deliveries {
            match rejected.remove(&delivery.offset) {
                Some(at) => {
                    let at: Instant = at;
                    times.push(at.elapsed().as_secs_f64() * 1e3);
                    settle.acknowledge.push(delivery.delivery_id);
                }
                None => {
                    rejected.insert(delivery.offset, Instant::now());
                    let delivery_id = delivery.delivery_id;
                    settle.reject.push(v1::WorkReject { delivery_id, ..v1::WorkReject::default() });
                }
            }
        }
        let settled = settle.acknowledge.len() + settle.reject.len();
        worker.settle(settle);
        worker.credit(u32::try_from(settled)?);
    }
    Ok(times)
}
