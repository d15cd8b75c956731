//! Administration of users and their tokens, for administrators of tenants and operators.

pub(super) mod convert;

use crate::authorize::{Authorizer, InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::reply;
use crate::fields::{invalid, page_size, page_token, user_name};
use crate::identity::token::{self, ApiToken};
use crate::operation::Operation;
use convert::{certificates, groups, scopes, token_to_proto, user_to_proto};
use levee_proto::v1;
use levee_storage::{NewToken, NewUser, Page, StorageError, User, UserChange};
use levee_types::limits::MAX_DESCRIPTION;
use levee_types::{ErrorCode, LeveeError, Random, TenantId, TokenId, UserName};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// `levee.v1.UserService`.
pub(super) struct Users {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) random: Arc<dyn Random>,
}

#[tonic::async_trait]
impl v1::user_service_server::UserService for Users {
    async fn who_am_i(
        &self,
        request: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::WhoAmIResponse>, Status> {
        reply(self.who(&request))
    }

    async fn create_user(
        &self,
        request: Request<v1::CreateUserRequest>,
    ) -> Result<Response<v1::CreateUserResponse>, Status> {
        reply(self.create(&request).await)
    }

    async fn get_user(
        &self,
        request: Request<v1::GetUserRequest>,
    ) -> Result<Response<v1::GetUserResponse>, Status> {
        reply(self.get(&request))
    }

    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        reply(self.list(&request).await)
    }

    async fn update_user(
        &self,
        request: Request<v1::UpdateUserRequest>,
    ) -> Result<Response<v1::UpdateUserResponse>, Status> {
        reply(self.update(&request).await)
    }

    async fn delete_user(
        &self,
        request: Request<v1::DeleteUserRequest>,
    ) -> Result<Response<v1::DeleteUserResponse>, Status> {
        reply(self.delete(&request).await)
    }

    async fn issue_token(
        &self,
        request: Request<v1::IssueTokenRequest>,
    ) -> Result<Response<v1::IssueTokenResponse>, Status> {
        reply(self.issue(&request).await)
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        reply(self.tokens(&request).await)
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        reply(self.revoke(&request).await)
    }
}

impl Users {
    fn who(&self, request: &Request<v1::WhoAmIRequest>) -> Result<v1::WhoAmIResponse, LeveeError> {
        let principal = self.authorizer.caller(request)?;
        let snapshot = principal.tenant().snapshot()?;
        let tenant = snapshot.and_then(|snapshot| snapshot.tenant().map(|tenant| tenant.name.to_string()));
        Ok(v1::WhoAmIResponse {
            tenant: tenant.unwrap_or_default(),
            user: principal.user().name.to_string(),
            admin: principal.is_admin() || (principal.is_operator() && principal.scopes().is_empty()),
        })
    }

    async fn create(
        &self,
        request: &Request<v1::CreateUserRequest>,
    ) -> Result<v1::CreateUserResponse, LeveeError> {
        let v1::CreateUserRequest {
            tenant,
            name,
            admin,
            groups: in_groups,
            certificates: names,
            if_not_exists,
        } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::CreateUser, tenant)?;
        let name = user_name("name", name)?;
        let new = NewUser {
            name: name.clone(),
            is_admin: *admin,
            groups: groups(in_groups)?,
            certificates: certificates(&permit, names)?,
        };
        let audit = permit.audit(resource(&name));
        let (user, created) = permit.shard().create_user(permit.tenant(), new, audit).await?;
        if !created && !if_not_exists {
            return Err(LeveeError::new(
                ErrorCode::AlreadyExists,
                format!("there is a user {:?} already", user.name.as_str()),
            )
            .with_hint("choose another name, or set if_not_exists to leave it as it is"));
        }
        Ok(v1::CreateUserResponse { user: Some(user_to_proto(&user)), created })
    }

    fn get(&self, request: &Request<v1::GetUserRequest>) -> Result<v1::GetUserResponse, LeveeError> {
        let v1::GetUserRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::GetUser, tenant)?;
        let user = find(&permit, &user_name("name", name)?)?;
        Ok(v1::GetUserResponse { user: Some(user_to_proto(&user)) })
    }

    async fn list(
        &self,
        request: &Request<v1::ListUsersRequest>,
    ) -> Result<v1::ListUsersResponse, LeveeError> {
        let v1::ListUsersRequest { tenant, page_size: size, page_token: token } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListUsers, tenant)?;
        let (size, after) = (page_size(*size)?, page_token(token)?);
        let (shard, tenant) = (permit.shard().clone(), permit.tenant());
        let Page { items, next } = self
            .blocking
            .run(permit.turn(0), move || shard.list_users(tenant, after.as_deref(), size))
            .await?;
        Ok(v1::ListUsersResponse {
            users: items.iter().map(user_to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn update(
        &self,
        request: &Request<v1::UpdateUserRequest>,
    ) -> Result<v1::UpdateUserResponse, LeveeError> {
        let v1::UpdateUserRequest { tenant, name, admin, disabled, groups: in_groups, certificates: names } =
            request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::UpdateUser, tenant)?;
        let name = user_name("name", name)?;
        let change = UserChange {
            is_admin: *admin,
            is_disabled: *disabled,
            groups: in_groups.as_ref().map(|list| groups(&list.names)).transpose()?,
            certificates: names.as_ref().map(|list| certificates(&permit, &list.names)).transpose()?,
        };
        if change == UserChange::default() {
            return Err(invalid("admin", "there is nothing to change", "give what is to be another"));
        }
        let audit = permit.audit(resource(&name));
        let user = permit.shard().update_user(permit.tenant(), name, change, audit).await?;
        Ok(v1::UpdateUserResponse { user: Some(user_to_proto(&user)) })
    }

    async fn delete(
        &self,
        request: &Request<v1::DeleteUserRequest>,
    ) -> Result<v1::DeleteUserResponse, LeveeError> {
        let v1::DeleteUserRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::DeleteUser, tenant)?;
        let name = user_name("name", name)?;
        let audit = permit.audit(resource(&name));
        permit.shard().delete_user(permit.tenant(), name, audit).await?;
        Ok(v1::DeleteUserResponse {})
    }

    async fn issue(
        &self,
        request: &Request<v1::IssueTokenRequest>,
    ) -> Result<v1::IssueTokenResponse, LeveeError> {
        let v1::IssueTokenRequest { tenant, user, expires_in_ms, scopes: narrowed, description } =
            request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::IssueToken, tenant)?;
        let user = user_name("user", user)?;
        if description.chars().count() > MAX_DESCRIPTION {
            let problem = format!("it has more than {MAX_DESCRIPTION} characters");
            return Err(invalid("description", problem, "give a shorter one"));
        }
        if permit.tenant() == TenantId::SYSTEM && !narrowed.is_empty() {
            let problem = "the tokens of operators have none, because operators have no topics";
            return Err(invalid("scopes", problem, "leave it empty"));
        }
        let expires_ms = expires_in_ms.map(|after_ms| self.expiry(after_ms)).transpose()?;
        let issued = ApiToken::generate(permit.tenant(), self.random.as_ref());
        let new = NewToken {
            id: issued.id,
            hash: token::hash(&issued.secret),
            expires_ms,
            scopes: scopes(narrowed)?,
            description: description.clone(),
        };
        let audit = permit.audit(format!("token:{} of user:{user}", issued.id));
        let stored = permit.shard().issue_token(user.clone(), new, audit).await?;
        let token = token_to_proto(&stored, user.as_str());
        Ok(v1::IssueTokenResponse { token: Some(token), secret: issued.expose() })
    }

    fn expiry(&self, after_ms: u64) -> Result<i64, LeveeError> {
        if after_ms < 1_000 {
            return Err(invalid("expires_in_ms", "it is less than a second", "give 1000 or more"));
        }
        let now_ms = self.authorizer.clock().unix_ms();
        i64::try_from(after_ms).ok().and_then(|after_ms| now_ms.checked_add(after_ms)).ok_or_else(|| {
            invalid(
                "expires_in_ms",
                "it is too far away",
                "give less, or nothing for a token that does not expire",
            )
        })
    }

    async fn tokens(
        &self,
        request: &Request<v1::ListTokensRequest>,
    ) -> Result<v1::ListTokensResponse, LeveeError> {
        let v1::ListTokensRequest { tenant, user, page_size: size, page_token: token } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListTokens, tenant)?;
        let size = page_size(*size)?;
        let after = match token.as_str() {
            "" => None,
            token => Some(token_id("page_token", permit.tenant(), token)?),
        };
        let user = match user.as_str() {
            "" => None,
            name => Some(find(&permit, &user_name("user", name)?)?.id),
        };
        let (shard, tenant) = (permit.shard().clone(), permit.tenant());
        let list = move || {
            let Page { items, next } = shard.list_tokens(tenant, user, after, size)?;
            let mut tokens = Vec::with_capacity(items.len());
            for token in &items {
                let user = shard.user_by_id(tenant, token.user)?;
                tokens.push(token_to_proto(token, user.as_ref().map_or("", |user| user.name.as_str())));
            }
            Ok::<_, StorageError>(v1::ListTokensResponse {
                tokens,
                next_page_token: next.unwrap_or_default(),
            })
        };
        self.blocking.run(permit.turn(size * LOOKUP_BYTES), list).await
    }

    async fn revoke(
        &self,
        request: &Request<v1::RevokeTokenRequest>,
    ) -> Result<v1::RevokeTokenResponse, LeveeError> {
        let v1::RevokeTokenRequest { tenant, id } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::RevokeToken, tenant)?;
        let id = token_id("id", permit.tenant(), id)?;
        let audit = permit.audit(format!("token:{id}"));
        permit.shard().revoke_token(id, audit).await?;
        Ok(v1::RevokeTokenResponse {})
    }
}

/// The id of a token of this tenant. Another tenant's is like one that does not exist.
fn token_id(field: &str, tenant: TenantId, text: &str) -> Result<TokenId, LeveeError> {
    let id: TokenId =
        text.parse().map_err(|error| invalid(field, error, "see the ids of tokens with: levee token ls"))?;
    if id.tenant() != tenant {
        return Err(StorageError::NoToken.into());
    }
    Ok(id)
}

fn find(permit: &Permit<InTenant>, name: &UserName) -> Result<User, LeveeError> {
    permit.shard().user(permit.tenant(), name)?.ok_or_else(|| {
        LeveeError::new(ErrorCode::NotFound, format!("there is no user {:?}", name.as_str()))
            .with_hint("see those that there are with: levee user ls")
    })
}

fn resource(name: &UserName) -> String {
    format!("user:{name}")
}
