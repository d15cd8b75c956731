//! A credential that is not accepted.
//!
//! Must hold: what a client is told is the same for every reason, so that it learns nothing of issuers, keys,
//! users and tokens by trying. The reason goes to the metric and the log only.

use levee_types::{ErrorCode, LeveeError};

/// Why a credential is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not written as one, or longer than one may be.
    Malformed,
    /// Nobody is configured as its issuer for this audience.
    UnknownIssuer,
    /// Its issuer may not sign by this algorithm, or not with this key.
    Algorithm,
    /// Its issuer has no such key.
    UnknownKey,
    /// The keys of its issuer could not be looked at for too long.
    StaleKeys,
    /// Its signature is wrong.
    Signature,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It was not looked at: its source failed too often.
    Throttled,
    /// It is no token that there is.
    Token,
    /// Nobody has it.
    UnknownUser,
    /// Its user is disabled.
    Disabled,
    /// It is another user's than the certificate of the connection.
    TwoIdentities,
}

impl Reason {
    /// The value of the label `reason` of `levee_authentication_failures_total`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::StaleKeys => "stale_keys",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Throttled => "throttled",
            Self::Token => "token",
            Self::UnknownUser => "unknown_user",
            Self::Disabled => "disabled",
            Self::TwoIdentities => "two_identities",
        }
    }
}

/// A credential that is not accepted. Its text says nothing of the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential is not accepted")]
pub struct Rejected {
    /// For the metric and the log.
    pub reason: Reason,
}

impl From<Reason> for Rejected {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

impl From<Rejected> for LeveeError {
    fn from(rejected: Rejected) -> Self {
        Self::new(ErrorCode::Unauthenticated, rejected.to_string())
            .with_hint("check that the credential is valid, is meant for this broker, and has not expired")
    }
}
