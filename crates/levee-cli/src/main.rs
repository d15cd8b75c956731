//! `levee`: the admin tool, console producer and consumer, and load generator of Levee.

mod access;
mod address;
mod bench;
mod cli;
mod command;
mod context;
mod credentials;
mod failure;
mod moment;
mod output;
mod position;
mod progress;
mod prompt;
mod quota;
mod record_format;
mod session;
mod settings;
mod units;

use crate::cli::Cli;
use crate::command::Surroundings;
use crate::failure::Failure;
use clap::Parser as _;
use levee_client::SystemClock;
use std::env;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let variable = |name: &str| env::var(name).ok();
    let preset = variable("LEVEE_OUTPUT");

    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let arguments: Vec<String> = env::args().collect();
            return output::not_parsed(command::guess_format(&arguments, preset.as_deref()), &error);
        }
    };
    let format = match command::format(&cli, preset.as_deref()) {
        Ok(format) => format,
        Err(failure) => return output::finish(None, Err(failure)),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::finish(format, Err(Failure::io("async runtime", &error))),
    };
    let surroundings = Surroundings { env: &variable, clock: Arc::new(SystemClock::new()) };
    let outcome = runtime.block_on(command::run(cli, &surroundings));
    // A thread may still wait for standard input, which no one can interrupt.
    runtime.shutdown_background();
    output::finish(format, outcome)
}
