//! Tokens: what is stored of them, and reading them.

use super::{Catalog, Page};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, GroupsRow, ScopeRow, TokenRow};
use levee_types::acl::{AclOperation, AclOperations, Pattern, ResourceKind, TokenScope};
use levee_types::{TenantId, TokenId, UserId};
use prost::Message;

/// A token. Its secret is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Names it; no secret.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Unix milliseconds.
    pub created_ms: i64,
    /// Unix milliseconds; absent: it does not expire.
    pub expires_ms: Option<i64>,
    /// What it may do at most; none: whatever its user may.
    pub scopes: Vec<TokenScope>,
    /// What it is for, for a person.
    pub description: String,
}

impl Token {
    pub(crate) fn from_row(id: TokenId, row: TokenRow) -> Result<Self, BadRow> {
        Ok(Self {
            id,
            user: UserId(row.user),
            hash: row.hash.try_into().map_err(|_| BadRow)?,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            scopes: row.scopes.iter().map(scope).collect::<Result<_, _>>()?,
            description: row.description,
        })
    }

    pub(crate) fn to_row(&self) -> TokenRow {
        TokenRow {
            user: self.user.0,
            hash: self.hash.to_vec(),
            created_ms: self.created_ms,
            expires_ms: self.expires_ms,
            scopes: self.scopes.iter().map(|scope| scope_row(scope.operations, &scope.resources)).collect(),
            description: self.description.clone(),
        }
    }
}

fn scope(row: &ScopeRow) -> Result<TokenScope, BadRow> {
    let (operations, resources) = scope_parts(row)?;
    Ok(TokenScope { operations, resources })
}

pub(super) fn scope_parts(row: &ScopeRow) -> Result<(AclOperations, Pattern), BadRow> {
    let is_set = |operation: &AclOperation| row.operations & bit(*operation) != 0;
    let operations = AclOperations::new(AclOperation::ALL.into_iter().filter(is_set)).ok_or(BadRow)?;
    let (kind, text, is_prefix) = match &row.groups {
        None => (ResourceKind::Topic, &row.topics, row.is_prefix),
        Some(groups) if row.topics.is_empty() && !row.is_prefix => {
            (ResourceKind::Group, &groups.text, groups.is_prefix)
        }
        Some(_) => return Err(BadRow),
    };
    let resources = if is_prefix { Pattern::prefix(kind, text) } else { Pattern::name(kind, text) };
    Ok((operations, resources.map_err(|_| BadRow)?))
}

pub(super) fn scope_row(operations: AclOperations, resources: &Pattern) -> ScopeRow {
    let (text, is_prefix) = (resources.text().to_owned(), resources.is_prefix());
    let operations = operations.iter().fold(0, |bits, operation| bits | bit(operation));
    match resources.kind() {
        ResourceKind::Topic => ScopeRow { operations, topics: text, is_prefix, groups: None },
        ResourceKind::Group => {
            let groups = Some(GroupsRow { text, is_prefix });
            ScopeRow { operations, groups, ..ScopeRow::default() }
        }
    }
}

fn bit(operation: AclOperation) -> u32 {
    1 << operation as u32
}

impl Catalog {
    pub(crate) fn token(&self, id: TokenId) -> Result<Option<Token>, StorageError> {
        match self.index.get(Keyspace::State, &keys::token(id))? {
            Some(row) => Ok(Some(Token::from_row(id, TokenRow::decode(&row[..])?)?)),
            None => Ok(None),
        }
    }

    /// Up to `limit` tokens of a tenant, or of one of its users, in the order of their ids, from behind `after` on.
    pub(crate) fn list_tokens(
        &self,
        tenant: TenantId,
        user: Option<UserId>,
        after: Option<TokenId>,
        limit: usize,
    ) -> Result<Page<Token>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::tokens(tenant));
        match after {
            Some(after) => cursor.seek(&keys::token(after))?,
            None => cursor.first()?,
        }
        let mut items: Vec<Token> = Vec::new();
        while let Some((key, row)) = cursor.item() {
            let id = keys::token_id(key).ok_or(BadRow)?;
            if Some(id) != after {
                let token = Token::from_row(id, TokenRow::decode(row)?)?;
                if user.is_none_or(|user| user == token.user) {
                    if items.len() == limit {
                        let next = items.last().map(|token| token.id.to_string());
                        return Ok(Page { items, next });
                    }
                    items.push(token);
                }
            }
            cursor.next()?;
        }
        Ok(Page { items, next: None })
    }
}

#[cfg(test)]
mod tests;
