//! Tokens.

use super::{Admin, present};
use crate::error::Error;
use crate::secret::Secret;
use levee_proto::v1;

/// A new token.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuedToken {
    /// What can be told of it.
    pub token: v1::Token,
    /// What a client sends. The broker does not know it any more.
    pub secret: Secret,
}

/// Tokens of the users of a tenant, or with an empty tenant for an operator: of operators.
impl Admin {
    /// Makes a token.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn issue_token(&self, request: v1::IssueTokenRequest) -> Result<IssuedToken, Error> {
        let response = self.client.users().issue_token(self.client.request(request)).await?;
        let v1::IssueTokenResponse { token, secret } = response.into_inner();
        Ok(IssuedToken { token: present(token)?, secret: Secret::new(secret) })
    }

    /// A page of tokens in the order of their ids, of one user or with an empty one of all. `page_size` is 1 to
    /// 1,000, or 0 for 100; `page_token` is that of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_tokens(
        &self,
        tenant: &str,
        user: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<v1::ListTokensResponse, Error> {
        let request = v1::ListTokensRequest {
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            page_size,
            page_token: page_token.to_owned(),
        };
        Ok(self.client.users().list_tokens(self.client.request(request)).await?.into_inner())
    }

    /// Revokes the token of this id.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn revoke_token(&self, tenant: &str, id: &str) -> Result<(), Error> {
        let request = v1::RevokeTokenRequest { tenant: tenant.to_owned(), id: id.to_owned() };
        self.client.users().revoke_token(self.client.request(request)).await?;
        Ok(())
    }
}
