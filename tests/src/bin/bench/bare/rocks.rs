//! `RocksDB` alone: the keys and values of the table of the figure `lookups`, read by threads of the process that has
//! them, then by calls as the broker answers them. It is tuned as the broker tunes its own; each write is synced.

mod service;

use super::listen;
use crate::Result;
use crate::keyed;
use crate::payload;
use crate::statistics::percentile;
use clap::Args;
use levee_proto::v1::table_service_server::TableServiceServer;
use levee_tests::seed::Seed;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DB, DBCompressionType, Options, WriteBatch, WriteOptions,
};
use serde::{Deserialize, Serialize};
use service::Rocks;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::service::Routes;

/// As the broker has it by default.
const CACHE_BYTES: usize = 64 << 20;
const LOADED_AT_ONCE: u64 = 10_000;
/// Between two writes.
const WRITES_EVERY: Duration = Duration::from_millis(100);

/// What it has, and how it is used.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An empty directory
    #[arg(long)]
    dir: PathBuf,
    /// Where it listens
    #[arg(long)]
    port: u16,
    /// How many keys there are
    #[arg(long)]
    keys: u64,
    /// Bytes of a value
    #[arg(long)]
    value_bytes: usize,
    /// Threads that read
    #[arg(long)]
    readers: u64,
    /// Keys that are overwritten in each second
    #[arg(long)]
    writes: u64,
    /// How long is measured
    #[arg(long)]
    seconds: u64,
}

/// What was measured within the process.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Within {
    pub(crate) lookups_per_second: f64,
    pub(crate) p99_ms: f64,
}

/// Measures, tells that on a line of its standard output, then serves until it is killed.
#[tokio::main]
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let db = Arc::new(DB::open(&options(), &arguments.dir)?);
    load(&db, arguments)?;
    let (writing, keys, bytes) = (Arc::clone(&db), arguments.keys, arguments.value_bytes);
    let each = arguments.writes / 10;
    std::thread::spawn(move || overwrite(&writing, keys, bytes, each));
    println!("{}", serde_json::to_string(&within(&db, arguments)?)?);
    listen(arguments.port, Routes::new(TableServiceServer::new(Rocks(db))).prepare()).await
}

fn options() -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_pin_top_level_index_and_filter(true);
    table.set_format_version(6);
    table.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

fn load(db: &DB, arguments: &Arguments) -> Result<()> {
    let mut seed = Seed::new(arguments.keys);
    let mut number = 0;
    while number < arguments.keys {
        let mut batch = WriteBatch::default();
        for _ in 0..LOADED_AT_ONCE.min(arguments.keys - number) {
            batch.put(keyed::key(number), payload::random(&mut seed, arguments.value_bytes));
            number += 1;
        }
        db.write(batch)?;
    }
    db.flush()?;
    Ok(())
}

/// At the same rate as the broker's table, for as long as the process lives.
fn overwrite(db: &DB, keys: u64, bytes: usize, each: u64) {
    let mut seed = Seed::new(4);
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    let mut due = Instant::now();
    loop {
        let mut batch = WriteBatch::default();
        for _ in 0..each {
            batch.put(keyed::key(seed.range(0..keys)), payload::random(&mut seed, bytes));
        }
        if let Err(error) = db.write_opt(batch, &synced) {
            panic!("RocksDB does not write: {error}");
        }
        due += WRITES_EVERY;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn within(db: &Arc<DB>, arguments: &Arguments) -> Result<Within> {
    let time = Duration::from_secs(arguments.seconds);
    let reader = |number: u64| {
        let (db, keys) = (Arc::clone(db), arguments.keys);
        std::thread::spawn(move || {
            let (mut seed, mut samples, started) = (Seed::new(number), Vec::new(), Instant::now());
            while started.elapsed() < time {
                let began = Instant::now();
                let found = db.get_pinned(keyed::key(seed.range(0..keys)));
                samples.push(began.elapsed().as_secs_f64() * 1e3);
                assert!(matches!(found, Ok(Some(_))), "a key is missing");
            }
            samples
        })
    };
    let readers: Vec<_> = (0..arguments.readers).map(reader).collect();
    let mut samples = Vec::new();
    for reader in readers {
        samples.extend(reader.join().map_err(|_| "a reader panicked")?);
    }
    Ok(Within {
        lookups_per_second: samples.len() as f64 / time.as_secs_f64(),
        p99_ms: percentile(&samples, 99.0),
    })
}
