//! How the request of each call is built, and what it names. A call that is missing here fails the test.

use crate::consume::member::join;
use crate::harness::{from_start, position, produce_request};
use crate::queue::worker::{settings, start};
use crate::tenancy::{allow, named, user};
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Sent;
use levee_proto::v1::quota_target::Part;
use levee_proto::v1::read_request::Kind;
use prost::Message;

/// Names of what a call is about, beside the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Nothing.
    Nothing,
    /// A topic, group or user.
    Name,
    /// A table.
    Table,
    /// A group of consumers.
    Group,
    /// A queue.
    Queue,
    /// A token's id.
    Token,
    /// A rule's id.
    Rule,
    /// A producer's id.
    Producer,
    /// The id of a producer whose transactions are aborted.
    Transaction,
    /// A tenant, for calls of the node.
    Tenant,
    /// A plan.
    Plan,
}

/// What comes of it for those who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It must exist.
    Needs,
    /// It must not exist.
    Creates,
    /// Either is well.
    Any,
}

/// One call.
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) effect: Effect,
    /// The message for a tenant, if messages of this call have one, and a thing.
    pub(crate) message: fn(tenant: &str, thing: &str) -> Vec<u8>,
}

fn row(key: Key, effect: Effect, message: fn(&str, &str) -> Vec<u8>) -> Row {
    Row { key, effect, message }
}

fn owned(text: &str) -> String {
    text.to_owned()
}

fn target(tenant: &str, name: &str) -> Option<v1::QuotaTarget> {
    Some(v1::QuotaTarget { tenant: owned(tenant), part: Some(Part::User(owned(name))) })
}

fn plan(name: &str) -> Option<v1::Plan> {
    Some(v1::Plan { name: owned(name), ..Default::default() })
}

pub(crate) fn requests_limit(limit: u64) -> Vec<v1::Quota> {
    let dimension = v1::QuotaDimension::Requests as i32;
    vec![v1::Quota { dimension, limit: Some(limit), ..Default::default() }]
}

/// The row of a path.
pub(crate) fn of(path: &str) -> Row {
    use Effect::Any;
    let (service, method) =
        path.strip_prefix("/levee.v1.").and_then(|rest| rest.split_once('/')).unwrap_or(("", path));
    let found = match service {
        "ProduceService" | "ReadService" => data(method),
        "TransactionService" => transactions(method),
        "ConsumeService" => consume(method),
        "GroupService" => groups(method),
        "QueueService" => queues(method),
        "TopicService" => topics(method),
        "TableService" => tables(method),
        "TenantService" => tenants(method),
        "TransferService" => transfers(method),
        "BackupService" => backups(method),
        "UsageService" => usage(method),
        "UserService" => users(method),
        "AclService" => rules(method),
        "QuotaService" => quotas(method),
        "AuditService" if method == "ListAuditEvents" => Some(row(Key::Nothing, Any, |tenant, _| {
            v1::ListAuditEventsRequest { tenant: owned(tenant), ..Default::default() }.encode_to_vec()
        })),
        "ClusterService" if method == "GetStatus" => {
            Some(row(Key::Nothing, Any, |_, _| v1::GetStatusRequest {}.encode_to_vec()))
        }
        _ => None,
    };
    found.unwrap_or_else(|| panic!("classify it: {path}"))
}

fn data(method: &str) -> Option<Row> {
    use Effect::Needs;
    Some(match method {
        "Produce" => row(Key::Name, Needs, |_, topic| produce_request(topic, 0, &["x"]).encode_to_vec()),
        "ProduceStream" => row(Key::Name, Needs, |_, topic| {
            let request = Some(produce_request(topic, 0, &["x"]));
            v1::ProduceStreamRequest { correlation_id: 7, request }.encode_to_vec()
        }),
        "InitProducer" => row(Key::Producer, Needs, |_, id| {
            v1::InitProducerRequest { producer_id: Some(id.parse().unwrap()), epoch: None }.encode_to_vec()
        }),
        "Read" => row(Key::Name, Needs, |_, topic| {
            let positions = vec![position(topic, 0, from_start())];
            let start = v1::ReadStart { positions, credit_bytes: 1 << 20, stop_at_end: true };
            v1::ReadRequest { kind: Some(Kind::Start(start)) }.encode_to_vec()
        }),
        "ListOffsets" => row(Key::Name, Needs, |_, topic| {
            v1::ListOffsetsRequest { positions: vec![position(topic, 0, from_start())] }.encode_to_vec()
        }),
        _ => return None,
    })
}

/// Each is of the first transaction of a producer, again and again.
fn transactions(method: &str) -> Option<Row> {
    use Effect::Needs;
    Some(match method {
        "CommitTransaction" => row(Key::Name, Needs, |_, topic| {
            let v1::ProduceRequest { topic, partition, batch, .. } = produce_request(topic, 0, &["x"]);
            let batches = vec![v1::TransactionBatch { topic, partition, batch, batch_crc32c: None }];
            v1::CommitTransactionRequest { producer_id: 1, number: 1, batches, ..Default::default() }
                .encode_to_vec()
        }),
        "AbortTransaction" => row(Key::Transaction, Needs, |_, id| {
            let producer_id = id.parse().unwrap();
            v1::AbortTransactionRequest { producer_id, epoch: 0, number: 1 }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn consume(method: &str) -> Option<Row> {
    // The group is told by the name of the topic.
    (method == "Consume").then(|| {
        row(Key::Name, Effect::Needs, |_, name| {
            let join = Sent::Join(join(&format!("{name}-group"), &[name]));
            v1::ConsumeRequest { kind: Some(join) }.encode_to_vec()
        })
    })
}

fn groups(method: &str) -> Option<Row> {
    use Effect::{Any, Needs};
    Some(match method {
        "ListGroups" => row(Key::Name, Any, |tenant, prefix| {
            let (tenant, prefix) = (owned(tenant), owned(prefix));
            v1::ListGroupsRequest { tenant, prefix, ..Default::default() }.encode_to_vec()
        }),
        "GetGroup" => row(Key::Group, Needs, |tenant, name| {
            v1::GetGroupRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        "SeekGroup" => row(Key::Group, Needs, |tenant, name| {
            let (tenant, name, topic) = (owned(tenant), owned(name), owned("shared"));
            let to = Some(v1::OffsetSpec { spec: Some(from_start()) });
            v1::SeekGroupRequest { tenant, name, topic, to, ..Default::default() }.encode_to_vec()
        }),
        "DeleteGroup" => row(Key::Group, Needs, |tenant, name| {
            v1::DeleteGroupRequest { tenant: owned(tenant), name: owned(name), dry_run: false }
                .encode_to_vec()
        }),
        _ => return None,
    })
}

fn queues(method: &str) -> Option<Row> {
    // The queue is told by the name of its topic.
    (method == "Work").then(|| {
        row(Key::Name, Effect::Needs, |_, topic| {
            let start = start(&format!("{topic}-queue"), settings(&[topic]));
            v1::WorkRequest { kind: Some(v1::work_request::Kind::Start(start)) }.encode_to_vec()
        })
    })
}

fn topics(method: &str) -> Option<Row> {
    use Effect::{Any, Creates, Needs};
    Some(match method {
        "CreateTopics" => row(Key::Name, Creates, |tenant, name| {
            let topics = vec![v1::TopicSpec { name: owned(name), partitions: 1, ..Default::default() }];
            v1::CreateTopicsRequest { tenant: owned(tenant), topics, if_not_exists: false }.encode_to_vec()
        }),
        "GetTopic" => row(Key::Name, Needs, |tenant, name| {
            v1::GetTopicRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        "ListTopics" => row(Key::Name, Any, |tenant, prefix| {
            let (tenant, prefix) = (owned(tenant), owned(prefix));
            v1::ListTopicsRequest { tenant, prefix, ..Default::default() }.encode_to_vec()
        }),
        "DeleteTopic" => row(Key::Name, Needs, |tenant, name| {
            v1::DeleteTopicRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        "UpdateTopicConfig" => row(Key::Name, Needs, |tenant, name| {
            let set = [(owned("max.message.bytes"), owned("1000"))].into();
            let (tenant, name) = (owned(tenant), owned(name));
            v1::UpdateTopicConfigRequest { tenant, name, set, unset: vec![] }.encode_to_vec()
        }),
        "AddPartitions" => row(Key::Name, Needs, |tenant, name| {
            v1::AddPartitionsRequest { tenant: owned(tenant), name: owned(name), partitions: 3 }
                .encode_to_vec()
        }),
        "TrimPartition" => row(Key::Name, Needs, |tenant, name| {
            let (tenant, name) = (owned(tenant), owned(name));
            v1::TrimPartitionRequest {
                tenant,
                name,
                partition: 0,
                before_offset: 1,
                before_timestamp_ms: None,
            }
            .encode_to_vec()
        }),
        "CompactTopic" => row(Key::Table, Needs, |tenant, name| {
            v1::CompactTopicRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        "VerifyTopic" => row(Key::Name, Needs, |tenant, name| {
            v1::VerifyTopicRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn tables(method: &str) -> Option<Row> {
    use Effect::Needs;
    Some(match method {
        "GetValues" => row(Key::Table, Needs, |_, topic| {
            let (topic, keys) = (owned(topic), vec!["one".into(), "nothing".into()]);
            v1::GetValuesRequest { topic, keys, ..Default::default() }.encode_to_vec()
        }),
        "ScanTable" => row(Key::Table, Needs, |_, topic| {
            v1::ScanTableRequest { topic: owned(topic), ..Default::default() }.encode_to_vec()
        }),
        "WatchTable" => row(Key::Table, Needs, |_, topic| {
            v1::WatchTableRequest { topic: owned(topic), ..Default::default() }.encode_to_vec()
        }),
        "EraseKey" => row(Key::Table, Needs, |tenant, topic| {
            let (tenant, topic) = (owned(tenant), owned(topic));
            v1::EraseKeyRequest { tenant, topic, key: "one".into() }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn tenants(method: &str) -> Option<Row> {
    use Effect::{Any, Creates, Needs};
    Some(match method {
        "CreateTenant" => row(Key::Tenant, Creates, |_, name| {
            v1::CreateTenantRequest { name: owned(name), ..Default::default() }.encode_to_vec()
        }),
        "GetTenant" => {
            row(Key::Nothing, Any, |tenant, _| v1::GetTenantRequest { name: owned(tenant) }.encode_to_vec())
        }
        "ListTenants" => row(Key::Nothing, Any, |_, _| v1::ListTenantsRequest::default().encode_to_vec()),
        "UpdateTenant" => row(Key::Tenant, Needs, |_, name| {
            let plan = Some(owned("unlimited"));
            v1::UpdateTenantRequest { name: owned(name), plan, ..v1::UpdateTenantRequest::default() }
                .encode_to_vec()
        }),
        "SuspendTenant" => row(Key::Tenant, Needs, |_, name| {
            let mode = v1::TenantState::ReadOnly as i32;
            v1::SuspendTenantRequest { name: owned(name), mode }.encode_to_vec()
        }),
        "ResumeTenant" => {
            row(Key::Tenant, Needs, |_, name| v1::ResumeTenantRequest { name: owned(name) }.encode_to_vec())
        }
        "DeleteTenant" => row(Key::Tenant, Needs, |_, name| {
            v1::DeleteTenantRequest { name: owned(name), grace_ms: None }.encode_to_vec()
        }),
        "UndeleteTenant" => {
            row(Key::Tenant, Needs, |_, name| v1::UndeleteTenantRequest { name: owned(name) }.encode_to_vec())
        }
        "ListUsage" => row(Key::Nothing, Any, |tenant, _| {
            let now_ms = 3_600_000;
            v1::ListUsageRequest { tenant: owned(tenant), from_ms: 0, to_ms: now_ms }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn transfers(method: &str) -> Option<Row> {
    use Effect::{Creates, Needs};
    Some(match method {
        "ExportTenant" => {
            row(Key::Tenant, Needs, |_, name| v1::ExportTenantRequest { name: owned(name) }.encode_to_vec())
        }
        // The smallest that is whole.
        "ImportTenant" => row(Key::Tenant, Creates, |_, name| {
            let state = v1::TenantState::Active as i32;
            let header = v1::ExportHeader { format: 1, state, ..Default::default() };
            let end = v1::ExportEnd::default();
            let parts = [v1::tenant_part::Kind::Header(header), v1::tenant_part::Kind::End(end)];
            let parts = parts.map(|kind| v1::TenantPart { kind: Some(kind) }).to_vec();
            let (name, plan) = (owned(name), owned("unlimited"));
            v1::ImportTenantRequest { name, plan, parts: Some(v1::TenantParts { parts }) }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn backups(method: &str) -> Option<Row> {
    use Effect::{Any, Creates};
    Some(match method {
        "CreateBackup" => row(Key::Nothing, Any, |_, _| v1::CreateBackupRequest {}.encode_to_vec()),
        "ListBackups" => row(Key::Nothing, Any, |_, _| v1::ListBackupsRequest {}.encode_to_vec()),
        // Of a tenant that is in the backup which the call before made.
        "RestoreTenant" => row(Key::Tenant, Creates, |_, name| {
            let request =
                v1::RestoreTenantRequest { name: owned("acme"), new_name: owned(name), ..Default::default() };
            request.encode_to_vec()
        }),
        _ => return None,
    })
}

fn usage(method: &str) -> Option<Row> {
    use Effect::Any;
    Some(match method {
        "ListTenantCounters" => row(Key::Nothing, Any, |tenant, _| {
            v1::ListTenantCountersRequest { tenant: owned(tenant), ..Default::default() }.encode_to_vec()
        }),
        "ListTopicCounters" => row(Key::Name, Any, |tenant, prefix| {
            let (tenant, prefix) = (owned(tenant), owned(prefix));
            v1::ListTopicCountersRequest { tenant, prefix, ..Default::default() }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn users(method: &str) -> Option<Row> {
    use Effect::{Any, Creates, Needs};
    Some(match method {
        "WhoAmI" => row(Key::Nothing, Any, |_, _| v1::WhoAmIRequest {}.encode_to_vec()),
        "CreateUser" => row(Key::Name, Creates, |tenant, name| {
            let (tenant, name) = (owned(tenant), owned(name));
            v1::CreateUserRequest { tenant, name, ..Default::default() }.encode_to_vec()
        }),
        "GetUser" => row(Key::Name, Needs, |tenant, name| {
            v1::GetUserRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        "ListUsers" => row(Key::Nothing, Any, |tenant, _| {
            v1::ListUsersRequest { tenant: owned(tenant), ..Default::default() }.encode_to_vec()
        }),
        "UpdateUser" => row(Key::Name, Needs, |tenant, name| {
            let groups = Some(v1::UserNames { names: vec![owned("changed")] });
            let (tenant, name) = (owned(tenant), owned(name));
            v1::UpdateUserRequest { tenant, name, groups, ..Default::default() }.encode_to_vec()
        }),
        "DeleteUser" => row(Key::Name, Needs, |tenant, name| {
            v1::DeleteUserRequest { tenant: owned(tenant), name: owned(name) }.encode_to_vec()
        }),
        "IssueToken" => row(Key::Name, Needs, |tenant, name| {
            let (tenant, user) = (owned(tenant), owned(name));
            v1::IssueTokenRequest { tenant, user, ..Default::default() }.encode_to_vec()
        }),
        "ListTokens" => row(Key::Name, Needs, |tenant, name| {
            let (tenant, user) = (owned(tenant), owned(name));
            v1::ListTokensRequest { tenant, user, ..Default::default() }.encode_to_vec()
        }),
        "RevokeToken" => row(Key::Token, Needs, |tenant, id| {
            v1::RevokeTokenRequest { tenant: owned(tenant), id: owned(id) }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn rules(method: &str) -> Option<Row> {
    use Effect::{Any, Needs};
    Some(match method {
        "CreateAclRules" => row(Key::Name, Any, |tenant, topic| {
            let rules = vec![allow(user("shared"), &[3], named(topic))];
            v1::CreateAclRulesRequest { tenant: owned(tenant), rules }.encode_to_vec()
        }),
        "ListAclRules" => row(Key::Nothing, Any, |tenant, _| {
            v1::ListAclRulesRequest { tenant: owned(tenant), ..Default::default() }.encode_to_vec()
        }),
        "DeleteAclRules" => row(Key::Rule, Needs, |tenant, id| {
            let ids = vec![id.parse().unwrap()];
            v1::DeleteAclRulesRequest { tenant: owned(tenant), ids }.encode_to_vec()
        }),
        "TestAcl" => row(Key::Name, Needs, |tenant, name| {
            let (tenant, user) = (owned(tenant), owned(name));
            let topic = owned("elsewhere");
            v1::TestAclRequest { tenant, user, operation: 1, topic, ..Default::default() }.encode_to_vec()
        }),
        _ => return None,
    })
}

fn quotas(method: &str) -> Option<Row> {
    use Effect::{Any, Creates, Needs};
    Some(match method {
        "CreatePlan" => row(Key::Plan, Creates, |_, name| {
            v1::CreatePlanRequest { plan: plan(name), if_not_exists: false }.encode_to_vec()
        }),
        "GetPlan" => {
            row(Key::Plan, Needs, |_, name| v1::GetPlanRequest { name: owned(name) }.encode_to_vec())
        }
        "ListPlans" => row(Key::Nothing, Any, |_, _| v1::ListPlansRequest::default().encode_to_vec()),
        "UpdatePlan" => row(Key::Plan, Needs, |_, name| {
            v1::UpdatePlanRequest { name: owned(name), weight: 7, ..Default::default() }.encode_to_vec()
        }),
        "DeletePlan" => {
            row(Key::Plan, Needs, |_, name| v1::DeletePlanRequest { name: owned(name) }.encode_to_vec())
        }
        "SetQuotas" => row(Key::Name, Needs, |tenant, name| {
            let (target, set) = (target(tenant, name), requests_limit(1_000_000));
            v1::SetQuotasRequest { target, set, unset: vec![] }.encode_to_vec()
        }),
        "GetQuotas" => row(Key::Name, Needs, |tenant, name| {
            v1::GetQuotasRequest { target: target(tenant, name) }.encode_to_vec()
        }),
        "ExplainQuotas" => row(Key::Nothing, Any, |tenant, _| {
            v1::ExplainQuotasRequest { tenant: owned(tenant) }.encode_to_vec()
        }),
        _ => return None,
    })
}
