//! The grammar of the command line: nouns with verbs, and the flags that all share.
//!
//! The first line of a help text is what `-h` shows, the rest comes with `--help`. Nothing is decided
//! here; see [`crate::command`].

use crate::output::Format;
use crate::units::parse_duration;
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) mod acl;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod consume;
pub(crate) mod context;
pub(crate) mod group;
pub(crate) mod of;
pub(crate) mod plan;
pub(crate) mod produce;
pub(crate) mod quota;
pub(crate) mod table;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod top;
pub(crate) mod topic;
pub(crate) mod transfer;
pub(crate) mod user;
pub(crate) mod work;

/// Administers Levee, and produces and consumes from the console.
///
/// Topics are addressed as TENANT/TOPIC, or as plain TOPIC with --tenant or in a context that is bound to
/// a tenant.
///
/// Values are taken from flags, then from LEVEE_… environment variables, then from the context in
/// ~/.config/levee/config.toml, then from defaults.
///
/// Results go to standard output, everything else to standard error. Exit codes: 0 ok, 1 server or partial
/// failure, 2 usage, 3 not found, 4 denied, 5 quota, 6 timeout.
#[derive(Debug, Parser)]
#[command(name = "levee", version, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the server listens, as https://HOST:PORT or http://HOST:PORT.
    ///
    /// [env: LEVEE_ENDPOINT] [default: the context's, or http://127.0.0.1:9400]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint: Option<String>,

    /// The tenant that is meant where none is named, as with plain topic names.
    ///
    /// With a credential of a tenant it may be left out: the credential's own is meant then.
    ///
    /// [env: LEVEE_TENANT] [default: the context's]
    #[arg(long, global = true, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,

    /// Which context to use.
    ///
    /// [env: LEVEE_CONTEXT] [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The file with the token that says who asks: an API token, or a JWT.
    ///
    /// The token itself may be in LEVEE_TOKEN; it never is on a command line. Without a token and without a
    /// certificate, the server must be one that runs with --dev.
    ///
    /// What the context names is for the context's endpoint: it is not sent to another one, and neither are the files
    /// below.
    ///
    /// [env: LEVEE_TOKEN_FILE] [default: the context's]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// The file with the certificates, in PEM, of the authorities that vouch for the server.
    ///
    /// [env: LEVEE_CA_FILE] [default: the context's, or those that the system trusts]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,

    /// The file with the certificate, in PEM, that is shown to the server. Comes with --key-file.
    ///
    /// Without a token, it says who asks.
    ///
    /// [env: LEVEE_CERT_FILE] [default: the context's]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cert_file: Option<PathBuf>,

    /// The file with the private key, in PEM, of the certificate.
    ///
    /// [env: LEVEE_KEY_FILE] [default: the context's]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key_file: Option<PathBuf>,

    /// How long an answer may take, such as 500ms or 30s.
    ///
    /// A command that asks once and waits longer than this ends with exit code 6. `produce` gives each
    /// record this long to be acknowledged (default there: 2m); `consume`, `work` and `table watch` end when no record
    /// arrives for this long, if the flag or the variable is given.
    ///
    /// [env: LEVEE_TIMEOUT] [default: 30s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// The form of the result.
    ///
    /// `json` is the stable contract for programs: one object, with integer bytes and RFC 3339 times, and
    /// with an "error" object in it when the command fails. Not for `consume`, `work`, `table scan` and `table watch`,
    /// which have --format, `completion`, `audit tail`, which has --json, and `tenant usage --csv`.
    ///
    /// [env: LEVEE_OUTPUT] [default: table]
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<Format>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Names servers and tenants, so that commands need not.
    #[command(subcommand)]
    Context(context::ContextCommand),
    /// Shows how the server is; fails unless it serves.
    ///
    /// Exit code 0 means that reads and writes work. It asks as an operator: a health check that has no token of one
    /// asks for /health/ready on the port of the metrics.
    Status,
    /// Shows who uses the server at present, and how much of their quotas that is.
    ///
    /// On a terminal it is drawn again and again, until q is pressed. Elsewhere, and with -n or --once, it prints
    /// rounds. Rates are means of the time between two looks (--interval). A QUOTA is how much of its limit the rate
    /// before it is; THROTTLED is for how long quotas held requests up, added up over all of them. -o wide shows
    /// records, connections and streams as well.
    ///
    /// Operators see the tenants that did anything since the server started, the busiest first; administrators of a
    /// tenant see theirs. With --by topic, the first 1000 topics of a tenant by their names are looked at; choose
    /// others with --prefix.
    ///
    /// Example: levee top --sort requests --interval 5s
    Top(top::TopArgs),
    /// Creates, shows, changes and deletes tenants, and tells what they used.
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Makes and shows backups of the server, and restores a tenant of one.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Creates, shows, changes and deletes plans: named sets of quotas.
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// Sets and shows how much tenants, users and topics may use.
    #[command(subcommand)]
    Quota(quota::QuotaCommand),
    /// Creates, shows, changes and deletes users, and operators.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Issues, shows and revokes tokens, by which users say who they are.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Sets, shows and tests access rules: who may do what with which topics.
    #[command(subcommand)]
    Acl(acl::AclCommand),
    /// Shows the audit log: every change, and every refusal.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Creates, shows, changes and deletes topics.
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    /// Reads tables by key, and erases keys: tables are topics with cleanup.policy=compact.
    #[command(subcommand)]
    Table(table::TableCommand),
    /// Shows groups of consumers and queues and their lag, sets where they go on, and deletes them.
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Appends records to a topic, from standard input or a file.
    Produce(produce::ProduceArgs),
    /// Prints the records of a topic.
    Consume(consume::ConsumeArgs),
    /// Takes records of a queue, prints them, and says that they are done.
    ///
    /// Several workers share the records of a queue, each record for itself. With --topic the queue is made if there is
    /// none. A record is done once it is printed; when this program dies before, it is handed out again.
    ///
    /// Example: levee work acme/mailer --topic mails --dead-letter-topic mails.dead -n 10
    Work(work::WorkArgs),
    /// Measures how fast records are appended or read.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Prints a script that completes commands and flags in a shell.
    ///
    /// For bash: levee completion bash > /etc/bash_completion.d/levee
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

#[cfg(test)]
mod tests;
