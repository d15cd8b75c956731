//! Carries out what the command line asks for: one module for each noun.

mod acl;
mod audit;
mod backup;
mod completion;
mod consume;
mod context;
mod group;
mod plan;
mod produce;
mod quota;
mod several;
mod status;
mod table;
mod tenant;
mod token;
mod top;
mod topic;
mod user;
mod work;

use crate::bench;
use crate::cli::audit::AuditCommand;
use crate::cli::bench::BenchCommand;
use crate::cli::table::TableCommand;
use crate::cli::tenant::{TenantCommand, UsageArgs};
use crate::cli::token::TokenCommand;
use crate::cli::{Cli, Command, Global};
use crate::context::ContextStore;
use crate::failure::Failure;
use crate::output::{Format, View};
use crate::session::Session;
use crate::settings::{Env, Settings};
use clap::CommandFactory as _;
use levee_types::Clock;
use std::sync::Arc;

/// What commands take from outside.
pub(crate) struct Surroundings<'a> {
    /// Environment variables.
    pub(crate) env: Env<'a>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// The form of the result, by flag or environment (`LEVEE_OUTPUT`); none if the command writes its data to
/// standard output itself.
///
/// # Errors
/// The variable names no format, or the flag is given to a command that has no use for it.
pub(crate) fn format(cli: &Cli, variable: Option<&str>) -> Result<Option<Format>, Failure> {
    let hint = match cli.command {
        Command::Consume(_)
        | Command::Work(_)
        | Command::Table(TableCommand::Scan(_) | TableCommand::Watch(_)) => {
            "choose the form of records with -f (--format): raw, json or a text with fields"
        }
        Command::Completion { .. } => "leave it out: the result is a script",
        Command::Audit(AuditCommand::Tail(_)) => "leave it out, or choose JSON with --json",
        Command::Token(TokenCommand::Issue(_)) => {
            let format = Format::choose(cli.global.output, variable)?;
            if format == Format::Name {
                return Err(Failure::usage("the secret of a new token would be lost with -o name")
                    .with_hint("choose another form: it is shown only once"));
            }
            return Ok(Some(format));
        }
        Command::Tenant(TenantCommand::Usage(UsageArgs { csv: true, .. })) => {
            "choose between --csv and the other forms"
        }
        Command::Tenant(TenantCommand::Export(ref args)) if args.is_to_stdout() => {
            "leave it out: the data go to standard output"
        }
        Command::Context(_)
        | Command::Status
        | Command::Top(_)
        | Command::Tenant(_)
        | Command::Backup(_)
        | Command::Plan(_)
        | Command::Quota(_)
        | Command::User(_)
        | Command::Token(_)
        | Command::Acl(_)
        | Command::Audit(_)
        | Command::Topic(_)
        | Command::Table(_)
        | Command::Group(_)
        | Command::Produce(_)
        | Command::Bench(_) => return Format::choose(cli.global.output, variable).map(Some),
    };
    match cli.global.output {
        None => Ok(None),
        Some(_) => Err(Failure::usage("this command has no use for -o (--output)").with_hint(hint)),
    }
}

/// The same for a command line that cannot be parsed as a whole.
pub(crate) fn guess_format(arguments: &[String], variable: Option<&str>) -> Option<Format> {
    let parsed = Cli::command().ignore_errors(true).try_get_matches_from(arguments).ok();
    let command = parsed.as_ref().and_then(|parsed| parsed.subcommand());
    let verb = command.and_then(|(_, verb)| verb.subcommand());
    let has_csv = || arguments.iter().any(|argument| argument == "--csv");
    match (command.map(|(noun, _)| noun), verb.map(|(name, _)| name)) {
        (Some("consume" | "work" | "completion"), _) | (Some("audit"), Some("tail")) => None,
        (Some("table"), Some("scan" | "watch")) => None,
        (Some("tenant"), Some("usage")) if has_csv() => None,
        _ => Some(Format::guess(arguments, variable)),
    }
}

/// Runs one command.
///
/// # Errors
/// Whatever went wrong, with what was done all the same.
pub(crate) async fn run(cli: Cli, surroundings: &Surroundings<'_>) -> Result<View, Failure> {
    let Surroundings { env, clock } = surroundings;
    let store = ContextStore::locate(env);
    let session = || -> Result<Session, Failure> {
        let settings = Settings::resolve(&cli.global, env, &store.load()?)?;
        Session::open(settings, Arc::clone(clock))
    };
    match cli.command {
        Command::Context(command) => context::run(&command, &cli.global, &store, env),
        Command::Status => status::run(&session()?).await,
        Command::Top(args) => {
            let format = Format::choose(cli.global.output, env("LEVEE_OUTPUT").as_deref())?;
            top::run(&args, format, &session()?).await
        }
        Command::Tenant(command) => tenant::run(&command, &session()?).await,
        Command::Backup(command) => backup::run(&command, &session()?).await,
        Command::Plan(command) => plan::run(&command, &session()?).await,
        Command::Quota(command) => quota::run(&command, &session()?).await,
        Command::User(command) => user::run(&command, &session()?).await,
        Command::Token(command) => token::run(&command, &session()?).await,
        Command::Acl(command) => acl::run(&command, &session()?).await,
        Command::Audit(command) => audit::run(&command, &session()?).await,
        Command::Topic(command) => topic::run(&command, &session()?).await,
        Command::Table(command) => table::run(&command, &session()?).await,
        Command::Group(command) => group::run(&command, &session()?).await,
        Command::Produce(args) => produce::run(args, &session()?).await,
        Command::Consume(args) => consume::run(&args, &session()?).await,
        Command::Work(args) => work::run(&args, &session()?).await,
        Command::Bench(BenchCommand::Produce(args)) => bench::produce(&args, &session()?).await,
        Command::Bench(BenchCommand::Consume(args)) => bench::consume(&args, &session()?).await,
        Command::Completion { shell } => completion::run(shell, &cli.global),
    }
}

#[cfg(test)]
mod tests;

/// Refuses global flags that a command does not use: a setting that does nothing is never accepted.
///
/// # Errors
/// A flag is given that is not among `used`.
fn refuse_unused(global: &Global, used: &[&str]) -> Result<(), Failure> {
    let Global { endpoint, tenant, context, token_file, ca_file, cert_file, key_file, timeout, output: _ } =
        global;
    let given = [
        ("--endpoint", endpoint.is_some()),
        ("--tenant", tenant.is_some()),
        ("--context", context.is_some()),
        ("--token-file", token_file.is_some()),
        ("--ca-file", ca_file.is_some()),
        ("--cert-file", cert_file.is_some()),
        ("--key-file", key_file.is_some()),
        ("--timeout", timeout.is_some()),
    ];
    match given.iter().find(|(flag, is_given)| *is_given && !used.contains(flag)) {
        None => Ok(()),
        Some((flag, _)) => {
            Err(Failure::usage(format!("this command has no use for {flag}")).with_hint("leave it out"))
        }
    }
}
