//! The file that says whose JWTs the broker accepts, and for whom.
//!
//! ```toml
//! [[issuer]]
//! issuer = "https://login.example.com"     # the claim iss, exactly
//! audience = "levee"                       # the claim aud, exactly
//! algorithms = ["ES256"]                   # RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA
//! jwks_url = "https://login.example.com/keys"  # or jwks_file = "keys.json"
//! ca_file = "ca.pem"                       # with jwks_url; "system": the CAs of the machine
//! tenant = "acme"                          # or operators = true
//! leeway_s = 30                            # 0 to 300: by how much clocks may differ
//! max_stale_s = 3600                       # 600 to 86400: for how long keys count that cannot be looked at
//! ```
//!
//! A file name is relative to the directory of the file that it stands in. Two issuers may have the same
//! `issuer` or the same `audience`, but not both: together they say for whom a token speaks.
//!
//! Must hold: what is missing, unknown, ambiguous or unsafe is refused and named, all at once; no algorithm
//! is ever one with a shared secret.

use super::fields::Fields;
use crate::settings::Invalid;
use crate::small_file;
use http::Uri;
use http::uri::Scheme;
use jsonwebtoken::Algorithm;
use levee_types::TenantName;
use levee_types::limits::{
    DEFAULT_JWKS_STALE_S, DEFAULT_JWT_LEEWAY_S, MAX_ISSUERS, MAX_ISSUERS_FILE_BYTES, MAX_JWKS_STALE_S,
    MAX_JWT_LEEWAY_S, MIN_JWKS_STALE_S,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Table;

/// What an issuer may sign by. All are of public keys: with a shared secret, the broker could issue tokens
/// itself, and a public key could be passed off as the secret.
pub(super) const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Instead of a file of CAs: those that the machine trusts. It must be said, so that a line that is lost does not trust
/// more than was meant.
const SYSTEM: &str = "system";

/// For whom an issuer speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// For the users of one tenant.
    Tenant(TenantName),
    /// For operators.
    Operators,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeysAt {
    File(PathBuf),
    Url { url: Uri, ca_file: Option<PathBuf> },
}

/// One issuer, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issuer {
    /// Where it stands in the file, for messages.
    pub(super) place: String,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) keys_at: KeysAt,
    pub(super) bound_to: Bound,
    /// By how much its clock may differ from the broker's.
    pub(super) leeway: Duration,
    /// For how long keys count after they were looked at last.
    pub(super) max_stale: Duration,
}

/// Reads the file. Names of keys in errors begin with the place of their issuer.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn read(path: &Path) -> Result<Vec<Issuer>, Invalid> {
    let only = |error: String| Invalid { errors: vec![error] };
    let cannot_read =
        |error: std::io::Error| only(format!("auth.issuers_file: cannot read {}: {error}", path.display()));
    let file = small_file::read(path, MAX_ISSUERS_FILE_BYTES).map_err(cannot_read)?;
    let text = String::from_utf8(file.bytes)
        .map_err(|_| only(format!("auth.issuers_file: {} is not UTF-8", path.display())))?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    parse(&text, base).map_err(|errors| Invalid {
        errors: errors.into_iter().map(|error| format!("{}: {error}", path.display())).collect(),
    })
}

/// Reads the text of the file, whose file names are relative to `base`.
pub(super) fn parse(text: &str, base: &Path) -> Result<Vec<Issuer>, Vec<String>> {
    let file: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        vec![format!("line {line}: {}", error.message())]
    })?;
    let mut errors = Vec::new();
    let mut fields = Fields::new(String::new(), file, &mut errors);
    let tables = fields.tables("issuer");
    fields.finish();
    if tables.len() > MAX_ISSUERS {
        errors.push(format!("issuer: there are {}; the limit is {MAX_ISSUERS}", tables.len()));
    }
    let is_empty = tables.is_empty();
    let issuers: Vec<_> =
        tables.into_iter().filter_map(|(place, table)| issuer(place, table, base, &mut errors)).collect();
    if is_empty && errors.is_empty() {
        errors.push("issuer: there is none; write [[issuer]]".to_owned());
    }
    distinct(&issuers, &mut errors);
    if errors.is_empty() { Ok(issuers) } else { Err(errors) }
}

fn issuer(place: String, table: Table, base: &Path, errors: &mut Vec<String>) -> Option<Issuer> {
    let mut fields = Fields::new(place.clone(), table, errors);
    for key in ["issuer", "audience", "algorithms"] {
        fields.require(key);
    }
    fields.require_one_of("jwks_file", "jwks_url");
    fields.require_one_of("tenant", "operators");
    let issuer = fields.text("issuer");
    let audience = fields.text("audience");
    let algorithms = algorithms(&mut fields);
    let keys_at = keys_at(&mut fields, base);
    let bound_to = bound_to(&mut fields);
    let leeway = fields.number("leeway_s", 0, MAX_JWT_LEEWAY_S, DEFAULT_JWT_LEEWAY_S);
    let max_stale = fields.number("max_stale_s", MIN_JWKS_STALE_S, MAX_JWKS_STALE_S, DEFAULT_JWKS_STALE_S);
    fields.finish();
    Some(Issuer {
        place,
        issuer: issuer?,
        audience: audience?,
        algorithms: algorithms?,
        keys_at: keys_at?,
        bound_to: bound_to?,
        leeway: Duration::from_secs(leeway),
        max_stale: Duration::from_secs(max_stale),
    })
}

fn algorithms(fields: &mut Fields<'_>) -> Option<Vec<Algorithm>> {
    let names = fields.texts("algorithms")?;
    let mut algorithms = Vec::new();
    for name in names {
        match ALGORITHMS.iter().find(|(known, _)| *known == name) {
            Some((_, algorithm)) if algorithms.contains(algorithm) => {
                fields.wrong("algorithms", format_args!("{name} stands there twice"));
            }
            Some((_, algorithm)) => algorithms.push(*algorithm),
            None => {
                let known = ALGORITHMS.map(|(name, _)| name).join(" ");
                fields.wrong("algorithms", format_args!("{name:?} is not allowed; it takes {known}"));
            }
        }
    }
    Some(algorithms)
}

fn keys_at(fields: &mut Fields<'_>, base: &Path) -> Option<KeysAt> {
    let file = fields.text("jwks_file").map(|file| base.join(file));
    let url = fields.text("jwks_url").and_then(|text| url(fields, &text));
    let authorities = fields.text("ca_file");
    match &authorities {
        Some(_) if file.is_some() && url.is_none() => fields.wrong("ca_file", "it goes with jwks_url"),
        None if url.is_some() => fields.wrong(
            "ca_file",
            format_args!(
                "it is missing; give the authorities of jwks_url, or {SYSTEM:?} for those of this machine"
            ),
        ),
        _ => {}
    }
    let ca_file = authorities.filter(|name| name != SYSTEM).map(|file| base.join(file));
    file.map(KeysAt::File).or_else(|| url.map(|url| KeysAt::Url { url, ca_file }))
}

fn url(fields: &mut Fields<'_>, text: &str) -> Option<Uri> {
    let problem = match text.parse::<Uri>() {
        Err(error) => error.to_string(),
        Ok(url) if url.scheme() != Some(&Scheme::HTTPS) => "it must begin with https://".to_owned(),
        Ok(url) if url.host().is_none_or(str::is_empty) => "it names no host".to_owned(),
        Ok(url) if url.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            "it must not hold a credential".to_owned()
        }
        Ok(url) => return Some(url),
    };
    fields.wrong("jwks_url", problem);
    None
}

fn bound_to(fields: &mut Fields<'_>) -> Option<Bound> {
    let tenant = fields.text("tenant").and_then(|name| match TenantName::new(&name) {
        Ok(name) => Some(Bound::Tenant(name)),
        Err(error) => {
            fields.wrong("tenant", error);
            None
        }
    });
    let operators = match fields.boolean("operators") {
        Some(true) => Some(Bound::Operators),
        Some(false) => {
            fields.wrong("operators", "it takes only true; for the users of a tenant give tenant");
            None
        }
        None => None,
    };
    tenant.or(operators)
}

/// Notes issuers that no token can tell apart.
fn distinct(issuers: &[Issuer], errors: &mut Vec<String>) {
    let mut seen = HashMap::new();
    for issuer in issuers {
        let claims = (&issuer.issuer, &issuer.audience);
        if let Some(first) = seen.insert(claims, &issuer.place) {
            let place = &issuer.place;
            errors.push(format!("{place}audience: {first} has the same issuer and audience"));
        }
    }
}

#[cfg(test)]
mod tests;
