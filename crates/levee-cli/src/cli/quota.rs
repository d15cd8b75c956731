//! `levee quota …`

use crate::moment::Moment;
use crate::quota::{QuotaOf, parse_dimension, parse_quota};
use clap::{Args, Subcommand};
use levee_types::quota::Dimension;

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// Sets quotas of a tenant, or of one of its users or topics.
    ///
    /// A quota is DIMENSION=LIMIT, with options after commas: ingress=5MB/s,burst=10MB,soft=90%,action=reject
    ///
    /// Dimensions: ingress and egress (bytes a second), requests and admin (a second), connections, storage
    /// (bytes), topics, partitions, producers, groups. Users and topics have the first three. A limit may be
    /// `unlimited`. Bytes may have units: KB and MB are of 1000, KiB and MiB of 1024.
    ///
    /// Options: `burst` is what may come at once after a pause (default: what the rate gives in a tenth of a
    /// second); at `soft` percent of the limit a warning is logged (default: 80%); `action` is what happens beyond
    /// the limit: throttle (the default of rates), reject (the default of the others), observe, or, for storage,
    /// trim-oldest: the oldest records of the tenant go, but those of tables, so that new ones find room.
    ///
    /// What is not named stays as it is. Example: levee quota set acme ingress=5MB/s storage=10GiB topics=100
    Set(SetArgs),
    /// Returns quotas to where they are inherited from: the tenant's plan, or the server's defaults.
    Unset(UnsetArgs),
    /// Shows the quotas that hold, where each comes from, and what is used of it.
    #[command(visible_aliases = ["describe", "ls"])]
    Get(GetArgs),
    /// Shows the latest requests that a quota delayed or refused, and which quota it was.
    Explain {
        /// The tenant [default: that of --tenant or the context, or the credential's own].
        tenant: Option<String>,
    },
    /// Compares what a tenant used with other quotas than those that it has.
    ///
    /// Quotas are written as for levee quota set, with the same units; those that are not named are the tenant's. It
    /// compares the last 7 days, unless --from says otherwise, and changes nothing.
    ///
    /// Rates are compared with the average of each hour, so that shorter peaks are not seen. What was used was
    /// held up by the quotas of its time. Quotas that are set for the tenant hold with another plan, too.
    ///
    /// Example: levee quota simulate acme --plan small --from -30d
    Simulate(SimulateArgs),
}

/// Whose quotas are meant, besides the tenant's.
#[derive(Debug, Default, Args)]
pub(crate) struct PartArgs {
    /// Those of this user of the tenant.
    #[arg(long, conflicts_with = "topic")]
    pub(crate) user: Option<String>,
    /// Those of this topic of the tenant.
    #[arg(long)]
    pub(crate) topic: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The tenant.
    #[arg(value_name = "TENANT")]
    pub(crate) name: String,
    /// The quotas: DIMENSION=LIMIT
    #[arg(required = true, value_name = "QUOTA", value_parser = parse_quota)]
    pub(crate) quotas: Vec<QuotaOf>,
    #[command(flatten)]
    pub(crate) part: PartArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// The tenant.
    #[arg(value_name = "TENANT")]
    pub(crate) name: String,
    /// The dimensions.
    #[arg(required = true, value_name = "DIMENSION", value_parser = parse_dimension)]
    pub(crate) dimensions: Vec<Dimension>,
    #[command(flatten)]
    pub(crate) part: PartArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The tenant [default: that of --tenant or the context, or the credential's own].
    #[arg(value_name = "TENANT")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) part: PartArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The tenant.
    #[arg(value_name = "TENANT")]
    pub(crate) name: String,
    /// Quotas that it would have: DIMENSION=LIMIT
    #[arg(value_name = "QUOTA", value_parser = parse_quota, required_unless_present = "plan")]
    pub(crate) quotas: Vec<QuotaOf>,
    /// The plan that it would have.
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// The first hour: -7d or an RFC 3339 time.
    #[arg(long, value_name = "TIME", default_value = "-7d", allow_hyphen_values = true)]
    pub(crate) from: Moment,
    /// The end, behind the last hour: now, -24h or an RFC 3339 time.
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    pub(crate) to: Moment,
}
