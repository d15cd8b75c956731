//! The context file: named servers, and which one is current.
//!
//! It is `$XDG_CONFIG_HOME/levee/config.toml`, or `~/.config/levee/config.toml`. Must hold: it is
//! readable by its owner alone (mode 0600), it is replaced as a whole or not at all, and a key that is
//! not known is an error.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Characters of the name of a context.
const MAX_NAME: usize = 64;

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContextFile {
    /// The context that is used when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All contexts by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// How to reach a server, and as whom. Of what is secret, there are only the names of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Where the server listens.
    pub(crate) endpoint: String,
    /// The tenant that is meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// The file with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// The file with the authorities that vouch for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The file with the certificate that is shown to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cert_file: Option<PathBuf>,
    /// The file with the key of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
}

impl Context {
    /// Whether it says who asks.
    pub(crate) fn has_credentials(&self) -> bool {
        self.token_file.is_some() || self.cert_file.is_some() || self.key_file.is_some()
    }
}

/// Where the file is.
#[derive(Debug)]
pub(crate) struct ContextStore {
    /// Absent: the environment names no home.
    path: Option<PathBuf>,
}

impl ContextStore {
    /// Finds the place of the file from environment variables.
    pub(crate) fn locate(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
        Self { path: base.map(|base| base.join("levee/config.toml")) }
    }

    /// Reads the file; one that does not exist is empty.
    ///
    /// # Errors
    /// The file cannot be read, or has something in it that is not known.
    pub(crate) fn load(&self) -> Result<ContextFile, Failure> {
        let Some(path) = &self.path else { return Ok(ContextFile::default()) };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ContextFile::default()),
            Err(error) => return Err(Failure::file(path, &error)),
        };
        toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("{}: {}", path.display(), error.to_string().trim_end())))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// There is no place for it, or it cannot be written.
    pub(crate) fn save(&self, file: &ContextFile) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Err(Failure::usage("there is no place for the context file").with_hint("set HOME"));
        };
        let text = toml::to_string(file).map_err(|error| Failure::usage(error.to_string()))?;
        replace(path, text.as_bytes()).map_err(|error| Failure::file(path, &error))
    }
}

/// Checks the name of a context.
///
/// # Errors
/// Says what a name is made of.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Failure::usage(format!("a context name has 1 to {MAX_NAME} of A-Z a-z 0-9 . _ -")))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link, as from a collection of dotfiles, stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = tempfile::Builder::new()
        .prefix(".config.toml.")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests;
