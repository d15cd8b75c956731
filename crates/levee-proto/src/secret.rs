//! `Debug` of the messages that hold a secret, without the secret.

use crate::v1::IssueTokenResponse;
use std::fmt;

impl fmt::Debug for IssueTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, secret: _ } = self;
        f.debug_struct("IssueTokenResponse").field("token", token).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::IssueTokenResponse;

    #[test]
    fn a_secret_shows_nowhere() {
        let response = IssueTokenResponse { token: None, secret: "canary".to_owned() };
        assert!(!format!("{response:?}").contains("canary"));
    }
}
