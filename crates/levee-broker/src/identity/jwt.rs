//! JWTs: proofs of who somebody is that others issue (RFC 7519, RFC 8725).
//!
//! `auth.issuers_file` says whose, and for whom each issuer speaks: one tenant, or operators. The issuer is
//! found by `iss` and `aud` together, which have to be exactly those of the file. Required are:
//!
//! * in the header `alg`, one that the file allows for the issuer, and `kid`, the name of a key of the
//!   issuer that is for this algorithm; `typ`, if it is there, is `JWT` or `at+jwt`; `crit` is refused;
//! * the claims `iss`, `aud` (a text, or a list of exactly one), `exp`, `nbf` (numbers from 0 to the year
//!   9999) and `sub` (the name of a user); of another type they are as good as missing;
//! * at most [`MAX_JWT_BYTES`], and a signature that is right.
//!
//! Keys come from where the file says and from nowhere else: whatever a token says of keys is not read. A
//! token that was verified is remembered together with its key: it counts until it expires, its key is
//! gone, or the keys of its issuer could not be looked at for too long.
//!
//! Must hold: there is no way to accept a token whose signature was not verified by a key that its issuer
//! has now; every rejection looks the same from outside.

mod endpoint;
mod fields;
mod follow;
mod issuers;
mod keyring;
mod keys;
mod schedule;
mod source;
mod text;
mod tls;

#[cfg(test)]
mod tests;

pub use issuers::Bound;

use super::rejected::{Reason, Rejected};
use crate::settings::Invalid;
use aws_lc_rs::digest::{SHA256, digest};
use issuers::Issuer;
use jsonwebtoken::{Validation, decode};
use keyring::Keyring;
use keys::Key;
use levee_types::limits::{MAX_CACHED_JWTS, MAX_JWT_BYTES};
use levee_types::{Clock, UserName};
use quick_cache::sync::Cache;
use schedule::Pace;
use serde::de::IgnoredAny;
use source::Source;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use text::Unproved;
use tls::Configs;
use tokio::sync::watch;

/// A token that was verified.
#[derive(Debug)]
pub struct Verified {
    /// Who it is for: the claim `sub`, a user of whom [`Self::bound_to`] says.
    pub subject: UserName,
    /// For whom its issuer speaks.
    pub bound_to: Bound,
    /// When it stops counting, in Unix milliseconds: its `exp` and the leeway of its issuer.
    pub expires_ms: i64,
    /// Which issuer it is of.
    issuer: usize,
    kid: String,
    key: Arc<Key>,
}

/// An issuer and its keys.
struct Known {
    issuer: Issuer,
    keyring: Keyring,
}

impl Known {
    /// The issuer with its keys, if they are in a file.
    ///
    /// # Errors
    /// The key of the configuration that is of no use, and why.
    fn open(
        issuer: Issuer,
        tls: &mut Configs,
        clock: &Arc<dyn Clock>,
        pace: impl Fn(&Source) -> Pace,
    ) -> Result<Self, (&'static str, String)> {
        let source = Source::open(issuer.keys_at.clone(), tls)?;
        let pace = pace(&source);
        let keyring = Keyring::new(issuer.issuer.clone(), source, pace, issuer.max_stale, Arc::clone(clock));
        match keyring.look_at_file() {
            Err(error) => Err(("jwks_file", error.to_string())),
            Ok(Some(0)) => Err(("jwks_file", "it holds no key to verify by".to_owned())),
            Ok(_) => Ok(Self { issuer, keyring }),
        }
    }
}

/// The issuers whose tokens count, and the tokens that were verified.
pub struct Jwts {
    clock: Arc<dyn Clock>,
    issuers: Vec<Known>,
    /// Places in `issuers` by issuer and audience.
    by_claims: HashMap<String, HashMap<String, usize>>,
    /// By the SHA-256 of the token.
    verified: Cache<[u8; 32], Arc<Verified>>,
    changed: watch::Sender<()>,
}

impl Jwts {
    /// Reads the file of issuers, and those keys that are in files. Keys at addresses are got by
    /// [`Self::follow`].
    ///
    /// # Errors
    /// Everything that is missing, unknown or of no use, by its key.
    pub fn load(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Invalid> {
        Self::load_with(path, clock, Source::pace)
    }

    fn load_with(
        path: &Path,
        clock: Arc<dyn Clock>,
        pace: impl Fn(&Source) -> Pace,
    ) -> Result<Self, Invalid> {
        let mut tls = Configs::default();
        let mut issuers = Vec::new();
        let mut errors = Vec::new();
        for issuer in issuers::read(path)? {
            let place = format!("{}: {}", path.display(), issuer.place);
            match Known::open(issuer, &mut tls, &clock, &pace) {
                Ok(known) => issuers.push(known),
                Err((key, problem)) => errors.push(format!("{place}{key}: {problem}")),
            }
        }
        if errors.is_empty() { Ok(Self::new(issuers, clock)) } else { Err(Invalid { errors }) }
    }

    fn new(issuers: Vec<Known>, clock: Arc<dyn Clock>) -> Self {
        let mut by_claims = HashMap::<_, HashMap<_, _>>::new();
        for (place, Known { issuer, .. }) in issuers.iter().enumerate() {
            by_claims.entry(issuer.issuer.clone()).or_default().insert(issuer.audience.clone(), place);
        }
        let verified = Cache::new(MAX_CACHED_JWTS);
        Self { clock, issuers, by_claims, verified, changed: watch::Sender::new(()) }
    }

    /// The token, if it was verified before and still counts. Cheap, so it needs no leave of
    /// [`Failures`](super::Failures).
    #[must_use]
    pub fn cached(&self, token: &str) -> Option<Arc<Verified>> {
        // Longer ones are not even hashed.
        let sum = (token.len() <= MAX_JWT_BYTES).then(|| sum(token))?;
        let verified = self.verified.get(&sum)?;
        if self.holds(&verified) {
            return Some(verified);
        }
        self.verified.remove(&sum);
        None
    }

    /// Whether a token that was verified still counts: it has not expired, and its issuer still has its key.
    #[must_use]
    pub fn holds(&self, verified: &Verified) -> bool {
        let Known { keyring, .. } = &self.issuers[verified.issuer];
        self.clock.unix_ms() < verified.expires_ms && keyring.holds(&verified.kid, &verified.key)
    }

    /// Verifies a token, and remembers it. Costs a signature, unless it is [`Self::cached`]. If its key is
    /// unknown, the keys of its issuer are looked at again first, which takes 10 s at most and happens
    /// rarely, however many ask. Cancel-safe.
    ///
    /// # Errors
    /// When it does not count. The reason is not for the client.
    pub async fn verify(&self, token: &str) -> Result<Arc<Verified>, Rejected> {
        if let Some(verified) = self.cached(token) {
            return Ok(verified);
        }
        let unproved = Unproved::parse(token)?;
        let place = self.place(&unproved).ok_or(Reason::UnknownIssuer)?;
        let Known { issuer, keyring } = &self.issuers[place];
        if !issuer.algorithms.contains(&unproved.algorithm) {
            return Err(Reason::Algorithm.into());
        }
        let expires_ms = self.in_time(issuer, &unproved)?;
        let key = match keyring.key(&unproved.kid) {
            Ok(key) => key,
            Err(_) => {
                keyring.look_again().await;
                keyring.key(&unproved.kid)?
            }
        };
        prove(token, issuer, &unproved, &key)?;
        let Unproved { subject, kid, .. } = unproved;
        let bound_to = issuer.bound_to.clone();
        let verified = Arc::new(Verified { subject, bound_to, expires_ms, issuer: place, kid, key });
        self.verified.insert(sum(token), Arc::clone(&verified));
        Ok(verified)
    }

    /// Changes when tokens may have stopped counting before they expire: who goes on because of one then asks
    /// [`Self::holds`] again, and once after this call, so that nothing is missed.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn place(&self, unproved: &Unproved) -> Option<usize> {
        self.by_claims.get(&unproved.claims.iss)?.get(unproved.claims.aud.as_str()).copied()
    }

    /// When the token stops counting.
    fn in_time(&self, issuer: &Issuer, unproved: &Unproved) -> Result<i64, Reason> {
        let now = self.clock.unix_ms();
        let leeway = i64::try_from(issuer.leeway.as_millis()).unwrap_or(i64::MAX);
        let expires_ms = unproved.claims.exp.ms().saturating_add(leeway);
        if expires_ms <= now {
            return Err(Reason::Expired);
        }
        if unproved.claims.nbf.ms() > now.saturating_add(leeway) {
            return Err(Reason::NotYetValid);
        }
        Ok(expires_ms)
    }
}

/// Proves by its signature that a token is of its issuer. The library checks again what was checked before,
/// but for the times, for which it would take the clock of the machine.
fn prove(token: &str, issuer: &Issuer, unproved: &Unproved, key: &Key) -> Result<(), Reason> {
    if !key.fits(unproved.algorithm) {
        return Err(Reason::Algorithm);
    }
    let mut validation = Validation::new(unproved.algorithm);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf", "sub"]);
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_audience(&[&issuer.audience]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    decode::<IgnoredAny>(token, key.decoding(), &validation).map_err(|_| Reason::Signature)?;
    Ok(())
}

fn sum(token: &str) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    sum
}
