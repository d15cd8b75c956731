//! What the compaction of one tenant's table costs another: the time to an acknowledgement of its records, with and
//! without.

use super::latency::acks_of;
use crate::process::{self, TENANT, TOPIC};
use crate::report::{Figure, Target};
use crate::statistics::percentile;
use crate::{Bench, Result, keyed};
use levee_tests::broker::Broker;
use levee_tests::raw::Raw;
use levee_tests::seed::Seed;
use serde_json::json;

/// Who is measured.
const VICTIM: &str = "victim";
const VALUE_BYTES: usize = 1_000;
const BATCH_RECORDS: u64 = 60;
/// Of the keys, so many of a hundred are overwritten before each compaction.
const OVERWRITTEN: u64 = 10;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let count = u32::try_from(bench.amount(10_000, 2_000))?;
    let bytes = bench.amount(bench.compaction_bytes, 100 << 20);
    let keys = bytes / (VALUE_BYTES as u64 + 24);
    let directory = bench.fresh()?;
    let broker = Broker::start(&process::setup(&directory)).await;
    let endpoint = broker.endpoint();
    // From then on it is compacted when it is told to, and not before.
    keyed::create(&endpoint, TENANT, 1, &[("min.cleanable.dirty.ratio", "1")]).await?;
    let operator = Raw::operator(&endpoint);
    operator.create_tenant(VICTIM).await?;
    operator.create_topics(VICTIM, &[TOPIC], 1).await?;
    keyed::fill(&endpoint, keys, VALUE_BYTES, BATCH_RECORDS).await?;
    // All of it is new to compaction, which begins by itself.
    Raw::tenant(&endpoint, TENANT).compact(keyed::TABLE).await?;
    let credential = format!("Dev tenant {VICTIM}");
    acks_of(&endpoint, count / 10, &credential, TOPIC).await?;
    let mut seed = Seed::new(2);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let overwrites = (0..keys * OVERWRITTEN / 100 / BATCH_RECORDS).map(|_| {
            let numbers: Vec<_> = (0..BATCH_RECORDS).map(|_| seed.range(0..keys)).collect();
            keyed::batch(numbers.into_iter(), VALUE_BYTES, &mut seed)
        });
        keyed::produce(&endpoint, TENANT, overwrites).await?;
        // Before and after it: the disk is not the same all the time.
        let mut quiet = acks_of(&endpoint, count * 3, &credential, TOPIC).await?;
        let compacted = endpoint.clone();
        let compaction =
            tokio::spawn(async move { Raw::tenant(&compacted, TENANT).compact(keyed::TABLE).await });
        let mut samples = Vec::new();
        // As long as it goes on; what is measured of it last is beside nothing.
        while samples.is_empty() || !compaction.is_finished() {
            let some = acks_of(&endpoint, count / 10, &credential, TOPIC).await?;
            if samples.is_empty() || !compaction.is_finished() {
                samples.extend(some);
            }
        }
        bench.report.note("compaction: records beside it", &json!(samples.len()));
        beside.push(samples);
        let done = compaction.await??;
        quiet.extend(acks_of(&endpoint, count * 3, &credential, TOPIC).await?);
        alone.push(quiet);
        bench.report.note(
            "compaction: MB read and removed",
            &json!([done.read_bytes / 1_000_000, done.removed_bytes / 1_000_000]),
        );
    }
    broker.stop().await;
    for (percent, target) in [(50.0, Target::None), (99.0, Target::RatioAtMost(1.3))] {
        let of = |rounds: &[Vec<f64>]| rounds.iter().map(|samples| percentile(samples, percent)).collect();
        let gib = bytes as f64 / f64::from(1 << 30);
        let name = format!(
            "compaction: ms, p{percent} of a record at 1,000/s beside the compaction of another's {gib:.1} GiB, against alone"
        );
        bench.report.add(Figure { name, peer: of(&alone), levee: of(&beside), target });
    }
    Ok(())
}
