//! `levee consume`

use crate::position::Place;
use crate::record_format::RecordFormat;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ConsumeArgs {
    /// The topic, as TENANT/TOPIC or TOPIC.
    pub(crate) topic: String,
    /// Consume as a member of this group, which is made if there is none.
    ///
    /// The group's members share the partitions. What was printed is committed, so that the next member goes on behind
    /// it; when a member or the connection is lost, the last records may be printed again.
    #[arg(short, long, conflicts_with_all = ["partition", "until_end"])]
    pub(crate) group: Option<String>,
    /// Where to begin: `start`, `end`, an offset, -1h, or an RFC 3339 time.
    ///
    /// With --group, only partitions of which the group has committed nothing begin there, and it is no offset.
    #[arg(long, value_name = "PLACE", default_value = "start", allow_hyphen_values = true)]
    pub(crate) from: Place,
    /// Only this partition.
    #[arg(short, long)]
    pub(crate) partition: Option<u32>,
    /// Stop after this many records.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    /// Stop at the end that the log had at the beginning, instead of waiting for more.
    #[arg(long)]
    pub(crate) until_end: bool,
    /// How to print a record: `raw`, `json`, or a text with fields.
    ///
    /// `raw` is the value and a newline; `json` is one object a line. In a text, %k is the key, %v the
    /// value, %o the offset, %p the partition, %t the topic, %T the time, %h the headers, %% a percent sign;
    /// \n \t \r \0 \\ are escapes. A newline is added unless the text ends with one or with \0.
    #[arg(short, long, value_name = "FORMAT", default_value = "raw")]
    pub(crate) format: RecordFormat,
}
