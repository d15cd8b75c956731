//! A JWT as it is sent, before anything of it is proved.
//!
//! Must hold: every claim that the broker relies on is there and of its type; what the header offers as a key
//! or as a place of one (`jwk`, `jku`, `x5c`, `x5u`) is not even read.

use super::issuers::ALGORITHMS;
use crate::identity::Reason;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use levee_types::UserName;
use levee_types::limits::{MAX_JWT_BYTES, MAX_JWT_TIME_S};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny};

/// What a token says of itself.
pub(super) struct Unproved {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    pub(super) claims: Claims,
    pub(super) subject: UserName,
}

/// The claims that every token has to have.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: Audience,
    pub(super) exp: Seconds,
    pub(super) nbf: Seconds,
    sub: String,
}

/// A token for several audiences is refused: any of them could use it here.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    Text(String),
    List([String; 1]),
}

impl Audience {
    pub(super) fn as_str(&self) -> &str {
        let (Self::Text(audience) | Self::List([audience])) = self;
        audience
    }
}

/// A time in seconds since 1970, as a number that may have a fraction (RFC 7519, NumericDate).
#[derive(Clone, Copy)]
pub(super) struct Seconds(f64);

impl Seconds {
    /// In milliseconds.
    #[expect(clippy::cast_possible_truncation, reason = "it is within 0 and MAX_JWT_TIME_S")]
    pub(super) fn ms(self) -> i64 {
        (self.0 * 1_000.0) as i64
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Presence,
}

/// Whether a member is there, whatever it is.
#[derive(Default)]
struct Presence(bool);

impl Unproved {
    /// Reads a token.
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() > MAX_JWT_BYTES {
            return Err(Reason::Malformed);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(_signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::Malformed);
        };
        let header: Header = decode(header)?;
        // What has to be understood is not; and a token that was made for something else is not one to log
        // in by (RFC 8725, 3.11).
        if header.crit.0 || !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(Reason::Malformed);
        }
        let known = ALGORITHMS.iter().find(|(name, _)| *name == header.alg);
        let (_, algorithm) = known.ok_or(Reason::Algorithm)?;
        let claims: Claims = decode(claims)?;
        let subject = UserName::new(&claims.sub).map_err(|_| Reason::Malformed)?;
        Ok(Self { algorithm: *algorithm, kid: header.kid, claims, subject })
    }
}

fn is_access_token(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Reason> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)?;
    // Serde would take a list for an object too, its members in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(Reason::Malformed);
    }
    serde_json::from_slice(&json).map_err(|_| Reason::Malformed)
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A number alone: a text, true or null is an error.
        let seconds = f64::deserialize(deserializer)?;
        #[expect(clippy::cast_precision_loss, reason = "it is far below 2^53")]
        let max = MAX_JWT_TIME_S as f64;
        if (0.0..=max).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(D::Error::custom("it is no time"))
        }
    }
}
