//! Reading the access rules of a tenant.

use super::plans::number;
use super::tokens::{scope_parts, scope_row};
use super::{Catalog, Page};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{AclRuleRow, BadRow};
use levee_types::acl::{AclRule, Effect, Subject};
use levee_types::{TenantId, UserGroup, UserName};
use prost::Message;

pub(crate) fn to_row(rule: &AclRule) -> AclRuleRow {
    let (user, group) = match &rule.subject {
        Subject::User(user) => (user.to_string(), String::new()),
        Subject::Group(group) => (String::new(), group.to_string()),
        Subject::Everyone => (String::new(), String::new()),
    };
    AclRuleRow {
        effect: rule.effect as u32,
        user,
        group,
        scope: Some(scope_row(rule.operations, &rule.resources)),
        created_ms: rule.created_ms,
    }
}

pub(crate) fn from_row(id: u64, row: &AclRuleRow) -> Result<AclRule, BadRow> {
    let (operations, resources) = scope_parts(row.scope.as_ref().ok_or(BadRow)?)?;
    let subject = match (row.user.as_str(), row.group.as_str()) {
        ("", "") => Subject::Everyone,
        (user, "") => Subject::User(UserName::new(user).map_err(|_| BadRow)?),
        ("", group) => Subject::Group(UserGroup::new(group).map_err(|_| BadRow)?),
        _ => return Err(BadRow),
    };
    let effect = number(row.effect, Effect::from_number)?;
    Ok(AclRule { id, effect, subject, operations, resources, created_ms: row.created_ms })
}

impl Catalog {
    /// Up to `limit` rules in the order of their ids, from behind `after` on.
    pub(crate) fn list_acl_rules(
        &self,
        tenant: TenantId,
        after: u64,
        limit: usize,
    ) -> Result<Page<AclRule>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::acl_rules(tenant));
        cursor.seek(&keys::acl_rule(tenant, after.saturating_add(1)))?;
        let mut items: Vec<AclRule> = Vec::new();
        while let Some((key, row)) = cursor.item() {
            if items.len() == limit {
                let next = items.last().map(|rule| rule.id.to_string());
                return Ok(Page { items, next });
            }
            items.push(from_row(keys::last_u64(key).ok_or(BadRow)?, &AclRuleRow::decode(row)?)?);
            cursor.next()?;
        }
        Ok(Page { items, next: None })
    }
}
