//! Users: what they are, and reading them.

use super::{Catalog, Page};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{BadRow, CertificateRow, UserRow, decode_u64};
use levee_types::{TenantId, UserGroup, UserId, UserName};
use prost::Message;

/// A user of a tenant; of the system: an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never reused.
    pub id: UserId,
    /// Its name.
    pub name: UserName,
    /// Whether it administers its tenant.
    pub is_admin: bool,
    /// Whether it can do nothing.
    pub is_disabled: bool,
    /// The groups that it is in, at most [`levee_types::limits::MAX_GROUPS_PER_USER`].
    pub groups: Vec<UserGroup>,
    /// Names of its client certificates, at most [`levee_types::limits::MAX_CERTIFICATES_PER_USER`].
    pub certificates: Vec<String>,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// A user to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Its name.
    pub name: UserName,
    /// Whether it administers its tenant.
    pub is_admin: bool,
    /// The groups that it is in.
    pub groups: Vec<UserGroup>,
    /// Names of its client certificates.
    pub certificates: Vec<String>,
}

/// What is to change; the rest stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// Whether it administers its tenant.
    pub is_admin: Option<bool>,
    /// Whether it can do nothing.
    pub is_disabled: Option<bool>,
    /// The groups that it is in.
    pub groups: Option<Vec<UserGroup>>,
    /// Names of its client certificates.
    pub certificates: Option<Vec<String>>,
}

impl User {
    pub(crate) fn from_row(id: UserId, row: UserRow) -> Result<Self, BadRow> {
        let groups = row.groups.iter().map(|group| UserGroup::new(group));
        Ok(Self {
            id,
            name: UserName::new(&row.name).map_err(|_| BadRow)?,
            is_admin: row.is_admin,
            is_disabled: row.is_disabled,
            groups: groups.collect::<Result<_, _>>().map_err(|_| BadRow)?,
            certificates: row.certificates,
            created_ms: row.created_ms,
        })
    }

    pub(crate) fn to_row(&self) -> UserRow {
        UserRow {
            name: self.name.as_str().to_owned(),
            is_admin: self.is_admin,
            is_disabled: self.is_disabled,
            groups: self.groups.iter().map(ToString::to_string).collect(),
            certificates: self.certificates.clone(),
            created_ms: self.created_ms,
        }
    }
}

impl Catalog {
    pub(crate) fn user(&self, tenant: TenantId, name: &UserName) -> Result<Option<User>, StorageError> {
        match self.index.get(Keyspace::State, &keys::user_by_name(tenant, name))? {
            Some(id) => self.user_by_id(tenant, UserId(decode_u64(&id)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn user_by_id(&self, tenant: TenantId, id: UserId) -> Result<Option<User>, StorageError> {
        match self.index.get(Keyspace::State, &keys::user(tenant, id))? {
            Some(row) => Ok(Some(User::from_row(id, UserRow::decode(&row[..])?)?)),
            None => Ok(None),
        }
    }

    /// Whom a client certificate belongs to.
    pub(crate) fn user_of_certificate(
        &self,
        certificate: &str,
    ) -> Result<Option<(TenantId, UserId)>, StorageError> {
        match self.index.get(Keyspace::State, &keys::certificate(certificate))? {
            Some(row) => {
                let row = CertificateRow::decode(&row[..])?;
                Ok(Some((TenantId(row.tenant), UserId(row.user))))
            }
            None => Ok(None),
        }
    }

    /// Up to `limit` users in the order of their names, from behind `after` on.
    pub(crate) fn list_users(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<User>, StorageError> {
        let start = after.map(|after| keys::users_from(tenant, after));
        let Page { items, next } =
            self.names(keys::users_from(tenant, ""), start.as_deref(), limit, |id| {
                Ok(UserId(decode_u64(id)?))
            })?;
        let items = items.into_iter().filter_map(|id| self.user_by_id(tenant, id).transpose());
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }
}
