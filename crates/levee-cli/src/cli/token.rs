//! `levee token …`

use super::of::OfArgs;
use crate::access::parse_scope;
use crate::units::parse_duration;
use clap::{Args, Subcommand};
use levee_client::v1::TokenScope;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token for a user, and prints its secret: this once, and never again.
    ///
    /// Standard output is the secret alone, so that it can be sent to a file, which then serves as
    /// --token-file. Example: (umask 077; levee token issue --user svc > svc.token)
    Issue(IssueArgs),
    /// Lists tokens, without their secrets.
    #[command(visible_alias = "list")]
    Ls {
        /// Only those of this user.
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        of: OfArgs,
    },
    /// Shows one token, without its secret.
    Describe {
        /// The id of the token.
        id: String,
        #[command(flatten)]
        of: OfArgs,
    },
    /// Makes tokens worthless, for good.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct IssueArgs {
    /// The user whose token it is.
    #[arg(long)]
    pub(crate) user: String,
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// How long it works, such as 30d; at least 1s [default: for ever].
    #[arg(long, value_name = "DURATION", value_parser = parse_expiry)]
    pub(crate) expires: Option<Duration>,
    /// All that the token may do, of what its user may; may be repeated.
    ///
    /// Operations and topics, as produce:orders or produce,consume:orders.* where * stands for any ending; or
    /// operations and groups, as consume:group:billing or all:group:billing.*.
    #[arg(long = "scope", value_name = "OPERATIONS:RESOURCES", value_parser = parse_scope)]
    pub(crate) scopes: Vec<TokenScope>,
    /// What it is for, for people who see it in lists; at most 200 characters.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) description: String,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The ids of the tokens.
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) of: OfArgs,
    /// A token that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

fn parse_expiry(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        expiry if expiry >= Duration::from_secs(1) => Ok(expiry),
        _ => Err(format!("{text:?} is shorter than 1s")),
    }
}
