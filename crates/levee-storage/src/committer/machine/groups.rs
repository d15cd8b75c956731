//! Deciding changes of groups. Their number is checked here, in the same step as the create, so that it is exact.

use super::{Draft, Machine};
use crate::catalog::groups::{Group, Progress};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{GroupRow, TenantCounters, decode_u64};
use levee_types::group::GroupKind;
use levee_types::limits::MAX_GROUPS_PER_TENANT;
use levee_types::quota::Dimension;
use levee_types::{GroupId, GroupName, PartitionId, TenantId, TopicId};

impl Machine {
    /// Makes a group, unless there is one of this name. Tells whether it did.
    pub(crate) fn open_group(
        &mut self,
        tenant: TenantId,
        name: GroupName,
        kind: GroupKind,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(Group, bool), StorageError> {
        self.require_tenant(tenant)?;
        if let Some(group) = self.group(tenant, &name)? {
            return Ok((group, false));
        }
        let counters = self.tenant_counters(tenant)?;
        let limit = self.count_limits(tenant)?.groups;
        self.check_count(tenant, Dimension::Groups, counters.groups + 1, limit)?;
        if counters.groups >= MAX_GROUPS_PER_TENANT {
            let what = "groups of this tenant";
            return Err(StorageError::LimitExceeded { what, limit: MAX_GROUPS_PER_TENANT });
        }
        let id = GroupId(counters.last_group + 1);
        let counters = TenantCounters { last_group: id.0, groups: counters.groups + 1, ..counters };
        let group = Group { id, name, kind, created_ms: now_ms };
        draft.put(keys::group_by_name(tenant, &group.name), id.0.to_le_bytes().to_vec());
        draft.put_row(keys::group(tenant, id), &group.to_row());
        draft.put_row(keys::tenant_counters(tenant), &counters);
        Ok((group, true))
    }

    /// Deletes a group with all that it has committed.
    pub(crate) fn delete_group(
        &mut self,
        tenant: TenantId,
        name: &GroupName,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let group = self.group(tenant, name)?.ok_or(StorageError::NoGroup)?;
        let mut counters = self.tenant_counters(tenant)?;
        counters.groups -= 1;
        draft.delete(keys::group_by_name(tenant, name));
        draft.delete(keys::group(tenant, group.id));
        draft.delete_range(Keyspace::State, keys::progress_of_group(tenant, group.id));
        draft.put_row(keys::tenant_counters(tenant), &counters);
        self.groups.remove(&(tenant, group.id));
        self.progress.retain(|(id, partition), _| (partition.tenant, *id) != (tenant, group.id));
        Ok(())
    }

    /// Sets where a group goes on, also backwards.
    pub(crate) fn seek_group(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        places: &[(PartitionId, u64)],
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        self.require_group(tenant, group)?;
        for (partition, offset) in places {
            let progress = Progress { offset: *offset, committed_ms: now_ms, ahead: Vec::new() };
            self.set_progress(group, *partition, progress, draft)?;
        }
        Ok(())
    }

    /// Sets how far a group has come in a partition, whatever it was.
    pub(super) fn set_progress(
        &mut self,
        group: GroupId,
        partition: PartitionId,
        progress: Progress,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let head = self.head(partition)?;
        let offset = progress.end();
        if offset > head.end {
            return Err(StorageError::OffsetOutOfRange { offset, start: head.start, end: head.end });
        }
        draft.put_row(keys::progress(group, partition), &progress.to_row());
        self.progress.insert((group, partition), Some(progress));
        Ok(())
    }

    /// Removes what the groups of a tenant have committed of a topic.
    pub(super) fn forget_progress(
        &mut self,
        tenant: TenantId,
        topic: TopicId,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let mut groups = Vec::new();
        self.scan(keys::groups(tenant), |key, _| {
            groups.push(GroupId(keys::last_u64(key).unwrap_or(0)));
            Ok(())
        })?;
        for group in groups {
            let range = keys::progress_of_topic(tenant, group, topic);
            let mut cursor = self.index.cursor(Keyspace::State, range.clone());
            cursor.first()?;
            if cursor.item().is_some() {
                draft.delete_range(Keyspace::State, range);
            }
        }
        self.progress.retain(|(_, partition), _| (partition.tenant, partition.topic) != (tenant, topic));
        Ok(())
    }

    /// Refuses a group that is not there.
    pub(super) fn require_group(&mut self, tenant: TenantId, id: GroupId) -> Result<(), StorageError> {
        if self.groups.contains(&(tenant, id)) {
            return Ok(());
        }
        self.row::<GroupRow>(&keys::group(tenant, id))?.ok_or(StorageError::NoGroup)?;
        self.groups.insert((tenant, id));
        Ok(())
    }

    fn group(&self, tenant: TenantId, name: &GroupName) -> Result<Option<Group>, StorageError> {
        let Some(id) = self.index.get(Keyspace::State, &keys::group_by_name(tenant, name))? else {
            return Ok(None);
        };
        let id = GroupId(decode_u64(&id)?);
        let row: Option<GroupRow> = self.row(&keys::group(tenant, id))?;
        Ok(row.map(|row| Group::from_row(id, row)).transpose()?)
    }
}
