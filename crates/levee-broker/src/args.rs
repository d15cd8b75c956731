//! The command line, and what it means for the settings.

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use levee_broker::Settings;
use levee_broker::backup::restore::{At, Wanted};
use levee_broker::settings::{Overrides, load};
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Read when no file is given, if it is there; not with `--dev`.
const CONFIG_FILE: &str = "/etc/levee/leveed.toml";

/// The broker of Levee.
#[derive(Debug, Parser)]
#[command(name = "leveed", version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// The settings; config/leveed.toml shows all of them. Without, /etc/levee/leveed.toml if it is
    /// there, but not with --dev.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For development: no authentication, so on loopback only; data in a temporary directory, which is
    /// deleted at the end, unless a data directory is set.
    #[arg(long)]
    dev: bool,
    /// Where journal and index live (data_dir).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where clients connect to (grpc.listen).
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where metrics and health are served (http.listen).
    #[arg(long, value_name = "ADDRESS")]
    http_listen: Option<SocketAddr>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is done instead of serving.
#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a data directory of a backup, of all tenants as they were at one moment.
    ///
    /// Nothing is served. Settings of a store ([backup] of the configuration) and its credentials count as for backups.
    /// The directory is a copy with a name of its own: its backups need another place. What was revoked since the
    /// backup is valid in it again.
    Restore(RestoreArgs),
}

/// What is restored, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// Where the backups are: file:///DIRECTORY or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// A directory that does not exist yet, or is empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The backup [default: the newest that fits].
    #[arg(long, value_name = "ID")]
    backup: Option<String>,
    /// Up to this entry of the journal, between two backups.
    #[arg(long, value_name = "N", conflicts_with = "time")]
    position: Option<u64>,
    /// Up to this RFC 3339 time, between two backups.
    #[arg(long, value_name = "TIME")]
    time: Option<Timestamp>,
}

impl RestoreArgs {
    /// What is to be restored.
    pub(crate) fn wanted(&self) -> Wanted {
        let position = self.position.map(At::Sequence);
        let time = self.time.map(|time| At::Time(time.as_millisecond()));
        Wanted { backup: self.backup.clone(), at: position.or(time) }
    }
}

impl Args {
    /// What is to be restored, if that is what it is called for.
    pub(crate) fn restore(&self) -> Option<&RestoreArgs> {
        self.command.as_ref().map(|Command::Restore(args)| args)
    }

    /// Whether nobody is asked who they are.
    pub(crate) fn is_dev(&self) -> bool {
        self.dev
    }

    /// The settings, and the temporary data directory if they name it: it is deleted when dropped.
    pub(crate) fn settings(&self) -> Result<(Settings, Option<TempDir>), Box<dyn Error>> {
        self.settings_in(env::vars_os())
    }

    fn settings_in(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Settings, Option<TempDir>), Box<dyn Error>> {
        let temporary = (self.dev && self.data.is_none()).then(temporary_dir).transpose()?;
        let text = |dir: &Path| dir.to_string_lossy().into_owned();
        let overrides = Overrides {
            data_dir: self.data.as_deref().map(text),
            grpc_listen: self.listen.map(|address| address.to_string()),
            http_listen: self.http_listen.map(|address| address.to_string()),
            is_dev: self.dev,
            fallback_data_dir: temporary.as_ref().map(|dir| text(dir.path())),
        };
        let environment = environment.into_iter().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        let usual = Some(Path::new(CONFIG_FILE)).filter(|file| !self.dev && file.exists());
        let mut settings = load(self.config.as_deref().or(usual), environment, &overrides)?;
        if !self.dev {
            return Ok((settings, None));
        }
        settings.grpc.reflection = true;
        require_loopback("grpc.listen", settings.grpc.listen)?;
        require_loopback("http.listen", settings.http.listen)?;
        // Data that somebody gave a place is not ours to delete.
        let temporary = temporary.filter(|dir| dir.path() == settings.data_dir);
        banner(&settings, temporary.is_some());
        Ok((settings, temporary))
    }
}

fn temporary_dir() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("levee-dev-").permissions(Permissions::from_mode(0o700)).tempdir()
}

fn require_loopback(key: &str, address: SocketAddr) -> Result<(), String> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "{key} is {address}, which others can reach, and --dev asks nobody who they are; listen on 127.0.0.1"
    ))
}

fn banner(settings: &Settings, is_temporary: bool) {
    let fate = if is_temporary { "is deleted at the end" } else { "is kept" };
    eprintln!("************************************************************************");
    eprintln!("*  DEVELOPMENT MODE: NO AUTHENTICATION. Everybody on this machine is    *");
    eprintln!("*  whoever they say. Never use it for data that matters.                *");
    eprintln!("************************************************************************");
    eprintln!("gRPC  {}", settings.grpc.listen);
    eprintln!("HTTP  {} (/metrics, /health/live, /health/ready)", settings.http.listen);
    eprintln!("data  {}, which {fate}", settings.data_dir.display());
}

#[cfg(test)]
mod tests;
