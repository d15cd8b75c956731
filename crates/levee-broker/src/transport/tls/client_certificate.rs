//! The name of a client certificate.
//!
//! Must hold: a certificate has one name or is refused, and the name is compared byte for byte: never a common
//! name, never a subject in text, whose order and escaping differ from one program to the next.

use levee_types::limits::MAX_CERTIFICATE_NAME;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A client certificate that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject alternative name, as `URI:...` or `DNS:...`; at most [`MAX_CERTIFICATE_NAME`] printable
    /// characters of ASCII.
    pub name: String,
    /// The end of its validity, in milliseconds of Unix time.
    pub not_after_ms: i64,
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Nameless {
    #[error("it cannot be read")]
    Unreadable,
    #[error("it has {0} subject alternative names; it must have one")]
    NotOne(usize),
    #[error("its subject alternative name is neither a URI nor a DNS name")]
    OtherKind,
    #[error("its subject alternative name has a wildcard")]
    Wildcard,
    #[error("its subject alternative name is empty, too long or not printable")]
    NoText,
}

impl ClientCertificate {
    /// Takes the name of a certificate that was verified.
    pub(super) fn of(certificate: &[u8]) -> Result<Self, Nameless> {
        let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| Nameless::Unreadable)?;
        // An error if the extension is there twice.
        let names = certificate.subject_alternative_name().map_err(|_| Nameless::Unreadable)?;
        let names = names.as_ref().map_or(&[][..], |extension| &extension.value.general_names);
        let [name] = names else {
            return Err(Nameless::NotOne(names.len()));
        };
        let (kind, text) = match name {
            GeneralName::URI(text) => ("URI", *text),
            GeneralName::DNSName(text) => ("DNS", *text),
            _ => return Err(Nameless::OtherKind),
        };
        if text.contains('*') {
            return Err(Nameless::Wildcard);
        }
        let name = format!("{kind}:{text}");
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || !is_printable || name.len() > MAX_CERTIFICATE_NAME {
            return Err(Nameless::NoText);
        }
        let not_after_ms = certificate.validity().not_after.timestamp().saturating_mul(1_000);
        Ok(Self { name, not_after_ms })
    }
}

#[cfg(test)]
mod tests;
