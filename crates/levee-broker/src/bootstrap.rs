//! The first operator of a broker that has none.
//!
//! Must hold: there is no default secret; a token that is made is told once, to whoever started the broker, and
//! stands in no log; a broker that was killed at any moment has an operator whose token was told, or none yet.

#[cfg(test)]
mod tests;

use crate::identity::token::{self, ApiToken};
use crate::small_file;
use levee_storage::{AuditEvent, NewToken, NewUser, Shard, StorageError};
use levee_types::{Random, TenantId, UserName};
use std::io;
use std::path::{Path, PathBuf};

/// The name of the first operator.
const NAME: &str = "bootstrap";
/// Of the file with its token; a token has 108.
const MAX_FILE_BYTES: usize = 4096;

/// Why there is no operator.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The file cannot be read.
    #[error("bootstrap_token_file: cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds no token.
    #[error(
        "bootstrap_token_file: {path} holds no token of an operator; make one with: \
         printf 'levee_00000000%s_%s\\n' $(openssl rand -hex 12) $(openssl rand -hex 32)"
    )]
    Token {
        /// Which.
        path: PathBuf,
    },
    /// The operator cannot be stored.
    #[error("cannot make the first operator: {0}")]
    Storage(#[from] StorageError),
}

/// Makes the first operator, unless there is one, with the token in `file` or, if that is empty, a new one, which
/// `tell` is given as its holder has it.
///
/// # Errors
/// There is no usable token in the file, or the operator cannot be stored.
pub async fn first_operator(
    shard: &Shard,
    file: &Path,
    random: &dyn Random,
    tell: impl FnOnce(&str),
) -> Result<(), BootstrapError> {
    let has_operators = !shard.list_users(TenantId::SYSTEM, None, 1)?.items.is_empty();
    if has_operators {
        return Ok(());
    }
    let token = if file.as_os_str().is_empty() {
        let token = ApiToken::generate(TenantId::SYSTEM, random);
        // Before it is stored: otherwise a kill in between leaves a broker that nobody has a token of.
        tell(&token.expose());
        token
    } else {
        read(file)?
    };
    #[expect(clippy::expect_used, reason = "the name is a valid one")]
    let name = UserName::new(NAME).expect("a name");
    let operator = NewUser { name, is_admin: true, groups: Vec::new(), certificates: Vec::new() };
    let stored = NewToken {
        id: token.id,
        hash: token::hash(&token.secret),
        expires_ms: None,
        scopes: Vec::new(),
        description: "of the first start".to_owned(),
    };
    let audit = AuditEvent {
        principal: "system".to_owned(),
        action: "Bootstrap".to_owned(),
        resource: format!("user:{NAME}"),
        count: 1,
        ..AuditEvent::default()
    };
    shard.bootstrap(operator, stored, audit).await?;
    Ok(())
}

fn read(path: &Path) -> Result<ApiToken, BootstrapError> {
    let file = small_file::read(path, MAX_FILE_BYTES)
        .map_err(|source| BootstrapError::File { path: path.to_owned(), source })?;
    let text = str::from_utf8(&file.bytes).ok();
    text.and_then(|text| ApiToken::parse(text.trim()).ok())
        .filter(|token| token.id.tenant() == TenantId::SYSTEM)
        .ok_or_else(|| BootstrapError::Token { path: path.to_owned() })
}
