//! `levee bench consume`

use super::collector::Tally;
use super::progress::{self, Progress};
use super::report::{Report, process_cpu};
use super::schedule::Limit;
use crate::cli::bench::BenchConsumeArgs;
use crate::failure::Failure;
use crate::output::View;
use crate::position::Place;
use crate::session::{Scope, Session};
use futures::future::join_all;
use levee_client::{Position, ReadBatch, Reader, ReaderSettings};
use levee_types::Clock;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs the bench.
///
/// # Errors
/// It cannot start, or reading fails.
pub(crate) async fn consume(args: &BenchConsumeArgs, session: &Session) -> Result<View, Failure> {
    let bounded = args.duration.is_some() || args.records.is_some();
    if args.from == Place::End && !bounded {
        return Err(Failure::usage("from the end there is nothing to read")
            .with_hint("say how much to wait for with --duration or --records"));
    }
    let address = session.address(&args.topic)?;
    let scope = session.records_of(&address).await?;
    let clock = session.clock();
    let partitions = session.topic(&scope, &address).await?.partitions;
    let positions = args.from.positions(address.topic.as_str(), partitions, None, &**clock)?;
    let limit = match (args.records, args.duration) {
        (Some(records), _) => Limit::Records(records),
        (None, Some(duration)) => Limit::Duration(duration),
        (None, None) => {
            let found = session.ask(scope.client.offsets(positions.clone())).await?;
            Limit::Records(found.iter().map(|place| place.end.saturating_sub(place.offset)).sum())
        }
    };
    let settings = ReaderSettings { stop_at_end: !bounded, ..ReaderSettings::default() };

    let cpu_before = process_cpu();
    let start = clock.monotonic();
    let shared = Arc::new(Shared {
        clock: Arc::clone(clock),
        start_unix_ms: clock.unix_ms(),
        left: args.records.map(AtomicU64::new),
        stop: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let (mut readers, mut parts) = (Vec::new(), Vec::new());
    for share in shares(positions, args.readers.into()) {
        // A client each: readers of the real world do not share a connection.
        let Scope { client, .. } = session.records_of(&address).await?;
        let reader = session.ask(client.reader(share, settings.clone())).await?;
        let progress = Arc::new(Progress::default());
        readers.push(tasks.spawn(read(reader, Arc::clone(&shared), Arc::clone(&progress))));
        parts.push(progress);
    }
    let count = readers.len();
    if let Some(duration) = args.duration {
        let stop = shared.stop.clone();
        tasks.spawn(async move {
            tokio::time::sleep(duration).await;
            stop.cancel();
        });
    }
    let outcomes = progress::show_until(join_all(readers), &parts, None, limit, &**clock).await;

    let cpu = process_cpu().saturating_sub(cpu_before);
    let (mut tally, mut bytes) = (Tally::new(), 0);
    for outcome in outcomes {
        let (part, part_bytes) = outcome.map_err(|_| Failure::defect())?;
        tally.merge(part);
        bytes += part_bytes;
    }
    let elapsed = tally.last.saturating_sub(start);
    let settings = describe(args, partitions, count);
    Report { kind: "consume", topic: address, settings, tally, not_sent: 0, bytes, elapsed, cpu }.finish()
}

/// What the readers of one run have in common.
struct Shared {
    clock: Arc<dyn Clock>,
    start_unix_ms: i64,
    /// Records still to be read; none: no limit.
    left: Option<AtomicU64>,
    stop: CancellationToken,
}

impl Shared {
    /// Takes records off what is left, and stops everybody when that was the last of it.
    fn take(&self, records: u64) {
        let Some(left) = &self.left else { return };
        let before = left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(records)));
        if before.is_ok_and(|before| before <= records) {
            self.stop.cancel();
        }
    }
}

/// Reads until the end or until everybody stops. Returns what was read and the bytes of its values.
async fn read(mut reader: Reader, shared: Arc<Shared>, progress: Arc<Progress>) -> (Tally, u64) {
    let (mut tally, mut bytes) = (Tally::new(), 0);
    loop {
        let batch = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            batch = reader.next_batch() => batch,
        };
        match batch {
            None => break,
            Some(Ok(batch)) => {
                bytes += value_bytes(&batch);
                let records = batch.records.len() as u64;
                tally.done += records;
                tally.last = shared.clock.monotonic();
                if batch.append_time_ms >= shared.start_unix_ms {
                    let late = shared.clock.unix_ms().saturating_sub(batch.append_time_ms);
                    tally.note_latency(Duration::from_millis(u64::try_from(late).unwrap_or(0)), records);
                }
                progress.set(&tally);
                shared.take(records);
            }
            Some(Err(error)) => {
                tally.fail(|| error.into());
                break;
            }
        }
    }
    (tally, bytes)
}

fn value_bytes(batch: &ReadBatch) -> u64 {
    batch.records.iter().map(|record| record.value.as_ref().map_or(0, |value| value.len() as u64)).sum()
}

/// Deals the positions out to at most `readers` shares, none of them empty.
fn shares(positions: Vec<Position>, readers: usize) -> Vec<Vec<Position>> {
    let count = readers.min(positions.len()).max(1);
    let mut shares: Vec<Vec<Position>> = (0..count).map(|_| Vec::new()).collect();
    for (at, position) in positions.into_iter().enumerate() {
        shares[at % count].push(position);
    }
    shares
}

fn describe(args: &BenchConsumeArgs, partitions: u32, readers: usize) -> Map<String, Value> {
    Map::from_iter(
        [
            ("readers", json!(readers)),
            ("partitions", json!(partitions)),
            ("records", json!(args.records)),
            ("duration_ms", json!(args.duration.map(|duration| duration.as_secs_f64() * 1e3))),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}
