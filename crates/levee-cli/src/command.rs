//! Carries out what the command line asks for: one module for each noun.

mod completion;
mod consume;
mod context;
mod produce;
mod status;
mod tenant;
mod topic;

use crate::bench;
use crate::cli::bench::BenchCommand;
use crate::cli::{Cli, Command};
use crate::context::ContextStore;
use crate::failure::Failure;
use crate::output::View;
use crate::session::Session;
use crate::settings::{Env, Settings};
use levee_types::Clock;
use std::sync::Arc;

/// What commands take from outside.
pub(crate) struct Surroundings<'a> {
    /// Environment variables.
    pub(crate) env: Env<'a>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
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
        Ok(Session::new(settings, Arc::clone(clock)))
    };
    match cli.command {
        Command::Context(command) => context::run(&command, &cli.global, &store, env),
        Command::Status => status::run(&session()?).await,
        Command::Tenant(command) => tenant::run(&command, &session()?).await,
        Command::Topic(command) => topic::run(&command, &session()?).await,
        Command::Produce(args) => produce::run(args, &session()?).await,
        Command::Consume(args) => consume::run(&args, &session()?).await,
        Command::Bench(BenchCommand::Produce(args)) => bench::produce(&args, &session()?).await,
        Command::Bench(BenchCommand::Consume(args)) => bench::consume(&args, &session()?).await,
        Command::Completion { shell } => completion::run(shell),
    }
}

/// The result of a command on several things, of which some may have failed.
///
/// # Errors
/// The failure, with the result beside it; a partial one if anything was done.
fn outcome(view: View, failure: Option<Failure>, partial: bool) -> Result<View, Failure> {
    match failure {
        None => Ok(view),
        Some(failure) if partial => Err(failure.after_part(view)),
        Some(failure) => Err(failure.showing(view)),
    }
}
