//! Users and their tokens.

use super::Shard;
use crate::catalog::Page;
use crate::catalog::audit::AuditEvent;
use crate::catalog::tokens::Token;
use crate::catalog::users::{NewUser, User, UserChange};
use crate::committer::NewToken;
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::{TenantId, TokenId, UserId, UserName};

impl<S: SegmentStore> Shard<S> {
    /// Creates a user; tells the existing one, and `false`, if the name is taken.
    ///
    /// # Errors
    /// `NoTenant`, `LimitExceeded`, `Invalid` for a certificate that another user has, or the shard does not work.
    pub async fn create_user(
        &self,
        tenant: TenantId,
        new: NewUser,
        audit: AuditEvent,
    ) -> Result<(User, bool), StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, now_ms| {
            machine.create_user(tenant, new, draft, now_ms)
        })
        .await
    }

    /// Makes the first operator with a token, unless there is one. Tells whether it did.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn bootstrap(
        &self,
        operator: NewUser,
        token: NewToken,
        audit: AuditEvent,
    ) -> Result<bool, StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit)), move |machine, draft, now_ms| {
            if machine.has_users(TenantId::SYSTEM)? {
                return Ok(false);
            }
            machine.create_first_user(TenantId::SYSTEM, operator, token, draft, now_ms)?;
            Ok(true)
        })
        .await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// `NoUser`, `Invalid` for a certificate that another user has, or the shard does not work.
    pub async fn update_user(
        &self,
        tenant: TenantId,
        name: UserName,
        change: UserChange,
        audit: AuditEvent,
    ) -> Result<User, StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, _| {
            machine.update_user(tenant, &name, change, draft)
        })
        .await
    }

    /// Deletes a user with its tokens and quotas, and the access rules that name it.
    ///
    /// # Errors
    /// `NoUser`, or the shard does not work.
    pub async fn delete_user(
        &self,
        tenant: TenantId,
        name: UserName,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, _| {
            machine.delete_user(tenant, &name, draft)
        })
        .await
    }

    /// Stores a token. Its id names its tenant.
    ///
    /// # Errors
    /// `NoUser`, `LimitExceeded`, or the shard does not work.
    pub async fn issue_token(
        &self,
        user: UserName,
        new: NewToken,
        audit: AuditEvent,
    ) -> Result<Token, StorageError> {
        self.change(0, Some((new.id.tenant(), audit)), move |machine, draft, now_ms| {
            machine.issue_token(&user, new, draft, now_ms)
        })
        .await
    }

    /// Deletes a token.
    ///
    /// # Errors
    /// `NoToken`, or the shard does not work.
    pub async fn revoke_token(&self, id: TokenId, audit: AuditEvent) -> Result<(), StorageError> {
        self.change(0, Some((id.tenant(), audit)), move |machine, draft, _| machine.revoke_token(id, draft))
            .await
    }

    /// A user by its name. Two point gets.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn user(&self, tenant: TenantId, name: &UserName) -> Result<Option<User>, StorageError> {
        self.inner.catalog.user(tenant, name)
    }

    /// A user by its id. A point get.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn user_by_id(&self, tenant: TenantId, id: UserId) -> Result<Option<User>, StorageError> {
        self.inner.catalog.user_by_id(tenant, id)
    }

    /// Whom a client certificate belongs to. A point get.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn user_of_certificate(&self, certificate: &str) -> Result<Option<(TenantId, UserId)>, StorageError> {
        self.inner.catalog.user_of_certificate(certificate)
    }

    /// Up to `limit` users in the order of their names, from behind `after` on. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_users(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<User>, StorageError> {
        self.inner.catalog.list_users(tenant, after, limit)
    }

    /// A token by its id. A point get.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn token(&self, id: TokenId) -> Result<Option<Token>, StorageError> {
        self.inner.catalog.token(id)
    }

    /// Up to `limit` tokens of a tenant, or of one of its users, in the order of their ids, from behind `after` on.
    /// May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_tokens(
        &self,
        tenant: TenantId,
        user: Option<UserId>,
        after: Option<TokenId>,
        limit: usize,
    ) -> Result<Page<Token>, StorageError> {
        self.inner.catalog.list_tokens(tenant, user, after, limit)
    }
}
