//! Log lines on stderr: for people on a terminal, JSON otherwise. Never payloads, never credentials.

use crate::settings::{LogFormat, LogSettings};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The levels, from little to much.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadLevel {
    /// Something that is neither a level nor `module=level`.
    #[error(
        "{part:?} is not a level; did you mean {near}? It takes error, warn, info, debug or trace, or module=level"
    )]
    Unknown {
        /// What it is.
        part: String,
        /// The level that looks most like it.
        near: &'static str,
    },
    /// A module that cannot be one.
    #[error(transparent)]
    Filter(#[from] ParseError),
}

/// Checks a filter as in the setting `log.level`.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(level: &str) -> Result<(), BadLevel> {
    filter(level).map(drop)
}

/// The library takes a word that it does not know for the name of a module: a misspelt level would silence
/// all others.
fn filter(level: &str) -> Result<EnvFilter, BadLevel> {
    for part in level.split(',') {
        let name = part.rsplit_once('=').map_or(part, |(_, name)| name);
        if !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(name)) {
            return Err(BadLevel::Unknown { part: part.to_owned(), near: nearest(name) });
        }
    }
    Ok(EnvFilter::try_new(level)?)
}

fn nearest(name: &str) -> &'static str {
    let similarity = |level: &&str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), level);
    LEVELS.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))).unwrap_or("info")
}

/// Makes every log line of the process go to stderr. The first call wins.
///
/// # Errors
/// When `settings.level` cannot be parsed.
pub fn start(settings: &LogSettings) -> Result<(), BadLevel> {
    let filter = filter(&settings.level)?;
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

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_level_or_a_level_for_a_module() {
        for level in ["error", "warn", "INFO", "info,levee_broker=debug", "warn,levee_storage::journal=trace"]
        {
            assert!(check(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_names_the_nearest_level() {
        for (level, near) in [
            ("warning", "warn"),
            ("information", "info"),
            ("Err", "error"),
            ("levee_broker=debg", "debug"),
            ("info,levee_brocker", ""),
            ("info,", ""),
            ("", ""),
            ("a=b=c", ""),
        ] {
            let error = check(level).expect_err(level).to_string();
            assert!(error.contains(&format!("did you mean {near}")), "{level}: {error}");
        }
    }
}
