//! The figures that the broker is measured by, as ratios to what the same machine does at best, taken in
//! the same run: to a bare tonic server that does nothing else, or to a bare sync of the disk.
//!
//! There is no threshold that fails: the table says which targets are met. The exit code is not 0 only
//! when something broke or what was read back was wrong.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a program at the edge, which measures real time and ends when a measurement cannot go on"
)]

mod bare;
mod consume;
mod figures;
mod keyed;
mod machine;
mod payload;
mod pipeline;
mod process;
mod report;
mod statistics;

use clap::{Parser, Subcommand, ValueEnum};
use report::Report;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::TempDir;

/// Anything that ends the run early, as a text for a person.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures the broker, beside bare servers that do the same and nothing else.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measures only this; can be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Name>,
    /// How many times the broker and its peer take turns
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Much smaller amounts: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// GiB of journal for the figure `restart`
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    restart_gib: u64,
    /// Keys of the table for the figure `lookups`
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    lookup_keys: u64,
    /// GiB of the table for the figure `compaction`
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    compaction_gib: u64,
    /// Minutes of the figure `steady`
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    steady_minutes: u64,
    /// MB that are overwritten in a second in the figure `steady`, if the broker takes so many
    #[arg(long, default_value_t = 8.0)]
    steady_mb_per_s: f64,
    /// Where data directories are made; on a real file system. Default: beside this program
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Writes every sample there, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves as the peer of a measurement
    #[command(hide = true)]
    Bare(bare::Arguments),
    /// `RocksDB` alone, as the peer of `lookups`
    #[command(hide = true)]
    Rocks(bare::rocks::Arguments),
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// CPU of appending
    Produce,
    /// CPU of appending while the tail is read
    Follow,
    /// CPU of reading what is in memory
    Tail,
    /// CPU of reading what is on disk
    Catchup,
    /// Throughput over 1, 100 and 10,000 partitions
    Partitions,
    /// A million topics
    Topics,
    /// Time to an acknowledgement
    Latency,
    /// Time to start with a large journal
    Restart,
    /// How exactly a quota is met
    Quota,
    /// Latency beside a tenant that offers far more than its quota
    Neighbour,
    /// What TLS, tokens, access rules and quotas cost a thousand tenants
    Tenancy,
    /// Memory of ten thousand tenants, and the time of a decision
    Tenants,
    /// What happens to a group of 100 members over 1,000 partitions when one dies
    Rebalance,
    /// Copying exactly once, against copying
    Copy,
    /// A queue with 64 workers on one partition
    Queue,
    /// Ten thousand idle consumers
    Idle,
    /// Memory of consumers that take nothing
    Slow,
    /// Bytes written to the disk for a byte produced
    Amplification,
    /// Reading keys of a large table while it is written
    Lookups,
    /// Latency of a tenant beside the compaction of another's table
    Compaction,
    /// Room that a table takes that is overwritten all the time
    Steady,
}

/// What all measurements share.
struct Bench {
    directory: TempDir,
    rounds: u32,
    is_quick: bool,
    restart_bytes: u64,
    lookup_keys: u64,
    compaction_bytes: u64,
    steady_minutes: u64,
    steady_mb_per_s: f64,
    report: Report,
}

impl Bench {
    /// One amount for a real run, another for a quick one.
    fn amount(&self, full: u64, quick: u64) -> u64 {
        if self.is_quick { quick } else { full }
    }

    /// An empty directory for one server.
    fn fresh(&self) -> Result<TempDir> {
        Ok(tempfile::Builder::new().prefix("server-").tempdir_in(self.directory.path())?)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::Bare(bare)) => bare::run(&bare),
        Some(Command::Rocks(rocks)) => bare::rocks::run(&rocks),
        None => measure(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn measure(arguments: &Arguments) -> Result<()> {
    tokio::select! {
        outcome = measure_all(arguments) => outcome,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    }
}

async fn measure_all(arguments: &Arguments) -> Result<()> {
    let this = std::env::current_exe()?;
    let beside = this.parent().unwrap_or(Path::new("."));
    let directory =
        tempfile::Builder::new().prefix("bench-").tempdir_in(arguments.dir.as_deref().unwrap_or(beside))?;
    let machine = machine::describe(directory.path());
    println!("{machine}");
    let mut bench = Bench {
        directory,
        rounds: arguments.rounds,
        is_quick: arguments.quick,
        restart_bytes: arguments.restart_gib << 30,
        lookup_keys: arguments.lookup_keys,
        compaction_bytes: arguments.compaction_gib << 30,
        steady_minutes: arguments.steady_minutes,
        steady_mb_per_s: arguments.steady_mb_per_s,
        report: Report::new(machine),
    };
    for name in Name::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(name) {
            figures::measure(*name, &mut bench).await?;
        }
    }
    println!("\n{}", bench.report.table());
    if let Some(path) = &arguments.out {
        fs::write(path, bench.report.json()?)?;
    }
    bench.directory.close()?;
    Ok(())
}
