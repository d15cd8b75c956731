//! `levee backup …`

use crate::moment::Moment;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Makes a backup of all tenants at one moment, while everything goes on.
    ///
    /// It goes where backup.url of the server's configuration says. What is there already is not written again. It goes
    /// on when this command is interrupted.
    Create,
    /// Lists the backups.
    #[command(visible_alias = "list")]
    Ls,
    /// Makes a tenant of what it was in a backup, or at a time between two backups.
    ///
    /// Users, rules, quotas, topics, groups and records come back, with offsets and times. Tokens do not: issue new
    /// ones. Under another name, it has no client certificates.
    ///
    /// A whole node is restored where it is to run, with nothing running there:
    /// leveed restore --from URL --data-dir DIR [--backup ID] [--position N | --time TIME]
    ///
    /// Example: levee backup restore acme --as acme-before --time 2026-05-01T09:30:00Z
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The tenant, as it was called.
    pub(crate) name: String,
    /// The name of the new tenant: 3 to 48 of a-z 0-9 - [default: as it was called].
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) new_name: Option<String>,
    /// The backup [default: the newest that fits].
    #[arg(long, value_name = "ID")]
    pub(crate) backup: Option<String>,
    /// As it was then: an RFC 3339 time, or -24h [default: as it is in the backup].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) time: Option<Moment>,
}
