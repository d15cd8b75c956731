//! Who asks, and how each call says so.

use crate::error::Error;
use crate::secret::Secret;
use levee_types::{TenantName, UserName};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whose token it is: an API token, or a JWT of an issuer that the broker trusts. Over `http://` everybody
    /// on the way can read it.
    Token(Secret),
    /// Whose client certificate it is: that of [`crate::TlsSettings`].
    Certificate,
    /// The operator of a broker that runs with `--dev`.
    DevOperator,
    /// An administrator of a tenant of a broker that runs with `--dev`.
    DevTenant(TenantName),
    /// A user of a tenant of a broker that runs with `--dev`.
    DevUser(TenantName, UserName),
}

/// Says who asks, with every call.
#[derive(Debug, Clone)]
pub(crate) struct Authorization(Option<MetadataValue<Ascii>>);

impl Authorization {
    /// # Errors
    /// The identity does not fit into a header.
    pub(crate) fn of(identity: &Identity) -> Result<Self, Error> {
        let text = match identity {
            Identity::Token(secret) => bearer(secret)?,
            Identity::Certificate => return Ok(Self(None)),
            Identity::DevOperator => "Dev operator".to_owned(),
            Identity::DevTenant(tenant) => format!("Dev tenant {tenant}"),
            Identity::DevUser(tenant, user) => format!("Dev tenant {tenant} user {user}"),
        };
        let mut value: MetadataValue<Ascii> =
            text.parse().map_err(|_| Error::invalid("the identity does not fit into a header"))?;
        // Hidden in whatever shows headers, and left out of the compression of headers.
        value.set_sensitive(matches!(identity, Identity::Token(_)));
        Ok(Self(Some(value)))
    }
}

fn bearer(secret: &Secret) -> Result<String, Error> {
    let secret = secret.expose();
    // The characters of a token by RFC 6750, and a few more: whatever cannot be taken for the end of it.
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid("the token is empty, or has characters that no token has")
            .with_hint("it is one line, as it was issued"));
    }
    Ok(format!("Bearer {secret}"))
}

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
