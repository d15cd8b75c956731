//! Q4, coarsely: who is throttled does not slow others down. The figures are those of the benchmarks.

use super::{RATE, create_tenant, offered};
use crate::small;
use levee_proto::v1::QuotaDimension;
use levee_tests::broker::Broker;
use levee_tests::raw::Raw;
use levee_tests::tenancy::{operator, quota, topic};
use offered::Offer;
use std::time::{Duration, Instant};

const LOOKED_AT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_tenant_does_not_slow_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, "abuser", vec![quota(QuotaDimension::Ingress, RATE)]).await;
    create_tenant(&endpoint, "victim", Vec::new()).await;
    for tenant in ["abuser", "victim"] {
        operator(&endpoint).create_topics(tenant, vec![topic("log", 1, &[])], false).await.expect("a topic");
    }
    let alone = measure(&endpoint).await;
    let abuse = tokio::spawn({
        let raws = (0..20).map(|_| Raw::tenant(&endpoint, "abuser")).collect();
        let offer = Offer { bytes_per_s: 5 * RATE, batch: 64 * 1024, topics: vec!["log".to_owned()] };
        // Longer than it is looked at the other one.
        async move { offer.produce(raws, LOOKED_AT * 10).await }
    });
    let beside = measure(&endpoint).await;
    abuse.abort();
    println!(
        "produce p50 {:?} p99 {:?} alone, p50 {:?} p99 {:?} beside",
        alone.0, alone.1, beside.0, beside.1
    );
    // Far more than what a benchmark may show: this machine also runs the abuser, and whatever else there is.
    assert!(
        beside.0 < alone.0 * 10 + Duration::from_millis(50),
        "the median went from {:?} to {:?}",
        alone.0,
        beside.0
    );
    assert!(beside.1 < Duration::from_secs(1), "the p99 went from {:?} to {:?}", alone.1, beside.1);
    broker.stop().await;
}

/// On a thread of its own, so that it does not wait for those who offer.
async fn measure(endpoint: &str) -> (Duration, Duration) {
    let endpoint = endpoint.to_owned();
    let measured = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { latencies(&Raw::tenant(&endpoint, "victim")).await })
    });
    measured.await.expect("it was measured")
}

/// Median and 99th percentile of produce calls, one after the other.
async fn latencies(raw: &Raw) -> (Duration, Duration) {
    let end = Instant::now() + LOOKED_AT;
    let mut all = Vec::new();
    while Instant::now() < end {
        let asked = Instant::now();
        offered::send(raw, "log", 1_000).await.expect("it can be produced");
        all.push(asked.elapsed());
    }
    all.sort();
    (all[all.len() / 2], all[all.len() * 99 / 100])
}
