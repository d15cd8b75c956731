//! API tokens: what their holders keep, and what the broker compares.
//!
//! `levee_<id>_<secret>`, both parts in lower-case hex: the public id ([`TokenId`], 32 digits) and the
//! secret (64 digits, 256 random bits). The broker stores the id and the SHA-256 of the secret. A plain
//! hash is enough, because nobody guesses 256 random bits; a slow one would only make it cheap to keep the
//! broker busy.
//!
//! Must hold: a secret appears in no `Debug`, log or error; comparing takes the same time whether the id is
//! unknown, the secret wrong at its first byte, or at its last.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use levee_types::{Random, TenantId, TokenId, hex};
use std::fmt;
use std::hint::black_box;

#[cfg(test)]
mod tests;

/// What every API token begins with: by this a text is known as one, also to scanners that look for leaked
/// secrets.
pub const PREFIX: &str = "levee_";

/// The secret half of an API token. It is overwritten when it is dropped.
pub struct Secret([u8; 32]);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Keeps the compiler from leaving out a write that nothing reads.
        black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An API token, as its holder has it.
#[derive(Debug)]
pub struct ApiToken {
    /// Says which token it is.
    pub id: TokenId,
    /// Proves that the holder was given it.
    pub secret: Secret,
}

/// A text that is not an API token. It does not say what is wrong with it: the text may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not an API token")]
pub struct NotAToken;

impl ApiToken {
    /// A new token for a user of `tenant`.
    pub fn generate(tenant: TenantId, random: &dyn Random) -> Self {
        let mut id = [0; 16];
        let (owner, rest) = id.split_at_mut(4);
        owner.copy_from_slice(&tenant.0.to_be_bytes());
        random.fill(rest);
        let mut secret = Secret([0; 32]);
        random.fill(&mut secret.0);
        Self { id: TokenId(id), secret }
    }

    /// Reads what [`Self::expose`] wrote, and nothing else.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
        let (id, secret) = parts.ok_or(NotAToken)?;
        let id = id.parse().map_err(|_| NotAToken)?;
        let secret = hex::decode(secret).map(Secret).ok_or(NotAToken)?;
        Ok(Self { id, secret })
    }

    /// The whole text, for the one answer in which the holder gets it.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, hex::encode(&self.secret.0))
    }
}

/// What is stored of a secret: its SHA-256.
#[must_use]
pub fn hash(secret: &Secret) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &secret.0).as_ref());
    hash
}

/// Whether `secret` is the one that `stored` is the hash of. `None` is for an id that is unknown: it does the
/// same work as a wrong secret, so that the time tells nothing of which ids there are.
#[must_use]
pub fn matches(secret: &Secret, stored: Option<&[u8; 32]>) -> bool {
    let expected = stored.unwrap_or(&[0; 32]);
    let is_equal = verify_slices_are_equal(&hash(secret), expected).is_ok();
    is_equal & stored.is_some()
}
