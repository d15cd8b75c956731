//! Whose users, tokens or audit log are meant: tenants have them, and so have the operators.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct OfArgs {
    /// What belongs to the operators themselves, instead of to a tenant.
    #[arg(long)]
    pub(crate) operator: bool,
}
