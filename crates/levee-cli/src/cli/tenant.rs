//! `levee tenant …`

use clap::{Args, Subcommand};

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
    /// Deletes tenants with all their topics and records.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The names: 3 to 48 of a-z 0-9 - each.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// A tenant that exists is left as it is.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The tenants.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// A tenant that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
