//! The first message of a worker: which queue, and how.

use super::settings::{from_proto, require_same};
use super::settle::lease_ms;
use crate::authorize::{InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::fields::{group_name, invalid, out_of_range};
use crate::queues::{Queues, Worker};
use levee_proto::v1;
use levee_storage::Group;
use levee_types::acl::AclOperation;
use levee_types::group::{GroupKind, QueueSettings};
use levee_types::limits::MAX_WORK_CREDIT;
use levee_types::{ErrorCode, GroupName, LeveeError};
use std::sync::Arc;
use std::time::Duration;

/// A worker that may take so many records.
pub(super) struct Started {
    pub(super) worker: Worker,
    pub(super) credit: u32,
}

/// Opens the queue, and makes the caller a worker of it.
pub(super) async fn start(
    permit: &Arc<Permit<InTenant>>,
    blocking: &Blocking,
    queues: &Queues,
    start: v1::WorkStart,
) -> Result<Started, LeveeError> {
    let v1::WorkStart { group, settings, lease_ms: asked_ms, credit } = start;
    let name = group_name("group", &group)?;
    let term = Duration::from_millis(lease_ms("lease_ms", asked_ms)?.into());
    if !(1..=MAX_WORK_CREDIT).contains(&credit) {
        return Err(out_of_range("credit", credit, 1, MAX_WORK_CREDIT));
    }
    let settings = settings.map(from_proto).transpose()?;
    // Decided before anything is looked up.
    permit.require_group(name.as_str())?;
    if let Some(settings) = &settings {
        require_topics(permit, settings)?;
    }
    let (group, settings) = open(permit, blocking, name, settings).await?;
    require_topics(permit, &settings)?;
    let worker = queues.join(permit, group, settings, term).await?;
    Ok(Started { worker, credit })
}

/// Whether the caller may take records of all topics.
pub(super) fn require_topics(permit: &Permit<InTenant>, settings: &QueueSettings) -> Result<(), LeveeError> {
    settings.topics.iter().try_for_each(|topic| permit.require(topic.as_str()))
}

/// The queue that there is, or a new one.
async fn open(
    permit: &Arc<Permit<InTenant>>,
    blocking: &Blocking,
    name: GroupName,
    given: Option<QueueSettings>,
) -> Result<(Group, QueueSettings), LeveeError> {
    let (tenant, shard) = (permit.tenant(), permit.shard().clone());
    let wanted = name.clone();
    let current = blocking.run(permit.turn(LOOKUP_BYTES), move || shard.group(tenant, &wanted)).await?;
    let group = match (current, &given) {
        (Some(group), _) => group,
        (None, Some(settings)) => create(permit, blocking, &name, settings.clone()).await?,
        (None, None) => {
            let message = format!("there is no queue {:?}", name.as_str());
            return Err(LeveeError::new(ErrorCode::NotFound, message)
                .with_hint("give its settings, and it is made; levee group ls lists those that there are"));
        }
    };
    let GroupKind::Queue(settings) = &group.kind else {
        let problem = format!("{:?} is a group of consumers", name.as_str());
        return Err(invalid("group", problem, "name another group, or consume as a member of this one"));
    };
    if let Some(given) = &given {
        require_same(given, settings)?;
    }
    let settings = settings.clone();
    Ok((group, settings))
}

async fn create(
    permit: &Arc<Permit<InTenant>>,
    blocking: &Blocking,
    name: &GroupName,
    settings: QueueSettings,
) -> Result<Group, LeveeError> {
    if let Some(topic) = &settings.dead_letter_topic {
        // Who makes the queue has records appended there from now on.
        permit.require_for(AclOperation::Produce, topic.as_str())?;
    }
    let (looking, wanted) = (Arc::clone(permit), settings.clone());
    let turn = permit.turn((settings.topics.len() + 1) * LOOKUP_BYTES);
    let look_up = move || {
        for (index, topic) in wanted.topics.iter().enumerate() {
            looking.topic(&format!("settings.topics[{index}]"), topic.as_str())?;
        }
        match &wanted.dead_letter_topic {
            Some(topic) if looking.shard().topic(looking.tenant(), topic)?.is_none() => {
                let message = format!("there is no dead letter topic {:?}", topic.as_str());
                let hint = format!("create it with: levee topic create {}/{topic}", looking.tenant_name());
                Err(LeveeError::new(ErrorCode::NotFound, message).with_hint(hint))
            }
            Some(_) | None => Ok(()),
        }
    };
    blocking.run(turn, look_up).await?;
    let audit = permit.audit(format!("group:{name}"));
    let kind = GroupKind::Queue(settings);
    Ok(permit.shard().open_group(permit.tenant(), name.clone(), kind, audit).await?)
}
