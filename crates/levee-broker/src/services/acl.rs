//! Administration of access rules, for administrators of tenants and operators.

use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::error::reply;
use crate::fields::{invalid, operation_on, operations_on, page_size, resources_to_proto, user_name};
use crate::operation::Operation;
use levee_proto::v1;
use levee_proto::v1::acl_subject::Kind;
use levee_storage::Page;
use levee_types::acl::{AclRule, Decision, Effect, Member, Subject};
use levee_types::limits::MAX_ACL_RULES_PER_REQUEST;
use levee_types::{LeveeError, UserGroup};
use tonic::{Request, Response, Status};

/// `levee.v1.AclService`.
pub(super) struct Acls {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
}

#[tonic::async_trait]
impl v1::acl_service_server::AclService for Acls {
    async fn create_acl_rules(
        &self,
        request: Request<v1::CreateAclRulesRequest>,
    ) -> Result<Response<v1::CreateAclRulesResponse>, Status> {
        reply(self.create(&request).await)
    }

    async fn list_acl_rules(
        &self,
        request: Request<v1::ListAclRulesRequest>,
    ) -> Result<Response<v1::ListAclRulesResponse>, Status> {
        reply(self.list(&request).await)
    }

    async fn delete_acl_rules(
        &self,
        request: Request<v1::DeleteAclRulesRequest>,
    ) -> Result<Response<v1::DeleteAclRulesResponse>, Status> {
        reply(self.delete(&request).await)
    }

    async fn test_acl(
        &self,
        request: Request<v1::TestAclRequest>,
    ) -> Result<Response<v1::TestAclResponse>, Status> {
        reply(self.test(&request))
    }
}

impl Acls {
    async fn create(
        &self,
        request: &Request<v1::CreateAclRulesRequest>,
    ) -> Result<v1::CreateAclRulesResponse, LeveeError> {
        let v1::CreateAclRulesRequest { tenant, rules } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::CreateAclRules, tenant)?;
        count("rules", rules.len())?;
        let rules: Vec<_> = rules.iter().enumerate().map(rule).collect::<Result<_, _>>()?;
        let audit = permit
            .audit(format!("rules:{}", rules.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
        let made = permit.shard().create_acl_rules(permit.tenant(), rules, audit).await?;
        Ok(v1::CreateAclRulesResponse { rules: made.iter().map(to_proto).collect() })
    }

    async fn list(
        &self,
        request: &Request<v1::ListAclRulesRequest>,
    ) -> Result<v1::ListAclRulesResponse, LeveeError> {
        let v1::ListAclRulesRequest { tenant, page_size: size, page_token } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListAclRules, tenant)?;
        let size = page_size(*size)?;
        let after = match page_token.as_str() {
            "" => 0,
            token => token.parse().map_err(|_| {
                let hint = "give the next_page_token of the answer before, or nothing for the first page";
                invalid("page_token", "it is not one that an answer gave", hint)
            })?,
        };
        let (shard, tenant) = (permit.shard().clone(), permit.tenant());
        let Page { items, next } =
            self.blocking.run(permit.turn(0), move || shard.list_acl_rules(tenant, after, size)).await?;
        Ok(v1::ListAclRulesResponse {
            rules: items.iter().map(to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn delete(
        &self,
        request: &Request<v1::DeleteAclRulesRequest>,
    ) -> Result<v1::DeleteAclRulesResponse, LeveeError> {
        let v1::DeleteAclRulesRequest { tenant, ids } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::DeleteAclRules, tenant)?;
        count("ids", ids.len())?;
        let mut ids = ids.clone();
        ids.sort_unstable();
        ids.dedup();
        let audit =
            permit.audit(format!("rules:{}", ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")));
        permit.shard().delete_acl_rules(permit.tenant(), ids, audit).await?;
        Ok(v1::DeleteAclRulesResponse {})
    }

    fn test(&self, request: &Request<v1::TestAclRequest>) -> Result<v1::TestAclResponse, LeveeError> {
        let v1::TestAclRequest { tenant, user, operation, topic, group } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::TestAcl, tenant)?;
        let name = user_name("user", user)?;
        let (operation, what) = operation_on(*operation, topic, group)?;
        let snapshot = permit.snapshot()?;
        let user = snapshot.user_named(&name)?.ok_or(levee_storage::StorageError::NoUser)?;
        let member = Member { user: &user.name, groups: &user.groups, is_admin: user.is_admin };
        let explained = snapshot.policy().explain(&member, operation, what);
        let allowed = explained.decision == Decision::Allowed;
        let reason = if user.is_disabled {
            format!("user {name} is disabled, and can do nothing; otherwise: {}", explained.reason)
        } else {
            explained.reason
        };
        Ok(v1::TestAclResponse {
            allowed: allowed && !user.is_disabled,
            rule: explained.rule.map(to_proto),
            reason,
        })
    }
}

fn count(field: &str, count: usize) -> Result<(), LeveeError> {
    if (1..=MAX_ACL_RULES_PER_REQUEST).contains(&count) {
        return Ok(());
    }
    let problem = format!("there are {count}; it takes 1 to {MAX_ACL_RULES_PER_REQUEST}");
    Err(invalid(field, problem, "send them in several requests"))
}

pub(super) fn rule((index, rule): (usize, &v1::AclRule)) -> Result<AclRule, LeveeError> {
    let field = |name: &str| format!("rules[{index}].{name}");
    let effect = match rule.effect() {
        v1::AclEffect::Allow => Effect::Allow,
        v1::AclEffect::Deny => Effect::Deny,
        v1::AclEffect::Unspecified => {
            return Err(invalid(&field("effect"), "it is missing", "give 1 to allow or 2 to deny"));
        }
    };
    let hint = "name a user or a user group, or set everyone";
    let subject = match rule.subject.as_ref().and_then(|subject| subject.kind.as_ref()) {
        Some(Kind::User(name)) => Subject::User(user_name(&field("subject.user"), name)?),
        Some(Kind::UserGroup(name)) => Subject::Group(
            UserGroup::new(name).map_err(|error| invalid(&field("subject.user_group"), error, hint))?,
        ),
        Some(Kind::Everyone(true)) => Subject::Everyone,
        Some(Kind::Everyone(false)) | None => {
            return Err(invalid(&field("subject"), "it is missing", hint));
        }
    };
    let (operations, resources) =
        operations_on(field, &rule.operations, rule.topics.as_ref(), rule.groups.as_ref())?;
    Ok(AclRule { id: 0, effect, subject, operations, resources, created_ms: 0 })
}

pub(super) fn to_proto(rule: &AclRule) -> v1::AclRule {
    let kind = match &rule.subject {
        Subject::User(name) => Kind::User(name.to_string()),
        Subject::Group(name) => Kind::UserGroup(name.to_string()),
        Subject::Everyone => Kind::Everyone(true),
    };
    let (topics, groups) = resources_to_proto(&rule.resources);
    v1::AclRule {
        id: rule.id,
        effect: rule.effect as i32,
        subject: Some(v1::AclSubject { kind: Some(kind) }),
        operations: rule.operations.iter().map(|operation| operation as i32).collect(),
        topics,
        created_ms: rule.created_ms,
        groups,
    }
}
