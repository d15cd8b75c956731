//! Consumers that give all the credit that there is and take nothing: the most memory that the broker ever has.

use crate::pipeline::Producers;
use crate::process::{self, TENANT, TOPIC, create_topic};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use levee_proto::v1;
use levee_tests::broker::Broker;
use levee_tests::raw::Raw;
use levee_types::limits::MAX_READ_CREDIT;

const PARTITIONS: u32 = 4;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let consumers = bench.amount(200, 20);
    let bytes = bench.amount(1 << 30, 64 << 20);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        without.push(most_memory(bench, 0, bytes).await?);
        with.push(most_memory(bench, consumers, bytes).await?);
    }
    let each = with.iter().zip(&without).map(|(with, without)| (with - without) / consumers as f64).collect();
    bench.report.add(Figure {
        name: format!("slow: most MiB with {consumers} consumers that take nothing, against none"),
        peer: without,
        levee: with,
        target: Target::None,
    });
    bench.report.add(Figure {
        name: "slow: MiB for each of them, of 64 that it allows".to_owned(),
        peer: Vec::new(),
        levee: each,
        target: Target::AtMost(4.0),
    });
    Ok(())
}

async fn most_memory(bench: &Bench, consumers: u64, bytes: u64) -> Result<f64> {
    let directory = bench.fresh()?;
    let broker = Broker::start(&process::setup(&directory)).await;
    let endpoint = broker.endpoint();
    create_topic(&endpoint, TOPIC, PARTITIONS).await?;
    let mut members = Vec::new();
    for number in 0..consumers {
        let join = v1::ConsumeJoin {
            // Alone in its group: it has everything.
            group: format!("slow-{number}"),
            topics: vec![TOPIC.to_owned()],
            session_timeout_ms: 300_000,
            credit_bytes: MAX_READ_CREDIT,
            ..v1::ConsumeJoin::default()
        };
        members.push(Raw::tenant(&endpoint, TENANT).join(join).await?);
    }
    Producers::connect(&endpoint, PARTITIONS).await?.run(bytes).await?;
    let most = broker.most_memory_kib() as f64 / 1024.0;
    drop(members);
    broker.stop().await;
    Ok(most)
}
