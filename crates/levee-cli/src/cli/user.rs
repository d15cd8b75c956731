//! `levee user …`

use super::of::OfArgs;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Creates users: persons or programs of a tenant, or operators.
    ///
    /// A user can do nothing until an access rule allows it, unless it is an administrator. It comes with a
    /// token (levee token issue), a client certificate, or a JWT of an issuer that the server trusts.
    Create(CreateArgs),
    /// Lists users.
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        of: OfArgs,
    },
    /// Shows one user.
    Describe {
        /// The user.
        name: String,
        #[command(flatten)]
        of: OfArgs,
    },
    /// Changes a user.
    Update(UpdateArgs),
    /// Stops whatever a user does, until it is enabled.
    Disable {
        /// The user.
        name: String,
        #[command(flatten)]
        of: OfArgs,
    },
    /// Lets a user that was disabled go on.
    Enable {
        /// The user.
        name: String,
        #[command(flatten)]
        of: OfArgs,
    },
    /// Deletes users with their tokens and the access rules that name them.
    Delete(DeleteArgs),
    /// Shows who the credential is of.
    Whoami,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The names: 1 to 64 of A-Z a-z 0-9 . _ - @ each.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// They administer their tenant.
    #[arg(long, conflicts_with = "operator")]
    pub(crate) admin: bool,
    /// A group of users that access rules can name; may be repeated.
    #[arg(long = "group", value_name = "GROUP", conflicts_with = "operator")]
    pub(crate) groups: Vec<String>,
    /// The name in a client certificate that the user may come with, as URI:spiffe://… or DNS:…; may be
    /// repeated. Only operators set it.
    #[arg(long = "certificate", value_name = "NAME")]
    pub(crate) certificates: Vec<String>,
    /// A user that exists is left as it is.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The user.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// Whether it administers its tenant.
    #[arg(long, value_name = "BOOL", conflicts_with = "operator")]
    pub(crate) admin: Option<bool>,
    /// A group that it is in, instead of those before; may be repeated.
    #[arg(long = "group", value_name = "GROUP", conflicts_with_all = ["no_groups", "operator"])]
    pub(crate) groups: Vec<String>,
    /// It is in no group any more.
    #[arg(long)]
    pub(crate) no_groups: bool,
    /// The name in a client certificate, instead of those before; may be repeated.
    #[arg(long = "certificate", value_name = "NAME", conflicts_with = "no_certificates")]
    pub(crate) certificates: Vec<String>,
    /// It may come with no certificate any more.
    #[arg(long)]
    pub(crate) no_certificates: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The users.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// A user that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}
