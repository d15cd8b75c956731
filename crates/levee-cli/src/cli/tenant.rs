//! `levee tenant …`

use crate::cli::topic::{parse_retention, parse_retention_bytes};
use crate::cli::transfer::{ExportArgs, ImportArgs};
use crate::moment::Moment;
use crate::units::{parse_duration, show_duration};
use clap::{Args, Subcommand, ValueEnum};
use levee_client::v1::TenantState;
use levee_types::limits::MAX_DELETE_GRACE_MS;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Creates tenants.
    Create(CreateArgs),
    /// Lists all tenants.
    #[command(visible_alias = "list")]
    Ls,
    /// Shows one tenant.
    Describe {
        /// The tenant.
        name: String,
    },
    /// Gives a tenant another plan, or other defaults for its topics.
    Update(UpdateArgs),
    /// Gives a tenant another name.
    ///
    /// Whatever belongs to it stays: topics, users, tokens. Addresses and contexts with the old name do not
    /// work any more.
    Rename {
        /// The tenant.
        name: String,
        /// Its new name: 3 to 48 of a-z 0-9 -
        new_name: String,
    },
    /// Stops what a tenant does, until it is resumed.
    Suspend {
        /// The tenant.
        name: String,
        /// How much is stopped.
        #[arg(long, value_enum, default_value_t)]
        mode: SuspendMode,
    },
    /// Ends the suspension of a tenant.
    Resume {
        /// The tenant.
        name: String,
    },
    /// Closes tenants, and deletes them with all their topics and records after a time of grace.
    ///
    /// Within that time, `levee tenant undelete` takes it back.
    Delete(DeleteArgs),
    /// Takes the deletion of a tenant back, within its time of grace.
    Undelete {
        /// The tenant.
        name: String,
    },
    /// Shows what a tenant used, hour by hour.
    Usage(UsageArgs),
    /// Writes everything of a tenant, as it is now, to a file that another server can import.
    ///
    /// Users, rules, quotas, topics and records are carried, with offsets and times. Tokens are not: their ids name
    /// the tenant of this server. Usage and audit log stay here as well. The file holds all records as they are, and
    /// only its owner can read it.
    Export(ExportArgs),
    /// Makes a tenant of what levee tenant export wrote.
    ///
    /// Until all of it is there nobody can use the tenant; when anything is missing, damaged or refused, nothing is
    /// left of it. Tokens are not carried: issue new ones. Names of client certificates must be free on this server.
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The names: 3 to 48 of a-z 0-9 - each.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// The plan whose quotas they get [default: the server's default plan].
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// A tenant that exists is left as it is.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The tenant.
    pub(crate) name: String,
    /// The plan whose quotas it gets.
    #[arg(long, required_unless_present_any = ["retention", "retention_bytes"])]
    pub(crate) plan: Option<String>,
    /// How long records stay in topics that do not say: such as 7d, `unlimited`, or `none` for what the server says.
    ///
    /// What is older than that goes soon, also of topics that there are already.
    #[arg(long, value_name = "DURATION", value_parser = or_none(parse_retention))]
    pub(crate) retention: Option<OrNone>,
    /// How much each partition of such topics stores before its oldest records go: such as 10GiB, `unlimited`, or
    /// `none` for what the server says.
    #[arg(long, value_name = "SIZE", value_parser = or_none(parse_retention_bytes))]
    pub(crate) retention_bytes: Option<OrNone>,
}

/// The value of a default, or `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OrNone {
    /// The value of the property.
    Value(String),
    /// There shall be none.
    None,
}

fn or_none(
    parse: fn(&str) -> Result<String, String>,
) -> impl Fn(&str) -> Result<OrNone, String> + Clone + Send + Sync + 'static {
    move |text| match text {
        "none" => Ok(OrNone::None),
        _ => parse(text)
            .map(OrNone::Value)
            .map_err(|error| format!("{error}, or none for what the server says")),
    }
}

/// How much of a tenant is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SuspendMode {
    /// Reads go on, writes do not.
    #[default]
    ReadOnly,
    /// Nothing goes on but administration.
    Frozen,
}

impl From<SuspendMode> for TenantState {
    fn from(mode: SuspendMode) -> Self {
        match mode {
            SuspendMode::ReadOnly => Self::ReadOnly,
            SuspendMode::Frozen => Self::Frozen,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The tenants.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// How long the deletion can be taken back, up to 365d; 0s: not at all.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_grace)]
    pub(crate) grace: Duration,
    /// A tenant that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// The tenant [default: that of --tenant or the context, or the credential's own].
    pub(crate) name: Option<String>,
    /// The first hour: -24h or an RFC 3339 time.
    #[arg(long, value_name = "TIME", default_value = "-24h", allow_hyphen_values = true)]
    pub(crate) from: Moment,
    /// The end, behind the last hour: now, -24h or an RFC 3339 time.
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    pub(crate) to: Moment,
    /// Write comma-separated values with a header, for spreadsheets and invoices.
    #[arg(long)]
    pub(crate) csv: bool,
}

fn parse_grace(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_millis(MAX_DELETE_GRACE_MS);
    match parse_duration(text)? {
        grace if grace <= longest => Ok(grace),
        _ => Err(format!("{text:?} is longer than {}", show_duration(longest))),
    }
}
