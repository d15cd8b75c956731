//! `levee table …`

use crate::record_format::RecordFormat;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Shows the newest records of keys. Exit code 3: one of them has none.
    ///
    /// Example: levee table get acme/users ada grace
    Get(GetArgs),
    /// Prints the newest record of each key, in the order of the keys.
    ///
    /// Example: levee table scan acme/users --prefix eu. --format '%k %v'
    Scan(ScanArgs),
    /// Prints what keys have, and then every change, as it comes.
    ///
    /// A key that was deleted is printed without a value. When the connection is lost, what keys have is printed again.
    Watch(WatchArgs),
    /// Removes every record of a key, the present one and all before it.
    ///
    /// Asks first, unless --yes is given. They can be read no more when it ends; when their bytes are gone from the
    /// disk, `levee audit ls` shows the receipt once more, with `gone`. Records of the key that are appended later
    /// stay.
    Erase(EraseArgs),
}

/// Where a table is read.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// Only this partition, from 0 [default: all].
    #[arg(short, long)]
    pub(crate) partition: Option<u32>,
    /// Show at least what is before this offset of the partition: waits up to 10 s for it.
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    pub(crate) min_offset: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The table, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// The keys.
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// The table, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// Only keys that begin with this.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Only keys behind this one.
    #[arg(long, value_name = "KEY")]
    pub(crate) after: Option<String>,
    /// Stop after this many keys.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    #[command(flatten)]
    pub(crate) at: At,
    /// How to print a record: as with `levee consume`.
    #[arg(short, long, value_name = "FORMAT", default_value = "%k %v")]
    pub(crate) format: RecordFormat,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The table, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// Only these keys, up to 1000.
    #[arg(value_name = "KEY", conflicts_with = "prefix")]
    pub(crate) keys: Vec<String>,
    /// Only keys that begin with this.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Only this partition, from 0 [default: all].
    #[arg(short, long)]
    pub(crate) partition: Option<u32>,
    /// Stop after this many records.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    /// How to print a record: as with `levee consume`.
    #[arg(short, long, value_name = "FORMAT", default_value = "%k %v")]
    pub(crate) format: RecordFormat,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// The key.
    pub(crate) key: String,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
