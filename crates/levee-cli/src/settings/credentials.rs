//! Which token, certificate and authorities are used. Here are only the names of files: they are read by
//! [`crate::credentials`].

use super::{Env, Setting, Source, pick};
use crate::cli::Global;
use crate::context::Context;
use crate::failure::Failure;
use levee_client::Secret;
use std::path::PathBuf;

/// Where the token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenFrom {
    /// In this file.
    File(PathBuf),
    /// It was in the environment.
    Text(Secret),
}

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Who asks, and how the connection proves who is at either end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CredentialSettings {
    /// The token.
    pub(crate) token: Option<Setting<TokenFrom>>,
    /// The file with the authorities that vouch for the server; none: those of the system.
    pub(crate) ca_file: Option<Setting<PathBuf>>,
    /// The certificate that is shown to the server.
    pub(crate) certificate: Option<Setting<CertificateFiles>>,
}

impl CredentialSettings {
    /// Decides every value, for a server at `endpoint`.
    ///
    /// # Errors
    /// The token is in two variables; of certificate and key one is missing; what is for TLS alone is given for
    /// an endpoint without it.
    pub(crate) fn resolve(
        flags: &Global,
        env: Env<'_>,
        context: Option<&Context>,
        endpoint: &str,
    ) -> Result<Self, Failure> {
        let of_context = |file: fn(&Context) -> &Option<PathBuf>| context.and_then(|of| file(of).clone());
        let variable = |name: &str| pick(None, env, name).map(|setting| PathBuf::from(setting.value));

        let token = match (&flags.token_file, token_of_environment(env)?) {
            (Some(file), _) => from(Source::Flag, Some(TokenFrom::File(file.clone()))),
            (None, Some(token)) => from(Source::Environment, Some(token)),
            (None, None) => from(Source::Context, of_context(|of| &of.token_file).map(TokenFrom::File)),
        };
        let ca_file = from(Source::Flag, flags.ca_file.clone())
            .or_else(|| from(Source::Environment, variable("LEVEE_CA_FILE")))
            .or_else(|| from(Source::Context, of_context(|of| &of.ca_file)));
        // A key belongs to its certificate: both are of one source.
        let pairs = [
            (Source::Flag, flags.cert_file.clone(), flags.key_file.clone()),
            (Source::Environment, variable("LEVEE_CERT_FILE"), variable("LEVEE_KEY_FILE")),
            (Source::Context, of_context(|of| &of.cert_file), of_context(|of| &of.key_file)),
        ];
        let certificate =
            pairs.into_iter().find(|(_, certificate, key)| certificate.is_some() || key.is_some());
        let certificate = certificate
            .map(|(source, certificate, key)| {
                let value = pair(certificate, key).map_err(|failure| failure.at(source))?;
                Ok::<_, Failure>(Setting { value, source })
            })
            .transpose()?;
        let settings = Self { token, ca_file, certificate };
        settings.check_for(endpoint)?;
        Ok(settings)
    }

    fn check_for(&self, endpoint: &str) -> Result<(), Failure> {
        let given = [
            (self.ca_file.as_ref().map(|setting| setting.source), "a CA file"),
            (self.certificate.as_ref().map(|setting| setting.source), "a certificate"),
        ];
        match given.into_iter().find_map(|(source, what)| Some((source?, what))) {
            Some((source, what)) if !endpoint.starts_with("https://") => {
                Err(Failure::usage(format!("{what} ({source}) is of no use for {endpoint}"))
                    .with_hint("a server with TLS has an endpoint like https://HOST:PORT"))
            }
            _ => Ok(()),
        }
    }
}

/// A certificate with its key.
///
/// # Errors
/// One of them is missing.
fn pair(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<CertificateFiles, Failure> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(CertificateFiles { certificate, key }),
        _ => Err(Failure::usage("certificate and key come together")
            .with_hint("give both --cert-file and --key-file")),
    }
}

fn token_of_environment(env: Env<'_>) -> Result<Option<TokenFrom>, Failure> {
    let [text, file] = ["LEVEE_TOKEN", "LEVEE_TOKEN_FILE"].map(|name| pick(None, env, name));
    match (text, file) {
        (Some(_), Some(_)) => Err(Failure::usage("LEVEE_TOKEN and LEVEE_TOKEN_FILE are both set")
            .with_hint("unset one of them: which token is meant?")),
        (Some(text), None) => Ok(Some(TokenFrom::Text(Secret::new(text.value.trim())))),
        (None, file) => Ok(file.map(|file| TokenFrom::File(file.value.into()))),
    }
}

fn from<T>(source: Source, value: Option<T>) -> Option<Setting<T>> {
    value.map(|value| Setting { value, source })
}

#[cfg(test)]
mod tests;
