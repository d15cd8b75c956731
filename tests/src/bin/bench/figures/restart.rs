//! The time from the start of the process to its first answer, with a large journal over many partitions.

use crate::pipeline::Producers;
use crate::process::{self, TOPIC, create_topic};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use levee_tests::broker::{Broker, START_WITHIN};
use serde_json::json;

const PARTITIONS: u32 = 10_000;
/// Journal that a restart reads again at most, by default. The index covers the rest.
const REPLAY_BYTES: u64 = 512 << 20;
/// For 10 GiB.
const TARGET: Target = Target::AtMost(10.0);

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    // The index is flushed at half of `storage.replay_bytes`. With twice the default, it dies shortly before
    // that, so that nearly as much is replayed as with the default at the worst.
    let flushed = bench.amount(bench.restart_bytes, 0).next_multiple_of(REPLAY_BYTES);
    let bytes = flushed + REPLAY_BYTES / 16 * 15;
    let directory = bench.fresh()?;
    let setup = process::setup(&directory).set("storage.replay_bytes", 2 * REPLAY_BYTES);
    let mut broker = Broker::start(&setup).await;
    create_topic(&broker.endpoint(), TOPIC, PARTITIONS).await?;
    Producers::connect(&broker.endpoint(), PARTITIONS).await?.run(bytes).await?;
    let gib = bytes as f64 / f64::from(1 << 30);
    let name = |after: &str| format!("restart: s to ready with {gib:.2} GiB after {after}");

    let (mut killed, mut stopped) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        broker.kill();
        drop(broker);
        broker = Broker::spawn(&setup);
        killed.push(broker.ready(START_WITHIN).await.map_err(|refusal| refusal.to_string())?.as_secs_f64());
        if let Some(line) = broker.log().so_far().lines().find(|line| line.contains("replayed")) {
            bench.report.note("after kill -9", &json!(line));
        }
    }
    for _ in 0..bench.rounds {
        broker.stop().await;
        broker = Broker::spawn(&setup);
        stopped.push(broker.ready(START_WITHIN).await.map_err(|refusal| refusal.to_string())?.as_secs_f64());
    }
    broker.stop().await;
    bench.report.add(Figure { name: name("kill -9"), peer: Vec::new(), levee: killed, target: TARGET });
    bench.report.add(Figure {
        name: name("a graceful stop"),
        peer: Vec::new(),
        levee: stopped,
        target: TARGET,
    });
    Ok(())
}
