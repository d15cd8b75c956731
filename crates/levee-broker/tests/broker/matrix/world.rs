//! Two tenants that have things of the same names, and things that only one of them has.

use super::table::Key;
use crate::harness::{Broker, produce_keyed, produce_request};
use crate::tenancy::{
    EVERYTHING, EVERYTHING_WITH_GROUPS, allow, allow_group, every_topic, groups, named, user,
};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::topic_pattern::Kind as Which;
use levee_storage::AuditEvent;
use levee_types::acl::AclOperation;
use levee_types::group::{GroupKind, QueueSettings, StartAt};
use levee_types::{GroupName, TenantId, TopicName};
use std::collections::HashMap;
use std::fmt::Write as _;
use tempfile::TempDir;

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
    /// Users of acme by what they may do.
    pub(super) granted: HashMap<i32, Granted>,
    /// A user of acme without any rule.
    pub(super) plain: Caller,
    /// An administrator of acme with a token that is good for one topic and one group that there are not.
    pub(super) narrowed: Caller,
    /// The last rules of the tenants that stay.
    rules: [u64; 2],
    /// Of each tenant, what there is now.
    tokens: [String; 2],
    rule: [u64; 2],
    producers: [u64; 2],
    /// Where its backups go.
    _backups: TempDir,
}

/// Users who may do one thing, each with something else.
pub(super) struct Granted {
    /// With every topic and every group.
    pub(super) all: Caller,
    /// With topic `elsewhere` and group `elsewhere`.
    pub(super) elsewhere: Caller,
    /// With every topic.
    pub(super) topics: Caller,
    /// With every group; nothing, where nobody can do it with a group.
    pub(super) groups: Caller,
}

impl Granted {
    async fn new(operation: AclOperation, broker: &Broker, operator: &Caller, admin: &Caller) -> Self {
        let number = [operation as i32];
        let is_of_groups = EVERYTHING_WITH_GROUPS.contains(&number[0]);
        let with = async |name: &str, topics: Option<Which>, groups: Option<Option<&str>>| {
            let name = format!("{operation}-{name}");
            operator.make_user("acme", &name, false, &[]).await;
            if let Some(which) = topics {
                admin.make_rule("", allow(user(&name), &number, which)).await;
            }
            if let Some(which) = groups.filter(|_| is_of_groups) {
                admin.make_rule("", allow_group(user(&name), &number, which)).await;
            }
            let (_, credential) = operator.full_token("acme", &name).await;
            Caller::new(broker, credential).await
        };
        Self {
            all: with("all", Some(every_topic()), Some(None)).await,
            elsewhere: with("elsewhere", Some(named("elsewhere")), Some(Some("elsewhere"))).await,
            topics: with("topics", Some(every_topic()), None).await,
            groups: with("groups", None, Some(None)).await,
        }
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let backups = tempfile::tempdir().unwrap();
        let url = format!("file://{}", backups.path().display());
        let (broker, credential) = Broker::start_real_with(|settings| settings.backup.url = url).await;
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
            let users = Granted::new(operation, &broker, &operator, &admins[0]).await;
            granted.insert(operation as i32, users);
        }
        operator.make_user("acme", "plain", false, &[]).await;
        let (_, credential) = operator.full_token("acme", "plain").await;
        let plain = Caller::new(&broker, credential).await;
        let of_topic = v1::TokenScope {
            operations: EVERYTHING.to_vec(),
            topics: Some(v1::TopicPattern { kind: Some(named("elsewhere")) }),
            ..Default::default()
        };
        let of_group = v1::TokenScope {
            operations: EVERYTHING_WITH_GROUPS.to_vec(),
            groups: Some(groups(Some("elsewhere"))),
            ..Default::default()
        };
        let request = v1::IssueTokenRequest {
            tenant: "acme".to_owned(),
            user: "admin".to_owned(),
            scopes: vec![of_topic, of_group],
            ..Default::default()
        };
        let (_, credential) = operator.make_token(request).await;
        let narrowed = Caller::new(&broker, credential).await;
        let mut producers = [0; 2];
        for (tenant, count) in [(0, 3), (1, 5)] {
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
            _backups: backups,
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

    /// What a group is called that stands for a name.
    fn group(key: Key, name: &str) -> String {
        let end = if key == Key::Queue { "queue" } else { "group" };
        format!("{name}-{end}")
    }

    /// What a table is called that stands for a name.
    fn table(name: &str) -> String {
        format!("{name}-table")
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
            Key::Table => of(Self::table("shared"), Self::table(Self::only(other)), &Self::table(NOTHING)),
            Key::Group | Key::Queue => {
                let foreign = Self::group(key, Self::only(other));
                of(Self::group(key, "shared"), foreign, &Self::group(key, NOTHING))
            }
            Key::Token => {
                let absent = format!("{:08x}{}", self.ids[tenant].0, "5".repeat(24));
                of(self.tokens[tenant].clone(), self.tokens[other].clone(), &absent)
            }
            Key::Rule => of(self.rule[tenant].to_string(), self.rule[other].to_string(), "999999"),
            Key::Producer => {
                // Beta's first ones are like acme's: of these it has more.
                of(self.producers[tenant].to_string(), if tenant == 0 { "5" } else { "77" }.to_owned(), "999")
            }
            Key::Transaction => of("2".to_owned(), if tenant == 0 { "4" } else { "77" }.to_owned(), "999"),
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
        for name in ["shared", Self::only(tenant)] {
            let table = Self::table(name);
            let gone = v1::DeleteTopicRequest { name: table.clone(), ..Default::default() };
            let _ = admin.ask::<v1::DeleteTopicResponse>(Op::DeleteTopic, &gone).await;
            admin.make_table("", &table).await;
            let request = produce_keyed(&table, 0, &[("one", Some(TENANTS[tenant])), ("two", Some("x"))]);
            let _: v1::ProduceResponse = admin.must(Op::Produce, &request).await;
        }
        for value in ["one", "two"] {
            let request = produce_request("shared", 0, &[TENANTS[tenant], value]);
            let _: v1::ProduceResponse = admin.must(Op::Produce, &request).await;
        }
        for key in [Key::Group, Key::Queue] {
            self.restore_groups(key, tenant).await;
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

    async fn restore_groups(&self, key: Key, tenant: usize) {
        for name in [NOTHING, Self::only(1 - tenant)] {
            let request = v1::DeleteGroupRequest { name: Self::group(key, name), ..Default::default() };
            let _ = self.admins[tenant].ask::<v1::DeleteGroupResponse>(Op::DeleteGroup, &request).await;
        }
        for name in ["shared", Self::only(tenant)] {
            let kind = match key {
                Key::Queue => GroupKind::Queue(QueueSettings {
                    topics: vec![TopicName::new("shared").unwrap()],
                    max_deliveries: 5,
                    dead_letter_topic: None,
                    ordered_by_key: false,
                    start: StartAt::Start,
                }),
                _ => GroupKind::Consumers,
            };
            let name = GroupName::new(&Self::group(key, name)).unwrap();
            let event = AuditEvent::default();
            self.broker.shard.open_group(self.ids[tenant], name, kind, event).await.unwrap();
        }
    }

    /// What an operator sees of a tenant, with its groups and how far they have come.
    pub(super) async fn picture(&self, tenant: usize) -> String {
        let mut seen = self.operator.picture(TENANTS[tenant]).await;
        let (shard, id) = (&self.broker.shard, self.ids[tenant]);
        for group in shard.list_groups(id, "", None, 1000).unwrap().items {
            let progress = shard.progress(id, group.id).unwrap();
            writeln!(seen, "{group:?} {progress:?}").unwrap();
        }
        seen
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
