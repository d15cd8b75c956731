//! Reading single keys of a large table while it is written, beside `RocksDB` alone with the same keys and values: by
//! the same calls to a process that has nothing else, and by threads of that process.

use crate::bare::rocks::Within;
use crate::process::{self, TENANT};
use crate::report::{Figure, Target};
use crate::statistics::percentile;
use crate::{Bench, Result, keyed};
use futures::future::try_join_all;
use levee_proto::v1;
use levee_tests::broker::{Broker, free_port};
use levee_tests::raw::Raw;
use levee_tests::seed::Seed;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const VALUE_BYTES: usize = 100;
const BATCH_RECORDS: u64 = 500;
/// Calls that wait for their answers.
const READERS: u64 = 16;
/// They share so many connections.
const CONNECTIONS: u64 = 4;
/// Keys that are overwritten in each second, a tenth of them at once.
const WRITES: u64 = 1_000;

/// Milliseconds of all lookups of a round, and how many there were in each second.
struct Lookups {
    samples: Vec<f64>,
    per_second: f64,
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let keys = bench.amount(bench.lookup_keys, 100_000);
    let seconds = bench.amount(20, 3);
    let directory = bench.fresh()?;
    let broker = Broker::start(&process::setup(&directory)).await;
    let endpoint = broker.endpoint();
    keyed::create(&endpoint, TENANT, 1, &[]).await?;
    let began = Instant::now();
    keyed::fill(&endpoint, keys, VALUE_BYTES, BATCH_RECORDS).await?;
    bench.report.note("lookups: s to fill the table", &json!(began.elapsed().as_secs_f64()));
    let rocks = Rocks::start(bench, keys, seconds)?;
    bench.report.note("lookups: RocksDB within its process", &json!(rocks.within));
    let (mut of_levee, mut of_rocks) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        for is_levee in [round.is_multiple_of(2), !round.is_multiple_of(2)] {
            if is_levee {
                let writer = tokio::spawn(write(endpoint.clone(), keys));
                of_levee.push(look(&endpoint, keys, seconds).await?);
                if writer.is_finished() {
                    return writer.await?.map_err(Into::into);
                }
                writer.abort();
            } else {
                of_rocks.push(look(&rocks.endpoint(), keys, seconds).await?);
            }
        }
    }
    broker.stop().await;
    let rate = |rounds: &[Lookups]| rounds.iter().map(|round| round.per_second).collect::<Vec<_>>();
    let mut add = |name: String, peer, levee| {
        bench.report.add(Figure { name, peer, levee, target: Target::None });
    };
    let (peer, levee) = (rate(&of_rocks), rate(&of_levee));
    add(format!("lookups: a second, of {keys} keys, against RocksDB behind the same calls"), peer, levee);
    for percent in [50.0, 99.0] {
        let of = |rounds: &[Lookups]| -> Vec<f64> {
            rounds.iter().map(|round| percentile(&round.samples, percent)).collect()
        };
        add(format!("lookups: ms, p{percent} of the same"), of(&of_rocks), of(&of_levee));
    }
    let within = rocks.within;
    let name = "lookups: a second, against RocksDB within its process".to_owned();
    add(name, vec![within.lookups_per_second], rate(&of_levee));
    Ok(())
}

/// `RocksDB` as a process.
struct Rocks {
    child: Child,
    port: u16,
    within: Within,
    _directory: TempDir,
}

impl Rocks {
    /// Loads it, and measures it within its process.
    fn start(bench: &Bench, keys: u64, seconds: u64) -> Result<Self> {
        let directory = bench.fresh()?;
        let port = free_port();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("rocks").arg("--dir").arg(directory.path());
        for (name, value) in [
            ("--port", u64::from(port)),
            ("--keys", keys),
            ("--value-bytes", VALUE_BYTES as u64),
            ("--readers", READERS),
            ("--writes", WRITES),
            ("--seconds", seconds),
        ] {
            command.args([name, &value.to_string()]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no pipe")?).read_line(&mut line)?;
        let within = serde_json::from_str(&line)?;
        Ok(Self { child, port, within, _directory: directory })
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Rocks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Overwrites random keys until it is aborted.
async fn write(endpoint: String, keys: u64) -> std::result::Result<(), String> {
    let raw = Raw::tenant(&endpoint, TENANT);
    let mut seed = Seed::new(4);
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tick.tick().await;
        let numbers: Vec<_> = (0..WRITES / 10).map(|_| seed.range(0..keys)).collect();
        let batch = keyed::batch(numbers.into_iter(), VALUE_BYTES, &mut seed);
        let request = batch.request(keyed::TABLE, 0, None);
        raw.produce().produce(request).await.map_err(|status| status.to_string())?;
    }
}

async fn look(endpoint: &str, keys: u64, seconds: u64) -> Result<Lookups> {
    let time = Duration::from_secs(seconds);
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| Raw::tenant(endpoint, TENANT)).collect();
    let started = Instant::now();
    let reader = |number: u64| {
        let raw = &connections[usize::try_from(number % CONNECTIONS).unwrap_or(0)];
        async move {
            let (mut seed, mut samples) = (Seed::new(number), Vec::new());
            while started.elapsed() < time {
                let began = Instant::now();
                let request = v1::GetValuesRequest {
                    topic: keyed::TABLE.to_owned(),
                    keys: vec![keyed::key(seed.range(0..keys))],
                    partition: Some(0),
                    min_offset: None,
                };
                let answer = raw.tables().get_values(request).await?.into_inner();
                samples.push(began.elapsed().as_secs_f64() * 1e3);
                if answer.values.first().is_none_or(|value| value.record.is_none()) {
                    return Err("a key is missing".into());
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(samples)
        }
    };
    let samples = try_join_all((0..READERS).map(reader)).await?.concat();
    Ok(Lookups { per_second: samples.len() as f64 / started.elapsed().as_secs_f64(), samples })
}
