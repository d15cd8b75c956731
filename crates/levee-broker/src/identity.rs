//! Who calls. Everything behind the authentication step sees a [`Principal`] and nothing of the
//! credential it came from.
//!
//! Today there is only the development authenticator: it believes what it is told, so it runs with
//! `--dev` and on loopback alone.

pub mod failures;
pub mod rejected;
pub mod token;

pub use failures::{Admission, Failures};
pub use rejected::{Reason, Rejected};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use levee_types::{ErrorCode, LeveeError, TenantName};

#[cfg(test)]
mod manual_clock;
#[cfg(test)]
mod tests;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Administers the broker; belongs to no tenant and has no data.
    Operator,
    /// Acts for one tenant.
    Tenant(TenantName),
}

/// Finds out who sent a request from its headers. UNAUTHENTICATED if they do not say.
pub type Authenticator = fn(&HeaderMap) -> Result<Principal, LeveeError>;

const HINT: &str = "send the metadata `authorization: Dev operator` or `authorization: Dev tenant <name>`";

/// Believes the header: `Dev operator`, also when there is none, or `Dev tenant <name>`.
///
/// # Errors
/// UNAUTHENTICATED for anything else, so that a credential meant for a real broker is not taken for
/// the operator's.
pub fn authenticate_dev(headers: &HeaderMap) -> Result<Principal, LeveeError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Principal::Operator);
    };
    if values.next().is_some() {
        return Err(refuse("the request has more than one credential"));
    }
    let Some(credential) = value.to_str().ok().and_then(|value| value.strip_prefix("Dev ")) else {
        return Err(refuse("the credential is not one of development"));
    };
    if credential == "operator" {
        return Ok(Principal::Operator);
    }
    let Some(name) = credential.strip_prefix("tenant ") else {
        return Err(refuse("the credential names neither the operator nor a tenant"));
    };
    TenantName::new(name).map(Principal::Tenant).map_err(|error| refuse(&format!("credential: {error}")))
}

fn refuse(message: &str) -> LeveeError {
    LeveeError::new(ErrorCode::Unauthenticated, message).with_hint(HINT)
}
