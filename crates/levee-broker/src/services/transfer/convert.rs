//! Between parts and what storage takes and gives.

use crate::fields::{invalid, topic_name, user_name};
use crate::services::acl;
use crate::services::quota::convert::{quotas, quotas_to_proto};
use crate::services::topic::convert::new_topic;
use crate::services::user::convert::{certificate_names, groups};
use levee_proto::v1;
use levee_proto::v1::exported_quotas::Part;
use levee_storage::{LogBounds, NewTopic, QuotaTarget, Suspension, Tenant, Topic, User};
use levee_types::acl::AclRule;
use levee_types::quota::Quotas;
use levee_types::{LeveeError, UserId};

/// The format of the parts that are written; those before it are read as well. A broker refuses what it does not know.
pub(super) const FORMAT: u32 = 3;
/// What to do about parts that no export has.
pub(super) const AS_IT_IS: &str = "import what levee tenant export wrote, as it is";

pub(super) fn header_to_proto(tenant: &Tenant, own: &Quotas, exported_ms: i64) -> v1::ExportHeader {
    let state = match tenant.suspension {
        Suspension::ReadOnly => v1::TenantState::ReadOnly,
        Suspension::Frozen => v1::TenantState::Frozen,
        // Nobody exports what is being imported.
        Suspension::None | Suspension::Importing => v1::TenantState::Active,
    };
    v1::ExportHeader {
        format: FORMAT,
        tenant: tenant.name.to_string(),
        plan: tenant.plan.to_string(),
        state: state as i32,
        exported_ms,
        quotas: quotas_to_proto(own),
        topic_defaults: tenant.topic_defaults.clone().into_iter().collect(),
    }
}

/// What the tenant must not do when all of it is there.
pub(super) fn suspension(state: v1::TenantState) -> Result<Suspension, LeveeError> {
    match state {
        v1::TenantState::Active => Ok(Suspension::None),
        v1::TenantState::ReadOnly => Ok(Suspension::ReadOnly),
        v1::TenantState::Frozen => Ok(Suspension::Frozen),
        v1::TenantState::Unspecified | v1::TenantState::Deleting | v1::TenantState::Importing => {
            Err(invalid("header.state", "it is not the state of a whole tenant", AS_IT_IS))
        }
    }
}

/// A user with an id of no matter.
pub(super) fn user(user: &v1::User) -> Result<User, LeveeError> {
    Ok(User {
        id: UserId(0),
        name: user_name("user.name", &user.name)?,
        is_admin: user.admin,
        is_disabled: user.disabled,
        groups: groups(&user.groups)?,
        certificates: certificate_names(&user.certificates)?,
        created_ms: user.created_ms,
    })
}

/// A rule with its id.
pub(super) fn rule(rule: &v1::AclRule) -> Result<AclRule, LeveeError> {
    let checked = acl::rule((0, rule))?;
    Ok(AclRule { id: rule.id, created_ms: rule.created_ms, ..checked })
}

pub(super) fn topic_to_proto(topic: &Topic) -> v1::ExportedTopic {
    let spec = v1::TopicSpec {
        name: topic.name.to_string(),
        partitions: topic.partitions,
        config: topic.set.clone().into_iter().collect(),
    };
    v1::ExportedTopic { topic: Some(spec), created_ms: topic.created_ms }
}

/// A topic with the time of its creation.
pub(super) fn topic(topic: v1::ExportedTopic) -> Result<(NewTopic, i64), LeveeError> {
    let spec = topic.topic.ok_or_else(|| invalid("topic", "it is missing", AS_IT_IS))?;
    Ok((new_topic(0, spec)?, topic.created_ms))
}

pub(super) fn exported_quotas_to_proto(part: Part, set: &Quotas) -> v1::ExportedQuotas {
    v1::ExportedQuotas { part: Some(part), quotas: quotas_to_proto(set) }
}

pub(super) fn exported_quotas(given: &v1::ExportedQuotas) -> Result<(QuotaTarget, Quotas), LeveeError> {
    let target = match &given.part {
        Some(Part::User(name)) => QuotaTarget::User(user_name("quotas.user", name)?),
        Some(Part::Topic(name)) => QuotaTarget::Topic(topic_name("quotas.topic", name)?),
        None => return Err(invalid("quotas.part", "it is missing", AS_IT_IS)),
    };
    Ok((target, quotas("quotas.quotas", &given.quotas)?))
}

pub(super) fn partition_to_proto(topic: &str, partition: u32, bounds: LogBounds) -> v1::ExportedPartition {
    let LogBounds { start, first, end } = bounds;
    v1::ExportedPartition {
        topic: topic.to_owned(),
        partition,
        start_offset: start,
        first_offset: first,
        end_offset: end,
    }
}
