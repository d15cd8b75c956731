//! Log lines on stderr: for people on a terminal, JSON otherwise. Never payloads, never credentials.

use crate::settings::{LogFormat, LogSettings};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Checks a filter as in the setting `log.level`.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(level: &str) -> Result<(), ParseError> {
    EnvFilter::try_new(level).map(|_| ())
}

/// Makes every log line of the process go to stderr. The first call wins.
///
/// # Errors
/// When `settings.level` cannot be parsed.
pub fn start(settings: &LogSettings) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(&settings.level)?;
    let is_text = match settings.format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if is_text {
        lines.with_target(false).try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
