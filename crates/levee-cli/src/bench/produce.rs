//! `levee bench produce`

use super::collector::{Sent, Tally, collect};
use super::payload::Payload;
use super::progress::{self, Progress};
use super::report::{Report, process_cpu};
use super::schedule::{Limit, Schedule};
use crate::address::TopicAddress;
use crate::cli::bench::BenchProduceArgs;
use crate::failure::Failure;
use crate::output::{self, View};
use crate::session::{Scope, Session};
use futures::future::join_all;
use levee_client::v1::TopicSpec;
use levee_client::{Producer, ProducerSettings, Record};
use levee_types::Clock;
use levee_types::limits::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::mpsc::{self, Sender};
use tokio_util::task::TaskTracker;

/// Records of one producer that wait for the collector, so that what nobody looked at yet stays bounded.
const COLLECTOR_QUEUE: usize = 64 * 1024;

/// Runs the bench.
///
/// # Errors
/// It cannot start, or a record failed.
pub(crate) async fn produce(args: &BenchProduceArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let partitions = prepare_topic(args, &address, session).await?;
    let batch = Batch::plan(args.batch_bytes, args.record_bytes);
    let settings = ProducerSettings {
        linger: args.linger,
        batch_bytes: batch.bytes,
        compression: args.compression.into(),
        ..ProducerSettings::default()
    };
    let mut producers = Vec::new();
    for _ in 0..args.producers {
        // A client each: producers of the real world do not share a connection.
        let Scope { client, .. } = session.records_of(&address).await?;
        producers.push(session.ask(client.producer(settings.clone())).await?);
    }
    let payloads: Vec<_> =
        (0..args.producers).map(|seed| Payload::new(args.payload, args.record_bytes, seed.into())).collect();

    let tasks = TaskTracker::new();
    let clock = session.clock();
    let limit = args.records.map_or(Limit::Duration(args.duration), Limit::Records);
    let cpu_before = process_cpu();
    let (schedule, pacer) = Schedule::start(limit, args.rate, Arc::clone(clock));
    let schedule = Arc::new(schedule);
    let pacer = pacer.map(|(pacer, guard)| {
        tasks.spawn_blocking(move || pacer.run());
        guard
    });

    let mut workers = Vec::new();
    let mut parts = Vec::new();
    for (number, (producer, payload)) in (0..).zip(producers.into_iter().zip(payloads)) {
        let progress = Arc::new(Progress::default());
        let (sent, received) = mpsc::channel(COLLECTOR_QUEUE);
        let collector = tasks.spawn(collect(received, partitions, Arc::clone(clock), Arc::clone(&progress)));
        let worker = Worker {
            producer,
            payload,
            topic: address.topic.as_str().to_owned(),
            // Producers begin at different partitions.
            partition: number * partitions / u32::from(args.producers),
            partitions,
            batch,
            schedule: Arc::clone(&schedule),
            clock: Arc::clone(clock),
            sent,
        };
        workers.push((tasks.spawn(worker.run()), collector));
        parts.push(progress);
    }
    let work = join_all(workers.into_iter().map(async |(worker, collector)| (worker.await, collector.await)));
    let outcomes = progress::show_until(work, &parts, Some(args.record_bytes), limit, &**clock).await;
    drop(pacer);

    let cpu = process_cpu().saturating_sub(cpu_before);
    let mut tally = Tally::new();
    for outcome in outcomes {
        let (Ok(stopped), Ok(collected)) = outcome else { return Err(Failure::defect()) };
        tally.merge(collected);
        if let Some(failure) = stopped {
            tally.fail(|| failure);
        }
    }
    let planned = schedule.planned().unwrap_or_default();
    let not_sent = planned.saturating_sub(tally.done + tally.failed);
    if not_sent > 0 {
        output::note(
            "warning: the rate was not reached, so that latencies lack the records that were not sent",
        );
    }
    let elapsed = tally.last.saturating_sub(schedule.started());
    let bytes = tally.done * args.record_bytes as u64;
    let settings = describe(args, partitions);
    Report { kind: "produce", topic: address, settings, tally, not_sent, bytes, elapsed, cpu }.finish()
}

/// A full batch. One producer sends this many records to a partition before it turns to the next one, so
/// that batches are full, and none waits for its linger, whatever the number of partitions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    records: usize,
    /// What makes the client send it: exactly these records.
    bytes: usize,
}

impl Batch {
    fn plan(batch_bytes: usize, record_bytes: usize) -> Self {
        let record = field_bytes(field_bytes(record_bytes));
        let records = (batch_bytes / record).clamp(1, MAX_BATCH_RECORDS);
        Self { records, bytes: (records * record).min(MAX_BATCH_BYTES) }
    }
}

/// What a field of this many bytes takes in protobuf: a tag, a length and itself.
fn field_bytes(bytes: usize) -> usize {
    let length = (usize::BITS - (bytes | 1).leading_zeros()).div_ceil(7) as usize;
    1 + length + bytes
}

struct Worker {
    producer: Producer,
    payload: Payload,
    topic: String,
    partition: u32,
    partitions: u32,
    batch: Batch,
    schedule: Arc<Schedule<dyn Clock>>,
    clock: Arc<dyn Clock>,
    sent: Sender<Sent>,
}

impl Worker {
    /// Sends until the schedule ends. A record that the producer does not take ends the worker, and is what
    /// is returned.
    async fn run(mut self) -> Option<Failure> {
        let mut left = self.batch.records as u64;
        let mut failure = None;
        'schedule: while let Some(claim) = self.schedule.claim(left).await {
            for _ in 0..claim.records {
                let since = claim.intended.unwrap_or_else(|| self.clock.monotonic());
                let value = Some(self.payload.next());
                let record = Record { key: None, value, ..Record::default() };
                match self.producer.send_to(&self.topic, self.partition, record).await {
                    Ok(delivery) => {
                        let sent = Sent { partition: self.partition, since, delivery };
                        if self.sent.send(sent).await.is_err() {
                            break 'schedule;
                        }
                    }
                    Err(error) => {
                        failure = Some(Failure::from(error));
                        break 'schedule;
                    }
                }
            }
            left -= claim.records;
            if left == 0 {
                left = self.batch.records as u64;
                self.partition = (self.partition + 1) % self.partitions;
            }
        }
        // What fails here fails a delivery too, and is counted there.
        let _ = self.producer.close().await;
        failure
    }
}

/// The number of partitions of the topic, which is created if that was asked for.
async fn prepare_topic(
    args: &BenchProduceArgs,
    address: &TopicAddress,
    session: &Session,
) -> Result<u32, Failure> {
    let scope = session.records_of(address).await?;
    let Some(wanted) = args.partitions else {
        return Ok(session.topic(&scope, address).await?.partitions);
    };
    let durability =
        args.durability.map(|durability| ("durability".to_owned(), durability.as_str().to_owned()));
    let name = address.topic.to_string();
    let spec = TopicSpec { name, partitions: wanted, config: durability.into_iter().collect() };
    let made = session.ask(scope.admin().create_topics(&scope.tenant, vec![spec], true)).await?;
    if let Some((_, error)) = made.failures.into_iter().next() {
        return Err(error.into());
    }
    let found = session.topic(&scope, address).await?.partitions;
    if found == wanted {
        return Ok(found);
    }
    Err(Failure::usage(format!("topic {address} exists with {found} partitions, not {wanted}"))
        .with_hint("leave --partitions out to take it as it is"))
}

fn describe(args: &BenchProduceArgs, partitions: u32) -> Map<String, Value> {
    let names = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    Map::from_iter(
        [
            ("record_bytes", json!(args.record_bytes)),
            ("batch_bytes", json!(args.batch_bytes)),
            ("producers", json!(args.producers)),
            ("partitions", json!(partitions)),
            ("rate", json!(args.rate)),
            ("linger_ms", json!(args.linger.as_secs_f64() * 1e3)),
            ("compression", json!(names(&args.compression))),
            ("payload", json!(names(&args.payload))),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

#[cfg(test)]
mod tests;
