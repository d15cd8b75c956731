//! Durable throughput over few and many partitions: the same connections and batches, other partitions.
//!
//! The order changes from round to round, and the bare server takes part: disks of virtual machines slow
//! down after a burst, and that must not look like the price of partitions.

use crate::bare::Reads;
use crate::pipeline::Producers;
use crate::process::{Kind, Server};
use crate::report::{Figure, Target};
use crate::statistics::median;
use crate::{Bench, Result};

const PARTITIONS: [u32; 3] = [1, 100, 10_000];
const MIB: u64 = 1024 * 1024;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let mut speeds = PARTITIONS.map(|_| Vec::new());
    let mut bare = Vec::new();
    for round in 0..bench.rounds as usize {
        for turn in 0..=PARTITIONS.len() {
            let turn = (turn + round) % (PARTITIONS.len() + 1);
            match PARTITIONS.get(turn) {
                Some(partitions) => speeds[turn].push(speed(bench, Kind::Levee, *partitions).await?),
                None => bare.push(speed(bench, Kind::Bare, 1).await?),
            }
        }
    }
    let medians: Vec<_> = speeds.iter().map(|speeds| median(speeds)).collect();
    for (partitions, levee) in PARTITIONS.into_iter().zip(speeds) {
        let name = format!("partitions: MB/s over {partitions}");
        bench.report.add(Figure { name, peer: bare.clone(), levee, target: Target::None });
    }
    let slowest = medians.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = medians.iter().copied().fold(0.0, f64::max);
    bench.report.add(Figure {
        name: "partitions: slowest / fastest".to_owned(),
        peer: Vec::new(),
        levee: vec![slowest / fastest],
        target: Target::AtLeast(0.8),
    });
    Ok(())
}

async fn speed(bench: &Bench, kind: Kind, partitions: u32) -> Result<f64> {
    // In a full run 10,000 partitions get three batches each: one to warm up, two that count.
    let warm_up = bench.amount(640 * MIB, 64 * MIB);
    let bytes = bench.amount(1280 * MIB, 256 * MIB);
    let server = Server::start(kind, bench, partitions, Reads::Nothing, warm_up + bytes, &[]).await?;
    let mut producers = Producers::connect(&server.endpoint(), partitions).await?;
    producers.run(warm_up).await?;
    Ok(producers.run(bytes).await?.mb_per_second())
}
