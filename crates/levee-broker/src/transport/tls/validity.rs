//! From when until when a file can be used.

use super::error::{Problem, TlsError};
use super::files::Content;
use std::path::PathBuf;
use x509_parser::time::ASN1Time;

/// From when until when what is in a file can be used, both inclusive.
pub(super) struct Validity {
    setting: &'static str,
    path: PathBuf,
    from: Option<ASN1Time>,
    until: ASN1Time,
}

impl Validity {
    /// `from`: none if it does not matter.
    pub(super) fn new(content: &Content, from: Option<ASN1Time>, until: ASN1Time) -> Self {
        Self { setting: content.setting, path: content.path.clone(), from, until }
    }

    /// The last second, in Unix time.
    pub(super) fn until_s(&self) -> i64 {
        self.until.timestamp()
    }

    /// Whether it can be used at `now_ms`, in Unix time.
    pub(super) fn check(&self, now_ms: i64) -> Result<(), TlsError> {
        let now_s = now_ms.div_euclid(1_000);
        let problem = match self.from {
            Some(from) if now_s < from.timestamp() => Problem::NotYetValid(from.to_string()),
            _ if now_s > self.until.timestamp() => Problem::Expired(self.until.to_string()),
            _ => return Ok(()),
        };
        Err(TlsError::new(self.setting, &self.path, problem))
    }
}
