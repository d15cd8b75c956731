//! Copying exactly once, in transactions of 750 records with the offsets in them, against copying with acknowledgements
//! and commits that follow each other: the same client, the same records, as many copiers.

use crate::bare::Reads;
use crate::pipeline::Producers;
use crate::process::{Kind, Server, TENANT, TOPIC};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use futures::future::try_join_all;
use levee_client::{
    Client, Consumer, ConsumerSettings, Delivery, PartitionOffset, ProducerSettings, Record,
    TransactionSettings,
};
use levee_tests::raw::Raw;
use levee_tests::tenancy::member;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TARGET: &str = "copies";
const PARTITIONS: u32 = 4;
/// Records of a transaction, or between two commits.
const RECORDS: usize = 750;
/// How long a copier waits for the next record: then it is at the end.
const END: Duration = Duration::from_secs(1);

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let bytes = bench.amount(256 << 20, 16 << 20);
    let (mut plain, mut exact) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let server = Server::start(Kind::Levee, bench, PARTITIONS, Reads::Nothing, 0, &[]).await?;
        let endpoint = server.endpoint();
        Raw::operator(&endpoint).create_topics(TENANT, &[TARGET], PARTITIONS).await?;
        Producers::connect(&endpoint, PARTITIONS).await?.run(bytes).await?;
        // Each is first every second time.
        for is_exact in [round.is_multiple_of(2), !round.is_multiple_of(2)] {
            let group = if is_exact { "exact" } else { "plain" };
            let rate = copy(&endpoint, group, is_exact).await?;
            if is_exact { exact.push(rate) } else { plain.push(rate) }
        }
    }
    bench.report.add(Figure {
        name: format!("copy: records/s exactly once, against a plain copy, {PARTITIONS} copiers"),
        peer: plain,
        levee: exact,
        target: Target::RatioAtLeast(0.8),
    });
    Ok(())
}

/// Copies everything; gives records a second, from the first to the last commit.
async fn copy(endpoint: &str, group: &str, is_exact: bool) -> Result<f64> {
    let copied = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let copiers = (0..PARTITIONS).map(|_| {
        let client = member(endpoint, TENANT);
        let copied = Arc::clone(&copied);
        async move {
            let consumer = client.consumer(ConsumerSettings::new(group, [TOPIC])).await?;
            if is_exact {
                in_transactions(&client, consumer, &copied, started).await
            } else {
                plainly(&client, consumer, &copied, started).await
            }
        }
    });
    let last = try_join_all(copiers).await?.into_iter().max().unwrap_or_default();
    Ok(copied.load(Ordering::Relaxed) as f64 / last.as_secs_f64())
}

/// Up to so many records of a consumer; none at the end.
async fn take(consumer: &mut Consumer) -> Result<Vec<(u32, u64, Record)>> {
    let mut records = Vec::with_capacity(RECORDS);
    while records.len() < RECORDS {
        let Ok(read) = tokio::time::timeout(END, consumer.next()).await else { break };
        let read = read?;
        records.push((read.partition, read.offset, Record { value: read.record.value, ..Record::default() }));
    }
    Ok(records)
}

async fn in_transactions(
    client: &Client,
    mut consumer: Consumer,
    copied: &AtomicU64,
    started: Instant,
) -> Result<Duration> {
    let mut producer = client.transactions(TransactionSettings::default()).await?;
    let mut last = Duration::ZERO;
    loop {
        let records = take(&mut consumer).await?;
        let count = records.len();
        if count == 0 {
            return Ok(last);
        }
        let mut transaction = producer.begin();
        for (partition, _, record) in records {
            transaction.send_to(TARGET, partition, record).await?;
        }
        transaction.commit_offsets(consumer.positions());
        match transaction.commit().await {
            Ok(_) => {
                copied.fetch_add(count as u64, Ordering::Relaxed);
                last = started.elapsed();
            }
            // Partitions move while the copiers join.
            Err(_) => consumer.rejoin(),
        }
    }
}

/// What is sent is acknowledged and committed while the next records are read and sent.
async fn plainly(
    client: &Client,
    mut consumer: Consumer,
    copied: &AtomicU64,
    started: Instant,
) -> Result<Duration> {
    let producer = client.producer(ProducerSettings::default()).await?;
    let mut last = Duration::ZERO;
    let mut waiting: (Vec<Delivery>, Vec<PartitionOffset>) = Default::default();
    loop {
        let records = take(&mut consumer).await?;
        let is_end = records.is_empty();
        let mut sent = Vec::with_capacity(records.len());
        for (partition, _, record) in records {
            sent.push(producer.send_to(TARGET, partition, record).await?);
        }
        let (deliveries, offsets) = std::mem::replace(&mut waiting, (sent, consumer.assignment()));
        let count = deliveries.len();
        for delivery in deliveries {
            delivery.await?;
        }
        if !offsets.is_empty() && count > 0 {
            // Partitions move while the copiers join.
            let _ = consumer.commit_offsets(&offsets).await;
            copied.fetch_add(count as u64, Ordering::Relaxed);
            last = started.elapsed();
        }
        if is_end {
            return Ok(last);
        }
    }
}
