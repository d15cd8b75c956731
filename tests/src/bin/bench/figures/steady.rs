//! The room that a table takes whose keys are overwritten all the time, against what is live in it.

use crate::process::{self, TENANT};
use crate::report::{Figure, Target};
use crate::{Bench, Result, keyed};
use levee_tests::broker::Broker;
use levee_tests::files;
use levee_tests::seed::Seed;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const VALUE_BYTES: usize = 1_000;
const BATCH_RECORDS: u64 = 60;
const BATCHES: u64 = 10;
/// Looks that are shown, at most.
const SHOWN: usize = 60;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let keys = bench.amount(1_000_000, 100_000);
    let time = Duration::from_secs(bench.amount(bench.steady_minutes * 60, 20));
    let directory = bench.fresh()?;
    let setup = process::setup(&directory).set("storage.segment_bytes", 16 << 20);
    let broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    keyed::create(&endpoint, TENANT, 1, &[]).await?;
    let live = keyed::fill(&endpoint, keys, VALUE_BYTES, BATCH_RECORDS).await?;
    let is_over = Arc::<AtomicBool>::default();
    let (data, over) = (setup.data.clone(), Arc::clone(&is_over));
    let looks = std::thread::spawn(move || {
        let mut looks = Vec::new();
        while !over.load(Ordering::Relaxed) {
            looks.push(files::disk_use(&data) as f64 / 1e6);
            std::thread::sleep(Duration::from_millis(500));
        }
        looks
    });
    let (mut seed, mut sum, started) = (Seed::new(3), 0, Instant::now());
    while started.elapsed() < time {
        let overwrites = (0..BATCHES).map(|_| {
            let numbers: Vec<_> = (0..BATCH_RECORDS).map(|_| seed.range(0..keys)).collect();
            keyed::batch(numbers.into_iter(), VALUE_BYTES, &mut seed)
        });
        sum += keyed::produce(&endpoint, TENANT, overwrites).await?;
        let due = Duration::from_secs_f64(sum as f64 / 1e6 / bench.steady_mb_per_s);
        tokio::time::sleep_until((started + due).into()).await;
    }
    let took = started.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let looks = looks.join().map_err(|_| "the look at the disk panicked")?;
    broker.stop().await;
    let most = looks.iter().copied().fold(0.0, f64::max);
    let rate = sum as f64 / 1e6 / took.as_secs_f64();
    bench.report.note("steady: MB/s overwritten, GB in all", &json!([rate, sum as f64 / 1e9]));
    let some: Vec<_> = looks.iter().step_by(looks.len().div_ceil(SHOWN)).map(|most| most.round()).collect();
    bench.report.note("steady: MB of disk, one look after the other", &json!(some));
    let live = vec![live as f64 / 1e6];
    let name = format!("steady: most MB of disk while {keys} keys are overwritten, against what is live");
    bench.report.add(Figure {
        name,
        peer: live.clone(),
        levee: vec![most],
        target: Target::RatioAtMost(2.0),
    });
    let name = "steady: the same, median of all looks".to_owned();
    let median = crate::statistics::median(&looks);
    bench.report.add(Figure { name, peer: live, levee: vec![median], target: Target::None });
    Ok(())
}
