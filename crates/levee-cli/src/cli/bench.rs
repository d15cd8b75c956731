//! `levee bench …`

use super::produce::CompressionArg;
use super::topic::DurabilityArg;
use crate::position::Place;
use crate::units::{parse_duration, parse_rate, parse_size};
use clap::{Args, Subcommand, ValueEnum};
use levee_types::limits::MAX_BATCH_BYTES;
use levee_types::limits::MAX_PARTITIONS_PER_TOPIC;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Appends generated records, and measures throughput and latency.
    ///
    /// With --rate the load is an open loop: each record has a time at which it is to be sent, and its
    /// latency counts from there, also when an earlier record held it up. Without, records are sent as fast
    /// as possible, and a latency counts from the call that sends the record, with its wait for room.
    Produce(BenchProduceArgs),
    /// Reads records and drops them, and measures throughput.
    ///
    /// Batches that are appended while the bench runs have a latency too: from the append to the arrival,
    /// in whole milliseconds, by clocks that have to agree.
    Consume(BenchConsumeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BenchProduceArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    #[arg(long)]
    pub(crate) topic: String,
    /// Create the topic with this many partitions if it does not exist; an existing one must have as many.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PARTITIONS_PER_TOPIC)))]
    pub(crate) partitions: Option<u32>,
    /// The durability of the topic if it is created.
    #[arg(long, value_enum, requires = "partitions")]
    pub(crate) durability: Option<DurabilityArg>,
    /// Bytes of the value of a record.
    #[arg(long, value_name = "SIZE", default_value = "1024", value_parser = batch_size)]
    pub(crate) record_bytes: usize,
    /// Bytes of records that make a batch full.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = batch_size)]
    pub(crate) batch_bytes: usize,
    /// How many producers, each with a connection of its own.
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) producers: u16,
    /// How long a record waits for its batch to become full.
    #[arg(long, value_name = "DURATION", default_value = "5ms", value_parser = parse_duration)]
    pub(crate) linger: Duration,
    /// Records a second of all producers together, as 1000/s; without, as fast as possible.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
    /// How long to send.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration, conflicts_with = "records")]
    pub(crate) duration: Duration,
    /// How many records to send, instead of --duration.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// Compress batches.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: CompressionArg,
    /// What records are made of.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) payload: PayloadArg,
}

/// What generated records are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PayloadArg {
    /// Pseudo-random bytes that cannot be compressed.
    #[default]
    Random,
    /// Words, which compress well.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct BenchConsumeArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    #[arg(long)]
    pub(crate) topic: String,
    /// Where to begin: `start`, `end`, an offset, -1h, or an RFC 3339 time.
    ///
    /// Without --duration and --records, reading stops at the end that the log had at the beginning.
    #[arg(long, value_name = "PLACE", default_value = "start", allow_hyphen_values = true)]
    pub(crate) from: Place,
    /// How many readers, each with a connection of its own and its share of the partitions.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) readers: u16,
    /// How long to read, waiting for more at the end.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// How many records to read at least, waiting for more at the end.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
}

/// A size from 1 byte to that of the largest batch.
fn batch_size(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(parse_size(text)?).unwrap_or(usize::MAX);
    if (1..=MAX_BATCH_BYTES).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("{text:?} is not between 1 byte and {MAX_BATCH_BYTES} bytes"))
    }
}
