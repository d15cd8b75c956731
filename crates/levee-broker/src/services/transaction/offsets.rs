//! How far groups have come with a transaction.

use crate::authorize::{InTenant, Permit};
use crate::fields::group_name;
use crate::groups::Groups;
use levee_proto::v1;
use levee_storage::{Commit, StorageError};
use levee_types::acl::AclOperation;
use levee_types::{GroupName, LeveeError, TopicId};
use std::collections::HashSet;

/// What the commits of members are in storage. The caller must be allowed to consume, from the topics and for the groups.
///
/// # Errors
/// INVALID_ARGUMENT for what cannot be a name, PERMISSION_DENIED, TENANT_SUSPENDED, MEMBER_FENCED for a member that
/// does not have the partition.
pub(super) fn commits(
    permit: &Permit<InTenant>,
    live: &Groups,
    offsets: Vec<v1::TransactionOffset>,
) -> Result<Vec<Commit>, LeveeError> {
    let mut decided = Decided { permit, live, groups: HashSet::new(), topics: HashSet::new() };
    let commit = |(index, offset): (usize, v1::TransactionOffset)| {
        decided.commit(offset).map_err(|mut error| {
            error.message = format!("offsets[{index}]: {}", error.message);
            error
        })
    };
    offsets.into_iter().enumerate().map(commit).collect()
}

/// Most offsets of a transaction are of one group and few topics: each is decided on once.
struct Decided<'a> {
    permit: &'a Permit<InTenant>,
    live: &'a Groups,
    groups: HashSet<GroupName>,
    topics: HashSet<TopicId>,
}

impl Decided<'_> {
    fn commit(&mut self, offset: v1::TransactionOffset) -> Result<Commit, LeveeError> {
        let v1::TransactionOffset { group: name, member_id, assignment, offset } = offset;
        let name = group_name("group", &name)?;
        let permit = self.permit;
        if !self.groups.contains(&name) {
            permit.require_group(name.as_str())?;
            self.groups.insert(name.clone());
        }
        let (group, partition, fence) = self.live.commit_of(permit.tenant(), &name, member_id, assignment)?;
        if !self.topics.contains(&partition.topic) {
            let topic = permit.shard().topic_by_id(permit.tenant(), partition.topic)?;
            let topic = topic.ok_or(StorageError::NoTopic)?;
            permit.require_for(AclOperation::Consume, topic.name.as_str())?;
            self.topics.insert(partition.topic);
        }
        Ok(Commit { group, partition, offset, ahead: Vec::new(), fence })
    }
}
