//! Reads what says who asks: tokens, certificates, keys. None of it is shown anywhere.

use crate::failure::Failure;
use crate::settings::{CertificateFiles, CredentialSettings, Setting, TokenFrom};
use levee_client::{Identity, Secret, TlsSettings};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes of a file with a token, a key or certificates.
const MAX_FILE: u64 = 1024 * 1024;

/// Who asks, and how the connection proves who is at either end.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// None: there is no credential, as for a server that runs with `--dev`.
    pub(crate) identity: Option<Identity>,
    /// For `https://` alone.
    pub(crate) tls: TlsSettings,
}

impl Credentials {
    /// Reads the files. A token decides who asks, without one the certificate does.
    ///
    /// # Errors
    /// A file cannot be read, is empty, or is not text.
    pub(crate) fn read(settings: &CredentialSettings) -> Result<Self, Failure> {
        let CredentialSettings { token, ca_file, certificate } = settings;
        let ca_pem = ca_file.as_ref().map(|file| read_certificates("CA", &file.value)).transpose()?;
        let mut tls = TlsSettings { ca_pem, ..TlsSettings::default() };
        if let Some(Setting { value: CertificateFiles { certificate, key }, .. }) = certificate {
            tls.certificate_pem = Some(read_certificates("certificate", certificate)?);
            tls.key_pem = Some(Secret::new(read("key", key)?));
        }
        let identity = match token.as_ref().map(|token| &token.value) {
            Some(TokenFrom::Text(secret)) => Some(Identity::Token(secret.clone())),
            Some(TokenFrom::File(path)) => Some(Identity::Token(Secret::new(read("token", path)?.trim()))),
            None => certificate.as_ref().map(|_| Identity::Certificate),
        };
        Ok(Self { identity, tls })
    }
}

/// The client would refuse it as well, but cannot say which file it was.
fn read_certificates(what: &str, path: &Path) -> Result<String, Failure> {
    let text = read(what, path)?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(text);
    }
    let failure = Failure::usage(format!("{} has no certificate in PEM", path.display()));
    Err(failure.at(format_args!("{what} file")))
}

fn read(what: &str, path: &Path) -> Result<String, Failure> {
    let at = |failure: Failure| failure.at(format_args!("{what} file"));
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|error| at(Failure::file(path, &error)))?;
    match text.len() as u64 {
        _ if text.trim().is_empty() => Err(at(Failure::usage(format!("{} is empty", path.display())))),
        bytes if bytes > MAX_FILE => {
            Err(at(Failure::usage(format!("{} has more than {MAX_FILE} bytes", path.display()))))
        }
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests;
