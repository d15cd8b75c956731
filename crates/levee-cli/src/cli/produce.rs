//! `levee produce`

use crate::units::{self, parse_duration};
use clap::{Args, ValueEnum};
use levee_client::Compression;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct ProduceArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// The key of every record.
    ///
    /// Records of one key go to one partition, and stay in order there. Without a key, records are spread
    /// over the partitions.
    #[arg(short, long, conflicts_with = "key_field")]
    pub(crate) key: Option<String>,
    /// Send every record to this partition.
    #[arg(short, long)]
    pub(crate) partition: Option<u32>,
    /// A header of every record; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = parse_header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Read records from a file with one JSON value a line; `-` is standard input.
    ///
    /// Each line is checked to be JSON and becomes the value of a record as it is; empty lines are skipped.
    /// Without this flag, each line of standard input becomes the value of a record, whatever it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Take the key of each record from this field of its JSON object.
    ///
    /// Text is taken as it is, a number or truth value as JSON writes it. A record where the field is
    /// missing or null has no key.
    #[arg(long, value_name = "FIELD", requires = "file")]
    pub(crate) key_field: Option<String>,
    /// Queues do not hand the records out before this time, in RFC 3339; other readers do not care.
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "delay")]
    pub(crate) deliver_at: Option<i64>,
    /// The same, so long after each record is sent, as 30s.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) delay: Option<Duration>,
    /// Compress batches.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: CompressionArg,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum CompressionArg {
    /// Not at all.
    #[default]
    None,
    /// Fast.
    Lz4,
    /// Small.
    Zstd,
}

impl From<CompressionArg> for Compression {
    fn from(argument: CompressionArg) -> Self {
        match argument {
            CompressionArg::None => Self::Unspecified,
            CompressionArg::Lz4 => Self::Lz4,
            CompressionArg::Zstd => Self::Zstd,
        }
    }
}

fn parse_time(text: &str) -> Result<i64, String> {
    let time = units::parse_time(text).filter(|unix_ms| *unix_ms >= 0);
    time.ok_or_else(|| format!("{text:?} is not an RFC 3339 time, such as 2030-01-31T10:00:00Z"))
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not NAME:VALUE")),
    }
}
