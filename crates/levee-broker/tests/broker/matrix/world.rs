//! Two tenants that have things of the same names, and things that only one of them has.

use super::table::Key;
use crate::harness::{Broker, produce_request};
use crate::tenancy::{EVERYTHING, allow, every_topic, named, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_types::TenantId;
use levee_types::acl::AclOperation;
use std::collections::HashMap;

/// The tenants.
pub(super) const TENANTS: [&str; 2] = ["acme", "beta"];
/// Names no tenant.
pub(super) const NO_TENANT: &str = "nope";
/// Names nothing.
const NOTHING: &str = "absent-one";

/// What a call names, seen from a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    /// It has it; so has the other tenant, under the same name.
    Own,
    /// Only the other tenant has it.
    Foreign,
    /// Nobody has it.
    Absent,
}

pub(super) struct World {
    pub(super) broker: Broker,
    pub(super) operator: Caller,
    /// The administrators of the tenants.
    pub(super) admins: [Caller; 2],
    pub(super) ids: [TenantId; 2],
    /// Users of acme by what they may do, on every topic and on topic `elsewhere` only.
    pub(super) granted: HashMap<i32, (Caller, Caller)>,
    /// A user of acme without any rule.
    pub(super) plain: Caller,
    /// An administrator of acme with a token that is good for one topic that there is not.
    pub(super) narrowed: Caller,
    /// The last rules of the tenants that stay.
    rules: [u64; 2],
    /// Of each tenant, what there is now.
    tokens: [String; 2],
    rule: [u64; 2],
    producers: [u64; 2],
}

impl World {
    pub(super) async fn new() -> Self {
        let (broker, credential) = Broker::start_real().await;
        let operator = Caller::new(&broker, credential).await;
        let mut ids = Vec::new();
        let mut admins = Vec::new();
        for tenant in TENANTS {
            ids.push(TenantId(operator.make_tenant(tenant).await));
            operator.make_user(tenant, "admin", true, &[]).await;
            let (_, credential) = operator.full_token(tenant, "admin").await;
            admins.push(Caller::new(&broker, credential).await);
        }
        // So that beta's ids are not acme's.
        for count in 0..50 {
            let id = admins[1].make_rule("", allow(user("filler"), &[3], named(&count.to_string()))).await;
            admins[1].delete_rules("", vec![id]).await;
        }
        let mut granted = HashMap::new();
        for operation in AclOperation::ALL {
            let mut pair = Vec::new();
            for (name, which) in [("all", every_topic()), ("elsewhere", named("elsewhere"))] {
                let name = format!("{operation}-{name}");
                operator.make_user("acme", &name, false, &[]).await;
                admins[0].make_rule("", allow(user(&name), &[operation as i32], which)).await;
                let (_, credential) = operator.full_token("acme", &name).await;
                pair.push(Caller::new(&broker, credential).await);
            }
            let elsewhere = pair.pop().unwrap();
            granted.insert(operation as i32, (pair.pop().unwrap(), elsewhere));
        }
        operator.make_user("acme", "plain", false, &[]).await;
        let (_, credential) = operator.full_token("acme", "plain").await;
        let plain = Caller::new(&broker, credential).await;
        let scope = v1::TokenScope {
            operations: EVERYTHING.to_vec(),
            topics: Some(v1::TopicPattern { kind: Some(named("elsewhere")) }),
        };
        let request = v1::IssueTokenRequest {
            tenant: "acme".to_owned(),
            user: "admin".to_owned(),
            scopes: vec![scope],
            ..Default::default()
        };
        let (_, credential) = operator.make_token(request).await;
        let narrowed = Caller::new(&broker, credential).await;
        let mut producers = [0; 2];
        for (tenant, count) in [(0, 1), (1, 5)] {
            for _ in 0..count {
                let request = v1::InitProducerRequest::default();
                let made: v1::InitProducerResponse = admins[tenant].must(Op::InitProducer, &request).await;
                producers[tenant] = made.producer_id;
            }
        }
        let mut world = Self {
            broker,
            operator,
            admins: admins.try_into().unwrap_or_else(|_| panic!("two of them")),
            ids: ids.try_into().unwrap(),
            granted,
            plain,
            narrowed,
            rules: [0; 2],
            tokens: [String::new(), String::new()],
            rule: [0; 2],
            producers,
        };
        for tenant in 0..2 {
            world.rules[tenant] = world.rules_of(tenant).await.iter().map(|rule| rule.id).max().unwrap_or(0);
        }
        world.restore().await;
        world
    }

    /// The names of things that only this tenant has.
    fn only(tenant: usize) -> &'static str {
        ["acme-only", "beta-only"][tenant]
    }

    /// What a caller of `tenant` names.
    pub(super) fn thing(&self, key: Key, tenant: usize, thing: Thing) -> String {
        let other = 1 - tenant;
        let of = |own: String, foreign: String, absent: &str| match thing {
            Thing::Own => own,
            Thing::Foreign => foreign,
            Thing::Absent => absent.to_owned(),
        };
        match key {
            Key::Nothing => String::new(),
            Key::Name => of("shared".to_owned(), Self::only(other).to_owned(), NOTHING),
            Key::Token => {
                let absent = format!("{:08x}{}", self.ids[tenant].0, "5".repeat(24));
                of(self.tokens[tenant].clone(), self.tokens[other].clone(), &absent)
            }
            Key::Rule => of(self.rule[tenant].to_string(), self.rule[other].to_string(), "999999"),
            Key::Producer => {
                // Beta's first ones are like acme's: of these it has more.
                of(self.producers[tenant].to_string(), if tenant == 0 { "5" } else { "77" }.to_owned(), "999")
            }
            Key::Tenant => of(TENANTS[tenant].to_owned(), TENANTS[other].to_owned(), NO_TENANT),
            Key::Plan => of("gold".to_owned(), "silver".to_owned(), NOTHING),
        }
    }

    async fn rules_of(&self, tenant: usize) -> Vec<v1::AclRule> {
        let request = v1::ListAclRulesRequest { page_size: 1000, ..Default::default() };
        let listed: v1::ListAclRulesResponse = self.admins[tenant].must(Op::ListAclRules, &request).await;
        listed.rules
    }

    /// Puts everything back as it was.
    pub(super) async fn restore(&mut self) {
        let gone = v1::DeleteTenantRequest { name: NO_TENANT.to_owned(), grace_ms: Some(0) };
        let _ = self.operator.ask::<v1::DeleteTenantResponse>(Op::DeleteTenant, &gone).await;
        let gone = v1::DeletePlanRequest { name: NOTHING.to_owned() };
        let _ = self.operator.ask::<v1::DeletePlanResponse>(Op::DeletePlan, &gone).await;
        for name in ["gold", "silver"] {
            let plan = Some(v1::Plan { name: name.to_owned(), ..Default::default() });
            let request = v1::CreatePlanRequest { plan, if_not_exists: true };
            let _: v1::CreatePlanResponse = self.operator.must(Op::CreatePlan, &request).await;
        }
        for tenant in 0..2 {
            self.restore_tenant(tenant).await;
        }
    }

    async fn restore_tenant(&mut self, tenant: usize) {
        let name = TENANTS[tenant].to_owned();
        let back = v1::UndeleteTenantRequest { name: name.clone() };
        let _ = self.operator.ask::<v1::UndeleteTenantResponse>(Op::UndeleteTenant, &back).await;
        let _: v1::ResumeTenantResponse =
            self.operator.must(Op::ResumeTenant, &v1::ResumeTenantRequest { name: name.clone() }).await;
        let admin = &self.admins[tenant];
        for topic in ["shared", NOTHING, Self::only(1 - tenant)] {
            let request = v1::DeleteTopicRequest { name: topic.to_owned(), ..Default::default() };
            let _ = admin.ask::<v1::DeleteTopicResponse>(Op::DeleteTopic, &request).await;
        }
        for user in [NOTHING, Self::only(1 - tenant)] {
            let request = v1::DeleteUserRequest { name: user.to_owned(), ..Default::default() };
            let _ = admin.ask::<v1::DeleteUserResponse>(Op::DeleteUser, &request).await;
        }
        for name in ["shared", Self::only(tenant)] {
            admin.make_topic("", name).await;
            admin.make_user("", name, false, &[]).await;
        }
        for value in ["one", "two"] {
            let request = produce_request("shared", 0, &[TENANTS[tenant], value]);
            let _: v1::ProduceResponse = admin.must(Op::Produce, &request).await;
        }
        let last = self.rules[tenant];
        let new: Vec<_> =
            self.rules_of(tenant).await.iter().map(|rule| rule.id).filter(|id| *id > last).collect();
        if !new.is_empty() {
            self.admins[tenant].delete_rules("", new).await;
        }
        let admin = &self.admins[tenant];
        self.rule[tenant] = admin.make_rule("", allow(user("filler"), &[3], named("filler"))).await;
        self.tokens[tenant] = admin.full_token("", "shared").await.0;
    }

    /// What an operator sees of a tenant.
    pub(super) async fn picture(&self, tenant: usize) -> String {
        self.operator.picture(TENANTS[tenant]).await
    }

    /// What an operator sees of what belongs to no tenant.
    pub(super) async fn picture_of_node(&self) -> String {
        let tenants: v1::ListTenantsResponse =
            self.operator.must(Op::ListTenants, &v1::ListTenantsRequest::default()).await;
        let plans: v1::ListPlansResponse =
            self.operator.must(Op::ListPlans, &v1::ListPlansRequest::default()).await;
        let operators: v1::ListUsersResponse =
            self.operator.must(Op::ListUsers, &v1::ListUsersRequest::default()).await;
        let tokens: v1::ListTokensResponse =
            self.operator.must(Op::ListTokens, &v1::ListTokensRequest::default()).await;
        format!("{tenants:?}\n{plans:?}\n{operators:?}\n{tokens:?}")
    }
}
