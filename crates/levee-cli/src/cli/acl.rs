//! `levee acl …`

use crate::access::{Operations, parse_operation, parse_operations};
use clap::{Args, Subcommand};
use levee_types::acl::AclOperation;

#[derive(Debug, Subcommand)]
pub(crate) enum AclCommand {
    /// Allows users to do something with topics or groups.
    ///
    /// Whatever no rule allows is refused; administrators need no rule. Who joins a group consumes the group and its
    /// topics. Example: levee acl allow --user svc --ops consume --topic orders --group billing
    Allow(RuleArgs),
    /// Forbids users to do something with topics or groups, whatever other rules allow.
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
    /// There are produce, consume, list, describe, create, delete, alter and trim; on groups consume, list, describe,
    /// delete and alter.
    #[arg(long, value_name = "OPERATIONS", required = true, value_parser = parse_operations)]
    pub(crate) ops: Operations,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
    /// Every topic or group whose name begins so; --topic '' --prefix is every topic.
    #[arg(long)]
    pub(crate) prefix: bool,
}

#[derive(Debug, Args)]
#[group(id = "resource", required = true, multiple = true)]
pub(crate) struct ResourceArgs {
    /// The topic; may be repeated.
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// The group of consumers or the queue; may be repeated.
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
}

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
    #[command(flatten)]
    pub(crate) with: TestedArgs,
}

#[derive(Debug, Args)]
#[group(id = "tested", required = true, multiple = false)]
pub(crate) struct TestedArgs {
    /// The topic with which it would do that.
    #[arg(long)]
    pub(crate) topic: Option<String>,
    /// The group of consumers or the queue with which it would do that.
    #[arg(long)]
    pub(crate) group: Option<String>,
}
