//! Who calls. Everything behind the authentication step sees a [`Principal`] and nothing of the credential it came
//! from.

mod authenticator;
mod dev;
pub mod failures;
pub mod jwt;
mod principal;
pub mod rejected;
pub mod token;

pub use authenticator::{Authenticator, Methods, Mode};
pub use failures::{Admission, Failures};
pub use jwt::Jwts;
pub use principal::{Credential, DevClaim, Principal};
pub use rejected::{Reason, Rejected};

#[cfg(test)]
mod manual_clock;
