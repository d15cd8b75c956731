//! Bytes that reach the disk for a byte that is produced: all that the process has written, by what Linux counts, with
//! the index, its compactions, and what the journal moves to give space back.

use crate::pipeline::Producers;
use crate::process::{self, TENANT, TOPIC, create_topic, written};
use crate::report::{Figure, Target};
use crate::{Bench, Result, keyed};
use levee_tests::broker::Broker;
use levee_tests::seed::Seed;
use rustix::process::Pid;
use std::time::{Duration, Instant};

const PARTITIONS: u32 = 8;
/// Of the values of the table.
const VALUE_BYTES: usize = 1_000;
const BATCH_RECORDS: u64 = 60;
/// So many changes of a key, of which all but the last are superseded in the end.
const CHANGES: u64 = 10;
/// When nothing was written for so long, the work behind it is done.
const QUIET: Duration = Duration::from_secs(20);

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let bytes = bench.amount(2 << 30, 128 << 20);
    let keys = bench.amount(200_000, 10_000);
    let (mut appended, mut of_log, mut changed, mut of_table) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let directory = bench.fresh()?;
        let broker = Broker::start(&process::setup(&directory)).await;
        create_topic(&broker.endpoint(), TOPIC, PARTITIONS).await?;
        let before = written(broker.pid())?;
        let produced = Producers::connect(&broker.endpoint(), PARTITIONS).await?.run(bytes).await?;
        appended.push(produced.gb());
        of_log.push((settled(broker.pid()).await? - before) as f64 / 1e9);
        broker.stop().await;

        let directory = bench.fresh()?;
        // Small segments, so that the journal of a few GB is many.
        let broker = Broker::start(&process::setup(&directory).set("storage.segment_bytes", 16 << 20)).await;
        let endpoint = broker.endpoint();
        keyed::create(&endpoint, TENANT, 1, &[]).await?;
        let before = written(broker.pid())?;
        let mut sum = keyed::fill(&endpoint, keys, VALUE_BYTES, BATCH_RECORDS).await?;
        let mut seed = Seed::new(1);
        let overwrites = (0..keys * (CHANGES - 1) / BATCH_RECORDS).map(|_| {
            let numbers: Vec<_> = (0..BATCH_RECORDS).map(|_| seed.range(0..keys)).collect();
            keyed::batch(numbers.into_iter(), VALUE_BYTES, &mut seed)
        });
        sum += keyed::produce(&endpoint, TENANT, overwrites).await?;
        changed.push(sum as f64 / 1e9);
        of_table.push((settled(broker.pid()).await? - before) as f64 / 1e9);
        broker.stop().await;
    }
    let target = Target::RatioAtMost(1.1);
    let name = "amplification: GB written for GB appended to a log".to_owned();
    bench.report.add(Figure { name, peer: appended, levee: of_log, target });
    let name = "amplification: GB written for GB of a table, 90 % overwrites".to_owned();
    bench.report.add(Figure { name, peer: changed, levee: of_table, target: Target::None });
    Ok(())
}

/// What was written in the end.
async fn settled(pid: Pid) -> Result<u64> {
    let mut last = (written(pid)?, Instant::now());
    while last.1.elapsed() < QUIET {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = written(pid)?;
        // The bookkeeping of an idle broker.
        if now > last.0 + (64 << 10) {
            last = (now, Instant::now());
        }
    }
    Ok(last.0)
}
