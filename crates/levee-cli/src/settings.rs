//! Which server, as whom, and how long: a flag wins over the environment, that over the context, that
//! over the default. Each value remembers where it comes from, so that `context show` can say.

use crate::cli::Global;
use crate::context::{Context, ContextFile};
use crate::failure::Failure;
use crate::units;
use levee_types::TenantName;
use std::fmt;
use std::time::Duration;

pub(crate) use credentials::{CertificateFiles, CredentialSettings, TokenFrom};
pub(crate) use endpoint::check_endpoint;

mod credentials;
mod endpoint;

/// The server when nothing names one.
pub(crate) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:9400";
/// How long an answer may take when nothing says.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads an environment variable.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line.
    Flag,
    /// A `LEVEE_…` variable.
    Environment,
    /// The context.
    Context,
    /// The context file, outside of any context.
    File,
    /// Nothing said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Context => "context",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it comes from.
    pub(crate) source: Source,
}

impl<T> Setting<T> {
    fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Setting<U>, E> {
        Ok(Setting { value: map(self.value)?, source: self.source })
    }
}

/// What a command that talks to a server needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The context in use; none when there are no contexts.
    pub(crate) context: Option<Setting<String>>,
    /// Where the server listens.
    pub(crate) endpoint: Setting<String>,
    /// The tenant that is meant where none is named.
    pub(crate) tenant: Option<Setting<TenantName>>,
    /// Who asks, and how the connection proves who is at either end.
    pub(crate) credentials: CredentialSettings,
    /// How long an answer may take.
    pub(crate) timeout: Setting<Duration>,
    /// The endpoint that the context's credentials are for, if they are not used because another one is.
    pub(crate) withheld_for: Option<String>,
}

impl Settings {
    /// Decides every value.
    ///
    /// # Errors
    /// A value is malformed, or the context does not exist.
    pub(crate) fn resolve(flags: &Global, env: Env<'_>, file: &ContextFile) -> Result<Self, Failure> {
        let context = pick(flags.context.clone(), env, "LEVEE_CONTEXT")
            .or_else(|| file.current.clone().map(|value| Setting { value, source: Source::File }));
        let chosen = context.as_ref().map(|name| find(file, &name.value)).transpose()?;

        let endpoint = pick(flags.endpoint.clone(), env, "LEVEE_ENDPOINT")
            .or_else(|| chosen.map(|context| of_context(context.endpoint.clone())))
            .unwrap_or_else(|| Setting { value: DEFAULT_ENDPOINT.to_owned(), source: Source::Default })
            .try_map(|endpoint| check_endpoint(&endpoint))?;
        let tenant = pick(flags.tenant.clone(), env, "LEVEE_TENANT")
            .or_else(|| chosen.and_then(|context| context.tenant.clone()).map(of_context))
            .map(|tenant| tenant.try_map(|name| TenantName::new(&name)))
            .transpose()?;
        let timeout = match (flags.timeout, pick(None, env, "LEVEE_TIMEOUT")) {
            (Some(value), _) => Setting { value, source: Source::Flag },
            (None, Some(text)) => text.try_map(|text: String| {
                units::parse_duration(&text).map_err(|error| Failure::usage(error).at("LEVEE_TIMEOUT"))
            })?,
            (None, None) => Setting { value: DEFAULT_TIMEOUT, source: Source::Default },
        };
        let owner = chosen.filter(|context| is_of(context, &endpoint));
        let credentials = CredentialSettings::resolve(flags, env, owner, &endpoint.value)?;
        let withheld = chosen.filter(|context| owner.is_none() && context.has_credentials());
        let withheld_for = withheld.map(|context| context.endpoint.clone());
        Ok(Self { context, endpoint, tenant, credentials, timeout, withheld_for })
    }
}

/// Whether an endpoint is that of a context. Its credentials are for that one alone: whoever is at another one could use
/// what is sent to it.
fn is_of(context: &Context, endpoint: &Setting<String>) -> bool {
    endpoint.source == Source::Context
        || check_endpoint(&context.endpoint).is_ok_and(|own| own == endpoint.value)
}

fn pick(flag: Option<String>, env: Env<'_>, variable: &str) -> Option<Setting<String>> {
    flag.map(|value| Setting { value, source: Source::Flag }).or_else(|| {
        env(variable)
            .filter(|value| !value.is_empty())
            .map(|value| Setting { value, source: Source::Environment })
    })
}

fn of_context(value: String) -> Setting<String> {
    Setting { value, source: Source::Context }
}

fn find<'a>(file: &'a ContextFile, name: &str) -> Result<&'a Context, Failure> {
    file.contexts.get(name).ok_or_else(|| {
        Failure::not_found(format!("there is no context {name:?}"))
            .with_hint("list them with: levee context ls; make it with: levee context add")
    })
}

#[cfg(test)]
mod tests;
