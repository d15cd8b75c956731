//! Tenants with users, rules and tokens, made by whoever administers them.

use crate::wire::Caller;
use levee_broker::operation::Operation;
use levee_proto::v1;
use levee_proto::v1::acl_subject::Kind as Whom;
use levee_proto::v1::group_pattern::Kind as WhichGroup;
use levee_proto::v1::topic_pattern::Kind as Which;
use std::fmt::Write as _;

/// Every operation on topics.
pub(crate) const EVERYTHING: [i32; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// Every operation on groups.
pub(crate) const EVERYTHING_WITH_GROUPS: [i32; 5] = [2, 3, 4, 6, 7];

pub(crate) fn user(name: &str) -> Whom {
    Whom::User(name.to_owned())
}

pub(crate) fn group(name: &str) -> Whom {
    Whom::UserGroup(name.to_owned())
}

pub(crate) fn named(topic: &str) -> Which {
    Which::Name(topic.to_owned())
}

pub(crate) fn prefix(prefix: &str) -> Which {
    Which::Prefix(prefix.to_owned())
}

pub(crate) fn every_topic() -> Which {
    prefix("")
}

pub(crate) fn rule(effect: v1::AclEffect, whom: Whom, operations: &[i32], which: Which) -> v1::AclRule {
    v1::AclRule {
        effect: effect as i32,
        subject: Some(v1::AclSubject { kind: Some(whom) }),
        operations: operations.to_vec(),
        topics: Some(v1::TopicPattern { kind: Some(which) }),
        ..Default::default()
    }
}

pub(crate) fn allow(whom: Whom, operations: &[i32], which: Which) -> v1::AclRule {
    rule(v1::AclEffect::Allow, whom, operations, which)
}

pub(crate) fn deny(whom: Whom, operations: &[i32], which: Which) -> v1::AclRule {
    rule(v1::AclEffect::Deny, whom, operations, which)
}

/// Operations on a group, or on every group.
pub(crate) fn allow_group(whom: Whom, operations: &[i32], group: Option<&str>) -> v1::AclRule {
    v1::AclRule {
        effect: v1::AclEffect::Allow as i32,
        subject: Some(v1::AclSubject { kind: Some(whom) }),
        operations: operations.to_vec(),
        groups: Some(groups(group)),
        ..Default::default()
    }
}

/// A group, or every group.
pub(crate) fn groups(group: Option<&str>) -> v1::GroupPattern {
    let kind = match group {
        Some(name) => WhichGroup::Name(name.to_owned()),
        None => WhichGroup::Prefix(String::new()),
    };
    v1::GroupPattern { kind: Some(kind) }
}

/// What operators and administrators do. An empty tenant is the caller's own.
impl Caller {
    pub(crate) async fn make_tenant(&self, name: &str) -> u32 {
        let request = v1::CreateTenantRequest {
            name: name.to_owned(),
            if_not_exists: true,
            plan: "unlimited".to_owned(),
        };
        let made: v1::CreateTenantResponse = self.must(Operation::CreateTenant, &request).await;
        made.tenant.unwrap().id
    }

    pub(crate) async fn make_topic(&self, tenant: &str, name: &str) {
        let spec = v1::TopicSpec { name: name.to_owned(), partitions: 1, ..Default::default() };
        let request =
            v1::CreateTopicsRequest { tenant: tenant.to_owned(), topics: vec![spec], if_not_exists: true };
        let made: v1::CreateTopicsResponse = self.must(Operation::CreateTopics, &request).await;
        assert_eq!(made.failures, vec![]);
    }

    pub(crate) async fn make_table(&self, tenant: &str, name: &str) {
        let config = [("cleanup.policy".to_owned(), "compact".to_owned())].into();
        let spec = v1::TopicSpec { name: name.to_owned(), partitions: 1, config };
        let request =
            v1::CreateTopicsRequest { tenant: tenant.to_owned(), topics: vec![spec], if_not_exists: true };
        let made: v1::CreateTopicsResponse = self.must(Operation::CreateTopics, &request).await;
        assert_eq!(made.failures, vec![]);
    }

    pub(crate) async fn make_user(&self, tenant: &str, name: &str, admin: bool, groups: &[&str]) {
        let request = v1::CreateUserRequest {
            tenant: tenant.to_owned(),
            name: name.to_owned(),
            admin,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            if_not_exists: true,
            ..Default::default()
        };
        let _: v1::CreateUserResponse = self.must(Operation::CreateUser, &request).await;
    }

    /// Adds a rule, and tells its id.
    pub(crate) async fn make_rule(&self, tenant: &str, rule: v1::AclRule) -> u64 {
        let request = v1::CreateAclRulesRequest { tenant: tenant.to_owned(), rules: vec![rule] };
        let made: v1::CreateAclRulesResponse = self.must(Operation::CreateAclRules, &request).await;
        made.rules[0].id
    }

    pub(crate) async fn delete_rules(&self, tenant: &str, ids: Vec<u64>) {
        let request = v1::DeleteAclRulesRequest { tenant: tenant.to_owned(), ids };
        let _: v1::DeleteAclRulesResponse = self.must(Operation::DeleteAclRules, &request).await;
    }

    /// Issues a token, and tells its id and the credential that it is.
    pub(crate) async fn make_token(&self, request: v1::IssueTokenRequest) -> (String, String) {
        let made: v1::IssueTokenResponse = self.must(Operation::IssueToken, &request).await;
        (made.token.unwrap().id, format!("Bearer {}", made.secret))
    }

    /// A token without any limit.
    pub(crate) async fn full_token(&self, tenant: &str, user: &str) -> (String, String) {
        let request =
            v1::IssueTokenRequest { tenant: tenant.to_owned(), user: user.to_owned(), ..Default::default() };
        self.make_token(request).await
    }

    /// What an operator sees of a tenant, but for its audit log and what reading uses.
    pub(crate) async fn picture(&self, tenant: &str) -> String {
        let of = || tenant.to_owned();
        let mut seen = String::new();
        let operator = self;
        let got: v1::GetTenantResponse =
            operator.must(Operation::GetTenant, &v1::GetTenantRequest { name: of() }).await;
        writeln!(seen, "{got:?}").unwrap();
        let request = v1::ListTopicsRequest { tenant: of(), page_size: 1000, ..Default::default() };
        let listed: v1::ListTopicsResponse = operator.must(Operation::ListTopics, &request).await;
        for topic in listed.topics {
            let request = v1::GetTopicRequest { tenant: of(), name: topic.name };
            let got: v1::GetTopicResponse = operator.must(Operation::GetTopic, &request).await;
            writeln!(seen, "{got:?}").unwrap();
        }
        let request = v1::ListGroupsRequest { tenant: of(), page_size: 1000, ..Default::default() };
        let listed: v1::ListGroupsResponse = operator.must(Operation::ListGroups, &request).await;
        for group in listed.groups {
            let request = v1::GetGroupRequest { tenant: of(), name: group.name };
            let got: v1::GetGroupResponse = operator.must(Operation::GetGroup, &request).await;
            writeln!(seen, "{got:?}").unwrap();
        }
        let request = v1::ListUsersRequest { tenant: of(), page_size: 1000, ..Default::default() };
        let listed: v1::ListUsersResponse = operator.must(Operation::ListUsers, &request).await;
        writeln!(seen, "{listed:?}").unwrap();
        let request = v1::ListTokensRequest { tenant: of(), page_size: 1000, ..Default::default() };
        let listed: v1::ListTokensResponse = operator.must(Operation::ListTokens, &request).await;
        writeln!(seen, "{listed:?}").unwrap();
        let request = v1::ListAclRulesRequest { tenant: of(), page_size: 1000, ..Default::default() };
        let listed: v1::ListAclRulesResponse = operator.must(Operation::ListAclRules, &request).await;
        writeln!(seen, "{listed:?}").unwrap();
        for part in [None, Some(v1::quota_target::Part::User("shared".to_owned()))] {
            let target = Some(v1::QuotaTarget { tenant: of(), part });
            let got = operator.ask(Operation::GetQuotas, &v1::GetQuotasRequest { target }).await;
            // There may be no such user.
            let Ok(v1::GetQuotasResponse { plan, quotas }) = got else { continue };
            let quotas: Vec<_> = quotas.into_iter().map(|quota| (quota.quota, quota.source)).collect();
            writeln!(seen, "{plan} {quotas:?}").unwrap();
        }
        let request = v1::ListUsageRequest { tenant: of(), from_ms: now_ms() - 3_600_000, to_ms: 0 };
        let used: v1::ListUsageResponse = operator.must(Operation::ListUsage, &request).await;
        let used: Vec<_> =
            used.hours.iter().map(|hour| (hour.bytes_in, hour.records_in)).filter(|u| u.0 > 0).collect();
        writeln!(seen, "{used:?}").unwrap();
        seen
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
