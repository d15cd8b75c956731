//! Deciding changes of tokens.

use super::{Draft, Effect, Machine};
use crate::catalog::tokens::Token;
use crate::error::StorageError;
use crate::keys;
use crate::rows::TokenRow;
use levee_types::acl::TokenScope;
use levee_types::limits::MAX_TOKENS_PER_TENANT;
use levee_types::{TokenId, UserId, UserName};

/// A token to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its id, which nothing else has: it holds 12 random bytes.
    pub id: TokenId,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Unix milliseconds; absent: it does not expire.
    pub expires_ms: Option<i64>,
    /// What it may do at most; none: whatever its user may.
    pub scopes: Vec<TokenScope>,
    /// What it is for, for a person.
    pub description: String,
}

impl NewToken {
    pub(super) fn of(self, user: UserId, now_ms: i64) -> Token {
        let Self { id, hash, expires_ms, scopes, description } = self;
        Token { id, user, hash, created_ms: now_ms, expires_ms, scopes, description }
    }
}

impl Machine {
    pub(crate) fn issue_token(
        &mut self,
        user: &UserName,
        new: NewToken,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<Token, StorageError> {
        let tenant = new.id.tenant();
        let user = self.user(tenant, user)?.ok_or(StorageError::NoUser)?;
        let mut counters = self.tenant_counters(tenant)?;
        if counters.tokens >= MAX_TOKENS_PER_TENANT {
            let what = "tokens of this tenant";
            return Err(StorageError::LimitExceeded { what, limit: MAX_TOKENS_PER_TENANT });
        }
        counters.tokens += 1;
        let token = new.of(user.id, now_ms);
        draft.put_row(keys::token(token.id), &token.to_row());
        draft.put_row(keys::tenant_counters(tenant), &counters);
        Ok(token)
    }

    pub(crate) fn revoke_token(&mut self, id: TokenId, draft: &mut Draft) -> Result<(), StorageError> {
        let tenant = id.tenant();
        self.row::<TokenRow>(&keys::token(id))?.ok_or(StorageError::NoToken)?;
        let mut counters = self.tenant_counters(tenant)?;
        counters.tokens -= 1;
        draft.delete(keys::token(id));
        draft.put_row(keys::tenant_counters(tenant), &counters);
        draft.effect(Effect::TenantChanged(tenant));
        Ok(())
    }
}
