//! `levee topic …`

use crate::position::Place;
use crate::units::{parse_duration, parse_size};
use clap::{Args, Subcommand, ValueEnum};
use levee_types::limits::{MAX_PARTITIONS_PER_TOPIC, MAX_PROPERTY_MS, MAX_QUOTA_TOTAL};

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Creates topics.
    Create(CreateArgs),
    /// Lists the topics of a tenant.
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Shows one topic: its properties, where their values come from, and its partitions.
    Describe {
        /// The topic, as TENANT/TOPIC or TOPIC.
        topic: String,
    },
    /// Deletes topics with all their records.
    Delete(DeleteArgs),
    /// Shows and changes the properties of a topic.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Raises the number of partitions; it cannot be lowered.
    ///
    /// Keys are spread over all partitions: records of a key that are sent afterwards may go to another
    /// partition than those sent before.
    AddPartitions(AddPartitionsArgs),
    /// Removes the records before a place in the log, for good.
    ///
    /// Asks first, unless --yes is given. Without -p it trims every partition.
    ///
    /// Example: levee topic trim acme/orders --before -7d
    Trim(TrimArgs),
    /// Compacts a table now: of each key only the newest record stays.
    ///
    /// Without --wait it is begun, and goes on at the server. It also goes on when this program is stopped.
    Compact {
        /// The table, as TENANT/TOPIC or TOPIC.
        topic: String,
        /// Wait until it is done, and tell what came of it.
        #[arg(long)]
        wait: bool,
    },
    /// Proves that a topic is undamaged, and that the keys of a table are exactly those of its log. Exit code 1: it is
    /// not so.
    ///
    /// Reads all of it as it is now.
    Verify {
        /// The topic, as TENANT/TOPIC or TOPIC.
        topic: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The topics, as TENANT/TOPIC or TOPIC; 1 to 249 of A-Z a-z 0-9 . _ - each.
    #[arg(required = true, value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// How many partitions, 1 to 10000.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PARTITIONS_PER_TOPIC)))]
    pub(crate) partitions: u32,
    /// A property; may be repeated. `levee topic describe` shows the known ones.
    ///
    /// Sizes and times may have units: max.message.bytes=512KiB, retention.ms=7d.
    #[arg(short, long = "config", value_name = "KEY=VALUE", value_parser = parse_property)]
    pub(crate) config: Vec<(String, String)>,
    /// Make it a table: of each key the newest record stays, and can be read by its key. Every record needs a key.
    #[arg(long)]
    pub(crate) compact: bool,
    /// How long records stay, such as 7d, or `unlimited` [default: that of the tenant, else of the server].
    ///
    /// With --compact as well, old keys go although nobody deletes them.
    #[arg(long, value_name = "DURATION", value_parser = parse_retention)]
    pub(crate) retention: Option<String>,
    /// How much a partition stores, such as 1GiB, before its oldest records go; or `unlimited` [default: that of the
    /// tenant, else of the server].
    #[arg(long, value_name = "SIZE", value_parser = parse_retention_bytes)]
    pub(crate) retention_bytes: Option<String>,
    /// When a record is acknowledged.
    #[arg(long, value_enum)]
    pub(crate) durability: Option<DurabilityArg>,
    /// A topic that exists is left as it is.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

/// Values of the property `durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityArg {
    /// After the sync: it survives power loss.
    Durable,
    /// After the write: it survives the death of the server; power loss may take the last moments.
    Relaxed,
}

impl DurabilityArg {
    /// The value of the property.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Relaxed => "relaxed",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Only topics whose names begin with this.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The topics, as TENANT/TOPIC or TOPIC.
    #[arg(required = true, value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// A topic that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Shows properties: their values, and where these come from.
    Get {
        /// The topic, as TENANT/TOPIC or TOPIC.
        topic: String,
        /// Only these properties.
        #[arg(value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Sets properties.
    Set {
        /// The topic, as TENANT/TOPIC or TOPIC.
        topic: String,
        /// The properties.
        ///
        /// Sizes and times may have units: max.message.bytes=512KiB, retention.ms=7d.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = parse_property)]
        properties: Vec<(String, String)>,
    },
    /// Returns properties to where they are inherited from.
    Unset {
        /// The topic, as TENANT/TOPIC or TOPIC.
        topic: String,
        /// The properties.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddPartitionsArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// The new total, up to 10000.
    #[arg(long, value_name = "TOTAL", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PARTITIONS_PER_TOPIC)))]
    pub(crate) to: u32,
}

#[derive(Debug, Args)]
pub(crate) struct TrimArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// The first record to keep: `end` (none is kept), an offset, a time ago such as -7d, or an RFC 3339 time.
    ///
    /// A time ago has a unit: ms, s, m, h or d. Whole batches are removed, so that some records before this place may
    /// stay.
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub(crate) before: Place,
    /// Only this partition, from 0 [default: all]. Needed with an offset if there are several.
    #[arg(short, long)]
    pub(crate) partition: Option<u32>,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// How long records stay, as the value of the property.
pub(crate) fn parse_retention(text: &str) -> Result<String, String> {
    let bad = |range: &str| format!("{text:?} is no time for records to stay: write {range}");
    if text == "unlimited" {
        return Ok("-1".to_owned());
    }
    let ms = parse_duration(text).map_err(|_| bad("7d, 12h or unlimited"))?.as_millis();
    match (1..=u128::from(MAX_PROPERTY_MS)).contains(&ms) {
        true => Ok(ms.to_string()),
        false => Err(bad("1ms to 36525d, or unlimited")),
    }
}

/// How much a partition stores, as the value of the property.
pub(crate) fn parse_retention_bytes(text: &str) -> Result<String, String> {
    let bad = |range: &str| format!("{text:?} is no size for a partition: write {range}");
    if text == "unlimited" {
        return Ok("-1".to_owned());
    }
    match parse_size(text).map_err(|_| bad("10GiB, 500MB or unlimited"))? {
        bytes if (1..=MAX_QUOTA_TOTAL).contains(&bytes) => Ok(bytes.to_string()),
        _ => Err(bad("1B to 1048576TiB, or unlimited")),
    }
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not KEY=VALUE")),
    }
}
