//! `levee audit …`

use super::of::OfArgs;
use clap::{Args, Subcommand};
use levee_types::limits::MAX_PAGE_SIZE;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Lists the events of the audit log: every change, and every refusal.
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Shows one event.
    Describe {
        /// Its sequence number.
        sequence: u64,
        #[command(flatten)]
        of: OfArgs,
    },
    /// Prints the latest events, one a line, and with -f those that follow.
    Tail(TailArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// The sequence number of the first event [default: that of the oldest].
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
    pub(crate) from: u64,
    /// Only so many of the latest events, up to 1000.
    #[arg(short = 'n', long, value_name = "COUNT", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE_SIZE)))]
    pub(crate) number: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// How many of the latest events come first, up to 1000.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_PAGE_SIZE)))]
    pub(crate) number: u32,
    /// Wait for more, until interrupted.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print each event as a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
