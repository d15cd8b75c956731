//! The credentials of development: whoever calls is believed. `leveed` takes them with `--dev` only, on loopback.

use super::principal::DevClaim;
use http::HeaderValue;
use levee_types::{ErrorCode, LeveeError, TenantName, UserName};

const HINT: &str = "send the metadata `authorization: Dev operator`, `authorization: Dev tenant <name>`, or \
                    `authorization: Dev tenant <name> user <user>`";

/// What a header claims: `Dev operator`, also when there is none, `Dev tenant <name>`, or
/// `Dev tenant <name> user <user>`.
///
/// # Errors
/// UNAUTHENTICATED for anything else, so that a credential meant for a real broker is not taken for the operator's.
pub(super) fn claim(header: Option<&HeaderValue>) -> Result<DevClaim, LeveeError> {
    let Some(header) = header else {
        return Ok(DevClaim::Operator);
    };
    let Some(credential) = header.to_str().ok().and_then(|value| value.strip_prefix("Dev ")) else {
        return Err(refuse("the credential is not one of development"));
    };
    if credential == "operator" {
        return Ok(DevClaim::Operator);
    }
    let Some(rest) = credential.strip_prefix("tenant ") else {
        return Err(refuse("the credential names neither the operator nor a tenant"));
    };
    let (tenant, user) = match rest.split_once(" user ") {
        Some((tenant, user)) => (tenant, Some(user)),
        None => (rest, None),
    };
    let malformed = |error: levee_types::NameError| refuse(&format!("credential: {error}"));
    let tenant = TenantName::new(tenant).map_err(malformed)?;
    match user {
        Some(user) => Ok(DevClaim::User(tenant, UserName::new(user).map_err(malformed)?)),
        None => Ok(DevClaim::Tenant(tenant)),
    }
}

fn refuse(message: &str) -> LeveeError {
    LeveeError::new(ErrorCode::Unauthenticated, message).with_hint(HINT)
}

#[cfg(test)]
mod tests;
