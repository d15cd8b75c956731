//! `levee acl …`

use crate::access::{parse_operation, parse_operations};
use clap::{Args, Subcommand};
use levee_types::acl::AclOperation;

#[derive(Debug, Subcommand)]
pub(crate) enum AclCommand {
    /// Allows users to do something with topics.
    ///
    /// Whatever no rule allows is refused; administrators need no rule. Example:
    /// levee acl allow --user svc --ops produce,consume --topic orders. --prefix
    Allow(RuleArgs),
    /// Forbids users to do something with topics, whatever other rules allow.
    Deny(RuleArgs),
    /// Lists rules.
    #[command(visible_alias = "list")]
    Ls,
    /// Shows one rule.
    Describe {
        /// The id of the rule.
        id: u64,
    },
    /// Removes rules.
    Rm(RmArgs),
    /// Tells whether a user may do something, and which rule decides.
    ///
    /// Exit code 0 if it may, 4 if not.
    Test(TestArgs),
}

#[derive(Debug, Args)]
#[group(id = "subject", required = true, multiple = true)]
pub(crate) struct SubjectArgs {
    /// This user; may be repeated.
    #[arg(long = "user", value_name = "USER")]
    pub(crate) users: Vec<String>,
    /// The users of this group; may be repeated.
    #[arg(long = "user-group", value_name = "GROUP")]
    pub(crate) user_groups: Vec<String>,
    /// Every user of the tenant.
    #[arg(long)]
    pub(crate) everyone: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RuleArgs {
    #[command(flatten)]
    pub(crate) subjects: SubjectArgs,
    /// Operations with commas between them, or `all`.
    ///
    /// There are produce, consume, list, describe, create, delete, alter and trim.
    #[arg(long, value_name = "OPERATIONS", required = true, value_parser = parse_ops)]
    pub(crate) ops: Operations,
    /// The topic; may be repeated.
    #[arg(long = "topic", value_name = "TOPIC", required = true)]
    pub(crate) topics: Vec<String>,
    /// Every topic whose name begins so; --topic '' --prefix is every topic.
    #[arg(long)]
    pub(crate) prefix: bool,
}

/// Operations that were given together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operations(pub(crate) Vec<AclOperation>);

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The ids of the rules.
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<u64>,
    /// A rule that does not exist is no error.
    #[arg(long)]
    pub(crate) if_exists: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The user.
    #[arg(long)]
    pub(crate) user: String,
    /// What it would do.
    #[arg(long, value_name = "OPERATION", value_parser = parse_operation)]
    pub(crate) op: AclOperation,
    /// The topic with which it would do that.
    #[arg(long)]
    pub(crate) topic: String,
}

fn parse_ops(text: &str) -> Result<Operations, String> {
    parse_operations(text).map(Operations)
}
