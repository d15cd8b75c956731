//! Deciding changes of tokens and access rules.

use super::{Draft, Effect, Machine};
use crate::catalog::acl;
use crate::catalog::tokens::Token;
use crate::error::StorageError;
use crate::keys;
use crate::rows::{AclRuleRow, TokenRow};
use levee_types::acl::{AclRule, TokenScope};
use levee_types::limits::{MAX_ACL_RULES_PER_TENANT, MAX_TOKENS_PER_TENANT};
use levee_types::{TenantId, TokenId, UserId, UserName};
use prost::Message;
use std::collections::HashMap;

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

    /// Adds rules. One that is there already, but for id and time, is not added again.
    pub(crate) fn create_acl_rules(
        &mut self,
        tenant: TenantId,
        rules: Vec<AclRule>,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<Vec<AclRule>, StorageError> {
        self.require_tenant(tenant)?;
        let content = |row: &AclRuleRow| AclRuleRow { created_ms: 0, ..row.clone() }.encode_to_vec();
        let mut known = HashMap::new();
        self.scan(keys::acl_rules(tenant), |key, row| {
            let row = AclRuleRow::decode(row)?;
            known.insert(content(&row), (keys::last_u64(key).unwrap_or(0), row.created_ms));
            Ok(())
        })?;
        let mut counters = self.tenant_counters(tenant)?;
        let mut results = Vec::with_capacity(rules.len());
        for mut rule in rules {
            rule.created_ms = now_ms;
            let row = acl::to_row(&rule);
            if let Some(&(id, created_ms)) = known.get(&content(&row)) {
                results.push(AclRule { id, created_ms, ..rule });
                continue;
            }
            if counters.rules >= MAX_ACL_RULES_PER_TENANT {
                let what = "access rules of this tenant";
                return Err(StorageError::LimitExceeded { what, limit: MAX_ACL_RULES_PER_TENANT });
            }
            counters.rules += 1;
            counters.last_rule += 1;
            rule.id = counters.last_rule;
            known.insert(content(&row), (rule.id, now_ms));
            draft.put_row(keys::acl_rule(tenant, rule.id), &row);
            results.push(rule);
        }
        if !draft.is_empty() {
            draft.put_row(keys::tenant_counters(tenant), &counters);
            draft.effect(Effect::TenantChanged(tenant));
        }
        Ok(results)
    }

    /// Deletes rules, all or none. `ids` holds each once.
    pub(crate) fn delete_acl_rules(
        &mut self,
        tenant: TenantId,
        ids: &[u64],
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let mut counters = self.tenant_counters(tenant)?;
        for id in ids {
            let key = keys::acl_rule(tenant, *id);
            self.row::<AclRuleRow>(&key)?.ok_or(StorageError::NoRule { id: *id })?;
            draft.delete(key);
            counters.rules -= 1;
        }
        draft.put_row(keys::tenant_counters(tenant), &counters);
        draft.effect(Effect::TenantChanged(tenant));
        Ok(())
    }
}
