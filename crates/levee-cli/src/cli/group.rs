//! `levee group …`

use crate::position::Place;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Lists the groups of a tenant.
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Shows one group: its members, and how far it has come in each partition.
    Describe {
        /// The group, as TENANT/GROUP or GROUP.
        group: String,
    },
    /// Sets where a group goes on in a topic.
    ///
    /// No member may have one of the partitions meanwhile: stop the consumers first. It prints where the group was, so
    /// that it can be taken back.
    ///
    /// Example: levee group seek acme/billing --topic orders --to -1h --dry-run
    Seek(SeekArgs),
    /// Deletes groups with all that they have committed.
    ///
    /// Asks first, unless --yes or --dry-run is given.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Only groups whose names begin with this.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct SeekArgs {
    /// The group, as TENANT/GROUP or GROUP.
    pub(crate) group: String,
    /// The topic, of the same tenant.
    #[arg(long)]
    pub(crate) topic: String,
    /// Only this partition; may be repeated [default: all]. Needed with an offset.
    #[arg(short, long = "partition", value_name = "PARTITION")]
    pub(crate) partitions: Vec<u32>,
    /// Where to go on: `start`, `end`, an offset, -1h, or an RFC 3339 time.
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub(crate) to: Place,
    /// Change nothing: show what would be changed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The groups, as TENANT/GROUP or GROUP.
    #[arg(required = true, value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// A group that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Delete nothing: show what would be deleted.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
