//! How far a group has come, and who is in it.

use crate::authorize::{InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::groups::GroupView;
use crate::queues::QueueMember;
use levee_groups::consumers::MemberState;
use levee_proto::v1;
use levee_storage::{PartitionOffsets, Progress, StorageError, Topic};
use levee_types::acl::AclOperation;
use levee_types::group::AheadState;
use levee_types::{GroupId, LeveeError, PartitionId, TopicId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is known of a partition: what is committed, and who has it.
#[derive(Default)]
struct Known {
    progress: Option<Progress>,
    member: Option<u64>,
    leased: u64,
}

/// A member for a client.
pub(super) fn member(state: &MemberState) -> v1::GroupMember {
    let MemberState { member, instance, user, joined_ms, assigned, is_away } = state;
    v1::GroupMember {
        member_id: *member,
        instance: instance.clone().unwrap_or_default(),
        user: user.clone(),
        joined_ms: *joined_ms,
        assigned: *assigned,
        away: *is_away,
    }
}

/// A worker of a queue for a client.
pub(super) fn worker(worker: &QueueMember) -> v1::GroupMember {
    let QueueMember { id, user, joined_ms, records } = worker;
    v1::GroupMember {
        member_id: *id,
        instance: String::new(),
        user: user.clone(),
        joined_ms: *joined_ms,
        assigned: *records,
        away: false,
    }
}

/// The partitions of which something is committed or that a member has, of topics that the caller may describe.
pub(super) async fn partitions(
    permit: &Permit<InTenant>,
    blocking: &Blocking,
    group: GroupId,
    view: &GroupView,
    leased: &HashMap<PartitionId, u64>,
) -> Result<Vec<v1::GroupPartition>, LeveeError> {
    let mut known = BTreeMap::<PartitionId, Known>::new();
    let (shard, tenant) = (permit.shard().clone(), permit.tenant());
    for (partition, progress) in
        blocking.run(permit.turn(LOOKUP_BYTES), move || shard.progress(tenant, group)).await?
    {
        known.entry(partition).or_default().progress = Some(progress);
    }
    for (partition, member) in &view.partitions {
        if member.is_some() {
            known.entry(*partition).or_default().member = *member;
        }
    }
    for (partition, leased) in leased {
        known.entry(*partition).or_default().leased = *leased;
    }
    let mut topics = HashMap::<TopicId, Option<Arc<Topic>>>::new();
    for partition in known.keys() {
        if topics.contains_key(&partition.topic) {
            continue;
        }
        let topic = permit.shard().topic_by_id(tenant, partition.topic)?;
        let is_visible = match &topic {
            Some(topic) => permit.may_for(AclOperation::Describe, topic.name.as_str())?,
            None => false,
        };
        topics.insert(partition.topic, topic.filter(|_| is_visible));
    }
    let visible: Vec<_> = known
        .into_iter()
        .filter_map(|(partition, known)| Some((topics.get(&partition.topic)?.clone()?, partition, known)))
        .collect();
    let (shard, turn) = (permit.shard().clone(), permit.turn(visible.len() * LOOKUP_BYTES));
    let look = move || {
        let shown = visible.into_iter().map(|(topic, partition, known)| match shard.offsets(partition) {
            Ok(log) => Ok(Some(to_proto(&topic, partition, &known, log))),
            // It was deleted in between.
            Err(StorageError::NoTopic) => Ok(None),
            Err(error) => Err(error),
        });
        shown.filter_map(Result::transpose).collect::<Result<Vec<_>, StorageError>>()
    };
    let mut shown = blocking.run(turn, look).await?;
    shown.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(shown)
}

fn to_proto(
    topic: &Topic,
    partition: PartitionId,
    known: &Known,
    log: PartitionOffsets,
) -> v1::GroupPartition {
    let Known { progress, member, leased } = known;
    let PartitionOffsets { start, end, .. } = log;
    v1::GroupPartition {
        topic: topic.name.to_string(),
        partition: partition.partition,
        committed_offset: progress.as_ref().map(|progress| progress.offset),
        committed_ms: progress.as_ref().map_or(0, |progress| progress.committed_ms),
        start_offset: start,
        end_offset: end,
        lag: lag(progress.as_ref(), start, end),
        member_id: *member,
        leased: *leased,
    }
}

/// Records that are stored and not done.
fn lag(progress: Option<&Progress>, start: u64, end: u64) -> u64 {
    let Some(progress) = progress else { return end - start };
    let from = progress.offset.clamp(start, end);
    let done = progress.ahead.iter().filter(|ahead| ahead.state == AheadState::Done).map(|ahead| {
        // Those of them that are still stored.
        let last = ahead.first.saturating_add(ahead.records).min(end);
        last.saturating_sub(ahead.first.max(from))
    });
    (end - from).saturating_sub(done.sum())
}

#[cfg(test)]
mod tests {
    use super::lag;
    use levee_storage::Progress;
    use levee_types::group::{Ahead, AheadState};

    #[test]
    fn lag_is_what_is_stored_and_not_done() {
        let at = |offset, ahead| Progress { offset, committed_ms: 0, ahead };
        assert_eq!(lag(None, 10, 30), 20);
        assert_eq!(lag(Some(&at(12, vec![])), 10, 30), 18);
        assert_eq!(lag(Some(&at(5, vec![])), 10, 30), 20);
        // A crash took the end of the log.
        assert_eq!(lag(Some(&at(40, vec![])), 10, 30), 0);
        let done = |first, records| Ahead { first, records, state: AheadState::Done };
        let delivered = Ahead { first: 20, records: 5, state: AheadState::Delivered(1) };
        assert_eq!(lag(Some(&at(12, vec![done(14, 2), delivered, done(26, 1)])), 10, 30), 15);
        assert_eq!(lag(Some(&at(5, vec![done(8, 4)])), 10, 30), 18);
    }
}
