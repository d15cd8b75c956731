//! Deciding changes of access rules.

use super::{Draft, Effect, Machine};
use crate::catalog::acl;
use crate::error::StorageError;
use crate::keys;
use crate::rows::AclRuleRow;
use levee_types::TenantId;
use levee_types::acl::AclRule;
use levee_types::limits::MAX_ACL_RULES_PER_TENANT;
use prost::Message;
use std::collections::HashMap;

impl Machine {
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
