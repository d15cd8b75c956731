//! The public keys of an issuer: a JWKS document (RFC 7517).
//!
//! A key counts if it is of a kind that the broker verifies by, has a `kid`, and is for signatures as far
//! as it says. Any other is passed over, as RFC 7517 asks for.
//!
//! Must hold: no key is ever taken for a shared secret; a key serves the algorithms of its own kind only, and
//! if it names one, only that.

use super::issuers::ALGORITHMS;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use levee_types::limits::MAX_JWKS_KEYS;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Bytes of the modulus of an RSA key: 2,048 to 8,192 bits.
const RSA_MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of P-256, uncompressed.
    P256(Vec<u8>),
    /// A point of P-384, uncompressed.
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key that tokens can be verified by.
#[derive(Debug)]
pub(super) struct Key {
    public: Public,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    decoding: DecodingKey,
}

impl Key {
    /// Whether a token may be signed by this algorithm with this key.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let is_of_its_kind = match self.public {
            Public::Rsa { .. } => matches!(
                algorithm,
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512
            ),
            Public::P256(_) => algorithm == Algorithm::ES256,
            Public::P384(_) => algorithm == Algorithm::ES384,
            Public::Ed25519(_) => algorithm == Algorithm::EdDSA,
        };
        is_of_its_kind && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// For the library that verifies.
    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    fn is_same(&self, other: &Self) -> bool {
        self.public == other.public && self.algorithm == other.algorithm
    }
}

/// The keys of an issuer by their `kid`.
#[derive(Default)]
pub(super) struct KeySet {
    keys: HashMap<String, Arc<Key>>,
}

/// Why a JWKS document is not one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadKeys {
    #[error("it is not a JWKS document: {0}")]
    NotJwks(String),
    #[error("it has {0} keys; the limit is {MAX_JWKS_KEYS}")]
    TooMany(usize),
    #[error("two of its keys have the kid {0:?}")]
    Ambiguous(String),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// The members of a JWK that matter here.
#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a document. Keys that are in `before` too stay the same value.
    pub(super) fn parse(document: &[u8], before: &Self) -> Result<Self, BadKeys> {
        let Document { keys: listed } =
            serde_json::from_slice(document).map_err(|error| BadKeys::NotJwks(error.to_string()))?;
        if listed.len() > MAX_JWKS_KEYS {
            return Err(BadKeys::TooMany(listed.len()));
        }
        let mut keys = HashMap::new();
        for value in listed {
            let Some((kid, key)) = serde_json::from_value(value).ok().and_then(usable) else {
                continue;
            };
            let same = before.keys.get(&kid).filter(|known| known.is_same(&key)).cloned();
            let key = same.unwrap_or_else(|| Arc::new(key));
            if keys.insert(kid.clone(), key).is_some() {
                return Err(BadKeys::Ambiguous(kid));
            }
        }
        Ok(Self { keys })
    }

    pub(super) fn get(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.get(kid)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether this very key is one of them.
    pub(super) fn holds(&self, kid: &str, key: &Arc<Key>) -> bool {
        self.get(kid).is_some_and(|held| Arc::ptr_eq(held, key))
    }

    /// Whether both have the same keys.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.keys.iter().all(|(kid, key)| other.holds(kid, key))
    }
}

/// The key that a JWK is, if tokens can be verified by it.
fn usable(jwk: Jwk) -> Option<(String, Key)> {
    let is_for_signatures = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
    if !is_for_signatures {
        return None;
    }
    let algorithm = match &jwk.alg {
        Some(name) => Some(ALGORITHMS.iter().find(|(known, _)| known == name)?.1),
        None => None,
    };
    let public = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => rsa(&bytes(jwk.n.as_ref())?, &bytes(jwk.e.as_ref())?)?,
        ("EC", Some("P-256")) => Public::P256(point(&jwk, 32)?),
        ("EC", Some("P-384")) => Public::P384(point(&jwk, 48)?),
        ("OKP", Some("Ed25519")) => Public::Ed25519(bytes(jwk.x.as_ref()).filter(|x| x.len() == 32)?),
        _ => return None,
    };
    let decoding = match &public {
        Public::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        Public::P256(point) | Public::P384(point) => DecodingKey::from_ec_der(point),
        Public::Ed25519(x) => DecodingKey::from_ed_der(x),
    };
    Some((jwk.kid, Key { public, algorithm, decoding }))
}

fn rsa(n: &[u8], e: &[u8]) -> Option<Public> {
    let without_zeros = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0)?;
        Some(number[start..].to_vec())
    };
    let (n, e) = (without_zeros(n)?, without_zeros(e)?);
    RSA_MODULUS.contains(&n.len()).then_some(Public::Rsa { n, e })
}

/// `size` is that of a coordinate, in bytes.
fn point(jwk: &Jwk, size: usize) -> Option<Vec<u8>> {
    let x = bytes(jwk.x.as_ref()).filter(|x| x.len() == size)?;
    let y = bytes(jwk.y.as_ref()).filter(|y| y.len() == size)?;
    Some([vec![4], x, y].concat())
}

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}
