//! Who calls, after authentication. Everything behind that step sees a [`Principal`] and nothing of the credential
//! it came from.

use super::jwt::Verified;
use crate::tenants::TenantEntry;
use levee_storage::User;
use levee_types::acl::{Member, TokenScope};
use levee_types::{TenantId, TenantName, TokenId, UserName};
use std::fmt;
use std::sync::Arc;

/// How a caller proved who it is. It can be asked again whether that still holds.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API token, whose secret was right.
    Token(TokenId),
    /// A JWT.
    Jwt(Arc<Verified>),
    /// A client certificate of this name, valid until then in Unix milliseconds.
    Certificate(Arc<str>, i64),
    /// Nothing but its word: development.
    Dev(DevClaim),
}

/// What a caller says it is, in development.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DevClaim {
    /// An operator.
    Operator,
    /// An administrator of a tenant.
    Tenant(TenantName),
    /// A user of a tenant.
    User(TenantName, UserName),
}

/// Who calls.
#[derive(Clone)]
pub struct Principal {
    /// The tenant; the system for operators.
    pub(super) tenant: Arc<TenantEntry>,
    pub(super) user: Arc<User>,
    pub(super) scopes: Arc<[TokenScope]>,
    pub(super) expires_ms: Option<i64>,
    pub(super) credential: Credential,
}

impl Principal {
    /// Whether it is an operator: one belongs to no tenant and has no data.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.tenant.id() == TenantId::SYSTEM
    }

    /// Its tenant; the system for operators.
    #[must_use]
    pub fn tenant(&self) -> &Arc<TenantEntry> {
        &self.tenant
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The user, as access rules see it.
    #[must_use]
    pub fn member(&self) -> Member<'_> {
        let User { name, groups, is_admin, .. } = &*self.user;
        Member { user: name, groups, is_admin: *is_admin }
    }

    /// Whether it administers its tenant. A token that is narrowed down does not.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.user.is_admin && self.scopes.is_empty()
    }

    /// What its token may do at most; none: whatever the user may.
    #[must_use]
    pub fn scopes(&self) -> &[TokenScope] {
        &self.scopes
    }

    /// When its credential expires, in Unix milliseconds.
    #[must_use]
    pub fn expires_ms(&self) -> Option<i64> {
        self.expires_ms
    }

    /// How it proved who it is.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// As it stands in the audit log.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_operator() {
            f.write_str("operator:")?;
        }
        f.write_str(self.user.name.as_str())
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({} of tenant {} by {:?})", self, self.tenant.id(), self.credential)
    }
}
