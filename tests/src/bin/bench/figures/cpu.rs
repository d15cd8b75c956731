//! CPU seconds of the server per GB of batches, beside a bare server that moves the same bytes.
//!
//! Four producers with a connection each, 1 KiB records in batches of 64 KiB, acknowledged when durable.
//! Each sample is taken on a server that is warm: it has taken [`WARM_UP`] bytes before.

use crate::bare::Reads;
use crate::consume::{Positions, Read, Reader};
use crate::pipeline::{PRODUCERS, Producers};
use crate::process::{Kind, Server, TOPIC};
use crate::report::{Figure, Target};
use crate::{Bench, Result};
use futures::future::{try_join, try_join_all};
use levee_proto::v1::OffsetEdge;
use serde_json::json;

const MIB: u64 = 1024 * 1024;
const WARM_UP: u64 = 128 * MIB;
const TARGET: Target = Target::RatioAtMost(1.5);

/// The samples of both.
#[derive(Default)]
struct Samples {
    bare: Vec<f64>,
    levee: Vec<f64>,
}

impl Samples {
    fn add(&mut self, kind: Kind, sample: f64) {
        match kind {
            Kind::Bare => self.bare.push(sample),
            Kind::Levee => self.levee.push(sample),
        }
    }

    fn report(self, bench: &mut Bench, name: &str, target: Target) {
        bench.report.add(Figure { name: name.to_owned(), peer: self.bare, levee: self.levee, target });
    }
}

/// Appending alone.
pub(crate) async fn produce(bench: &mut Bench) -> Result<()> {
    let bytes = bench.amount(1024 * MIB, 256 * MIB);
    let (mut cpu, mut speed) = (Samples::default(), Samples::default());
    for round in 0..bench.rounds {
        for kind in Kind::turns(round) {
            let server = Server::start(kind, bench, PRODUCERS, Reads::Nothing, WARM_UP + bytes, &[]).await?;
            let mut producers = Producers::connect(&server.endpoint(), PRODUCERS).await?;
            producers.run(WARM_UP).await?;
            let before = server.cpu()?;
            let produced = producers.run(bytes).await?;
            cpu.add(kind, (server.cpu()? - before) / produced.gb());
            speed.add(kind, produced.mb_per_second());
        }
    }
    cpu.report(bench, "produce: CPU s/GB", TARGET);
    speed.report(bench, "produce: MB/s", Target::None);
    Ok(())
}

/// Appending while followers read the tail; the CPU of all of it.
pub(crate) async fn follow(bench: &mut Bench) -> Result<()> {
    let bytes = bench.amount(512 * MIB, 128 * MIB);
    for followers in [1, 4] {
        let mut cpu = Samples::default();
        let mut messages = Samples::default();
        for round in 0..bench.rounds {
            for kind in Kind::turns(round) {
                let server =
                    Server::start(kind, bench, PRODUCERS, Reads::Recent, WARM_UP + bytes, &[]).await?;
                let endpoint = server.endpoint();
                let mut producers = Producers::connect(&endpoint, PRODUCERS).await?;
                producers.run(WARM_UP).await?;
                let open = || Reader::open(&endpoint, positions(kind, OffsetEdge::End, false));
                let mut readers = try_join_all((0..followers).map(|_| open())).await?;
                // A whole number of batches for each producer is less than what was asked for.
                let amount = producers.amount(bytes);
                let before = server.cpu()?;
                let reads = try_join_all(readers.iter_mut().map(|reader| reader.run(Some(amount))));
                let (produced, reads) = try_join(producers.run(bytes), reads).await?;
                cpu.add(kind, (server.cpu()? - before) / produced.gb());
                messages.add(kind, mean_kib(&reads));
            }
        }
        let (bare, levee) = (messages.bare.clone(), messages.levee.clone());
        let name = format!("follow: CPU s/GB produced, {followers} followers of the tail");
        cpu.report(bench, &name, TARGET);
        bench.report.note("KiB in a message", &json!({ "bare": bare, "levee": levee }));
    }
    Ok(())
}

/// Sending what is in the tail cache.
pub(crate) async fn tail(bench: &mut Bench) -> Result<()> {
    let bytes = bench.amount(512 * MIB, 128 * MIB);
    let passes = bench.amount(4, 2);
    for readers in [1, 4] {
        let mut cpu = Samples::default();
        for round in 0..bench.rounds {
            for kind in Kind::turns(round) {
                // The cache holds it all.
                let settings = [("storage.tail_cache_bytes", 2 * bytes)];
                let server = Server::start(kind, bench, PRODUCERS, Reads::Memory, bytes, &settings).await?;
                Producers::connect(&server.endpoint(), PRODUCERS).await?.run(bytes).await?;
                cpu.add(kind, read_all(kind, &server, readers, passes).await?);
            }
        }
        cpu.report(bench, &format!("tail: CPU s/GB sent from memory, {readers} readers"), TARGET);
    }
    Ok(())
}

/// Sending what is on disk, and in the page cache.
pub(crate) async fn catch_up(bench: &mut Bench) -> Result<()> {
    let bytes = bench.amount(512 * MIB, 128 * MIB);
    let passes = bench.amount(4, 2);
    for readers in [1, 4] {
        let mut cpu = Samples::default();
        for round in 0..bench.rounds {
            for kind in Kind::turns(round) {
                // No room in the cache, so everything is older than what it holds.
                let settings = [("storage.tail_cache_bytes", 0)];
                let server = Server::start(kind, bench, PRODUCERS, Reads::File, bytes, &settings).await?;
                Producers::connect(&server.endpoint(), PRODUCERS).await?.run(bytes).await?;
                cpu.add(kind, read_all(kind, &server, readers, passes).await?);
            }
        }
        cpu.report(bench, &format!("catchup: CPU s/GB sent from the page cache, {readers} readers"), TARGET);
    }
    Ok(())
}

/// Reads everything, by all readers at once, so many times; gives the CPU seconds per GB sent. One more
/// pass before warms up.
async fn read_all(kind: Kind, server: &Server, readers: usize, passes: u64) -> Result<f64> {
    let endpoint = server.endpoint();
    let pass = || async {
        let read = || async {
            Reader::open(&endpoint, positions(kind, OffsetEdge::Start, true)).await?.run(None).await
        };
        try_join_all((0..readers).map(|_| read())).await
    };
    pass().await?;
    let before = server.cpu()?;
    let mut bytes = 0;
    // Four readers need no more passes than one for as many bytes.
    for _ in 0..passes.div_ceil(readers as u64).max(1) {
        bytes += pass().await?.iter().map(|read| read.bytes).sum::<u64>();
    }
    Ok((server.cpu()? - before) / (bytes as f64 / 1e9))
}

/// All that was produced. The bare server has one log.
fn positions(kind: Kind, from: OffsetEdge, stop_at_end: bool) -> Positions {
    let partitions = if kind == Kind::Bare { 1 } else { PRODUCERS };
    let positions = (0..partitions).map(|partition| (TOPIC.to_owned(), partition)).collect();
    Positions { positions, from, stop_at_end }
}

fn mean_kib(reads: &[Read]) -> f64 {
    let bytes: u64 = reads.iter().map(|read| read.bytes).sum();
    let messages: u64 = reads.iter().map(|read| read.messages).sum();
    bytes as f64 / 1024.0 / messages as f64
}
