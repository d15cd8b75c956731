//! `levee plan …`

use crate::quota::{QuotaOf, parse_dimension, parse_quota};
use clap::{Args, Subcommand};
use levee_types::limits::MAX_PLAN_WEIGHT;
use levee_types::quota::Dimension;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Creates a plan: a named set of quotas that tenants are created with.
    ///
    /// Example: levee plan create team ingress=5MB/s storage=10GiB topics=100
    Create(CreateArgs),
    /// Lists all plans.
    #[command(visible_alias = "list")]
    Ls,
    /// Shows one plan.
    Describe {
        /// The plan.
        name: String,
    },
    /// Changes a plan, and with it the quotas of every tenant that has it.
    Update(UpdateArgs),
    /// Deletes plans that no tenant has.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The name: 1 to 48 of a-z 0-9 -
    pub(crate) name: String,
    /// Quotas: DIMENSION=LIMIT, as `levee quota set` takes them. What is left out has the server's default.
    #[arg(value_name = "QUOTA", value_parser = parse_quota)]
    pub(crate) quotas: Vec<QuotaOf>,
    /// The share of work that waits, against other tenants: 1 to 100 [default: 10].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PLAN_WEIGHT)))]
    pub(crate) weight: Option<u32>,
    /// A plan that exists is left as it is.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The plan.
    pub(crate) name: String,
    /// Quotas that it gets: DIMENSION=LIMIT, as `levee quota set` takes them.
    #[arg(value_name = "QUOTA", value_parser = parse_quota)]
    pub(crate) quotas: Vec<QuotaOf>,
    /// A dimension that returns to the server's default; may be repeated.
    #[arg(long, value_name = "DIMENSION", value_parser = parse_dimension, value_delimiter = ',')]
    pub(crate) unset: Vec<Dimension>,
    /// The share of work that waits, against other tenants: 1 to 100.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PLAN_WEIGHT)))]
    pub(crate) weight: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The plans.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// A plan that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
