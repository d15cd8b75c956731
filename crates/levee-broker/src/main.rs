//! `leveed`: the daemon. It composes what the library offers; everything it does is listed here.

mod args;
mod signals;

use args::{Args, RestoreArgs};
use clap::Parser as _;
use levee_broker::ambient::{SystemClock, SystemRandom};
use levee_broker::backup::restore::{Restored, restore_node as restore};
use levee_broker::bootstrap::first_operator;
use levee_broker::identity::{Jwts, Methods, Mode};
use levee_broker::server::Surroundings;
use levee_broker::transport::tls::Tls;
use levee_broker::{Listeners, RunningShard, Settings, data_dir, logging, metrics, open_files, serve};
use levee_types::{Clock, Random};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What calls that wait for the disk may take to return once everything else has ended.
const LAST_CALLS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("leveed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (settings, _temporary) = args.settings()?;
    if let Some(restore) = args.restore() {
        return restore_node(restore, &settings);
    }
    let is_dev = args.is_dev();
    logging::start(&settings.log)?;
    open_files::raise_limit();
    let metrics = metrics::install()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let tls = Tls::load(&settings.tls, &clock)?;
    let identity = if is_dev { Mode::Dev } else { Mode::Real(methods(&settings, &clock)?) };

    data_dir::prepare(&settings.data_dir)
        .map_err(|error| format!("cannot create {}: {error}", settings.data_dir.display()))?;
    let shard_settings = settings.shard();
    let storage =
        RunningShard::start(&settings.data_dir, shard_settings, Arc::clone(&clock), random.as_ref())?;

    let runtime = runtime(settings.runtime.worker_threads)?;
    let result = runtime.block_on(async {
        let shutdown = signals::shutdown()?;
        if !is_dev {
            first_operator(&storage.shard, &settings.bootstrap_token_file, random.as_ref(), tell).await?;
        }
        let listeners = Listeners::bind(&settings, tls)?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            grpc = %listeners.grpc.local_addr()?,
            tls = listeners.tls.is_some(),
            http = %listeners.http.local_addr()?,
            data_dir = %settings.data_dir.display(),
            "ready"
        );
        serve(&settings, storage, listeners, Surroundings { clock, random, metrics, identity }, shutdown)
            .await?;
        tracing::info!("stopped");
        Ok(())
    });
    runtime.shutdown_timeout(LAST_CALLS);
    result
}

/// Makes a data directory of a backup.
fn restore_node(args: &RestoreArgs, settings: &Settings) -> Result<(), Box<dyn Error>> {
    logging::start(&settings.log)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (from, directory) = (&args.from, &args.data_dir);
    data_dir::prepare(directory)
        .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    let restored = runtime(settings.runtime.worker_threads)?
        .block_on(restore(from, &settings.backup, directory, &args.wanted(), clock, Arc::new(SystemRandom)))
        .map_err(|error| format!("{}; {}", error.message, error.hint))?;
    let Restored { backup, sequence, bytes } = restored;
    println!("{} restored up to entry {sequence}, of backup {backup}: {bytes} bytes", directory.display());
    println!("Revoke again what was revoked since, and give it another place for its backups.");
    Ok(())
}

/// How callers may prove who they are.
fn methods(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Methods, Box<dyn Error>> {
    let file = &settings.auth.issuers_file;
    let jwts = match file.as_os_str().is_empty() {
        true => None,
        false => Some(Arc::new(Jwts::load(file, Arc::clone(clock))?)),
    };
    Ok(Methods { has_tokens: settings.auth.methods.contains("token"), jwts })
}

/// Not in the log, which is kept and read by others.
fn tell(token: &str) {
    eprintln!("The token of the first operator, \"bootstrap\". It is not shown again:");
    eprintln!("  {token}");
}

fn runtime(worker_threads: usize) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if worker_threads > 0 {
        builder.worker_threads(worker_threads);
    }
    builder.thread_name("worker").enable_all().build()
}
