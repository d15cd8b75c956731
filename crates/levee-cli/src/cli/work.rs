//! `levee work`

use crate::position::Place;
use crate::record_format::RecordFormat;
use clap::Args;
use levee_types::limits::{DEFAULT_DELIVERIES, MAX_DELIVERIES};

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// The queue, as TENANT/GROUP or GROUP.
    pub(crate) group: String,
    /// A topic of the queue; may be repeated. Without, the queue must be there.
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// How often a record is handed out before it is dead.
    #[arg(long, value_name = "COUNT", requires = "topics", default_value_t = DEFAULT_DELIVERIES, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DELIVERIES)))]
    pub(crate) max_deliveries: u32,
    /// The topic that takes dead records; without, they are dropped.
    #[arg(long, value_name = "TOPIC", requires = "topics")]
    pub(crate) dead_letter_topic: Option<String>,
    /// Records of a partition with the same key are handed out one after the other.
    #[arg(long, requires = "topics")]
    pub(crate) ordered_by_key: bool,
    /// Where a new queue begins: `start`, `end`, -1h, or an RFC 3339 time.
    #[arg(long, value_name = "PLACE", default_value = "start", allow_hyphen_values = true)]
    pub(crate) from: Place,
    /// Stop after this many records.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    /// How to print a record: as with `levee consume`.
    #[arg(short, long, value_name = "FORMAT", default_value = "raw")]
    pub(crate) format: RecordFormat,
}
