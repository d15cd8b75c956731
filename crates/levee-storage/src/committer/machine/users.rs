//! Deciding changes of users.

use super::{Draft, Effect, Machine, NewToken};
use crate::catalog::users::{NewUser, User, UserChange};
use crate::error::StorageError;
use crate::keys::{self, Keyspace, QuotaPart};
use crate::rows::{AclRuleRow, BadRow, CertificateRow, TenantCounters, TokenRow, UserRow, decode_u64};
use levee_types::limits::MAX_USERS_PER_TENANT;
use levee_types::{ErrorCode, LeveeError, TenantId, UserId, UserName};
use prost::Message;

impl Machine {
    pub(crate) fn create_user(
        &mut self,
        tenant: TenantId,
        new: NewUser,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(User, bool), StorageError> {
        self.require_tenant(tenant)?;
        if let Some(user) = self.user(tenant, &new.name)? {
            return Ok((user, false));
        }
        let mut counters = self.tenant_counters(tenant)?;
        if counters.users >= MAX_USERS_PER_TENANT {
            return Err(StorageError::LimitExceeded {
                what: "users of this tenant",
                limit: MAX_USERS_PER_TENANT,
            });
        }
        counters.users += 1;
        counters.last_user += 1;
        let NewUser { name, is_admin, groups, certificates } = new;
        let id = UserId(counters.last_user);
        let user = User { id, name, is_admin, is_disabled: false, groups, certificates, created_ms: now_ms };
        self.take_certificates(tenant, id, &user.certificates, draft)?;
        draft.put(keys::user_by_name(tenant, &user.name), id.0.to_le_bytes().to_vec());
        draft.put_row(keys::user(tenant, id), &user.to_row());
        draft.put_row(keys::tenant_counters(tenant), &counters);
        draft.effect(Effect::TenantChanged(tenant));
        Ok((user, true))
    }

    /// Makes the first user of a tenant, with a token.
    pub(crate) fn create_first_user(
        &mut self,
        tenant: TenantId,
        new: NewUser,
        token: NewToken,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let (user, _) = self.create_user(tenant, new, draft, now_ms)?;
        let counters =
            TenantCounters { users: 1, last_user: user.id.0, tokens: 1, ..self.tenant_counters(tenant)? };
        draft.put_row(keys::token(token.id), &token.of(user.id, now_ms).to_row());
        draft.put_row(keys::tenant_counters(tenant), &counters);
        Ok(())
    }

    pub(crate) fn update_user(
        &mut self,
        tenant: TenantId,
        name: &UserName,
        change: UserChange,
        draft: &mut Draft,
    ) -> Result<User, StorageError> {
        let mut user = self.user(tenant, name)?.ok_or(StorageError::NoUser)?;
        let UserChange { is_admin, is_disabled, groups, certificates } = change;
        user.is_admin = is_admin.unwrap_or(user.is_admin);
        user.is_disabled = is_disabled.unwrap_or(user.is_disabled);
        user.groups = groups.unwrap_or(user.groups);
        if let Some(certificates) = certificates {
            for old in user.certificates.iter().filter(|old| !certificates.contains(old)) {
                draft.delete(keys::certificate(old));
            }
            self.take_certificates(tenant, user.id, &certificates, draft)?;
            user.certificates = certificates;
        }
        draft.put_row(keys::user(tenant, user.id), &user.to_row());
        draft.effect(Effect::TenantChanged(tenant));
        Ok(user)
    }

    /// Deletes a user with its tokens and quotas, and the rules that name it: who comes later under the same name
    /// inherits nothing.
    pub(crate) fn delete_user(
        &mut self,
        tenant: TenantId,
        name: &UserName,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let user = self.user(tenant, name)?.ok_or(StorageError::NoUser)?;
        let mut counters = self.tenant_counters(tenant)?;
        counters.users -= 1;
        for certificate in &user.certificates {
            draft.delete(keys::certificate(certificate));
        }
        self.scan(keys::tokens(tenant), |key, row| {
            if TokenRow::decode(row)?.user == user.id.0 {
                draft.delete(key.to_vec());
                counters.tokens -= 1;
            }
            Ok(())
        })?;
        self.scan(keys::acl_rules(tenant), |key, row| {
            if AclRuleRow::decode(row)?.user == name.as_str() {
                draft.delete(key.to_vec());
                counters.rules -= 1;
            }
            Ok(())
        })?;
        let quotas = keys::quotas(tenant, QuotaPart::User(user.id));
        if self.index.get(Keyspace::State, &quotas)?.is_some() {
            draft.delete(quotas);
            counters.quota_parts -= 1;
        }
        draft.delete(keys::user_by_name(tenant, name));
        draft.delete(keys::user(tenant, user.id));
        draft.put_row(keys::tenant_counters(tenant), &counters);
        draft.effect(Effect::TenantChanged(tenant));
        Ok(())
    }

    /// Whether there is any user.
    pub(crate) fn has_users(&self, tenant: TenantId) -> Result<bool, StorageError> {
        Ok(self.tenant_counters(tenant)?.users > 0)
    }

    /// The user of a name.
    pub(super) fn user(&self, tenant: TenantId, name: &UserName) -> Result<Option<User>, StorageError> {
        let Some(id) = self.index.get(Keyspace::State, &keys::user_by_name(tenant, name))? else {
            return Ok(None);
        };
        let id = UserId(decode_u64(&id)?);
        let row: UserRow = self.row(&keys::user(tenant, id))?.ok_or(BadRow)?;
        Ok(Some(User::from_row(id, row)?))
    }

    pub(super) fn take_certificates(
        &self,
        tenant: TenantId,
        user: UserId,
        names: &[String],
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let own = CertificateRow { tenant: tenant.0, user: user.0 };
        for name in names {
            let key = keys::certificate(name);
            if self.row::<CertificateRow>(&key)?.is_some_and(|owner| owner != own) {
                let message = format!("the certificate name {name:?} belongs to another user");
                let hint = "take it from that user first, or give this one another";
                return Err(StorageError::Invalid(
                    LeveeError::new(ErrorCode::AlreadyExists, message).with_hint(hint),
                ));
            }
            draft.put_row(key, &own);
        }
        Ok(())
    }
}
