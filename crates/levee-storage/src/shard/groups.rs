//! Groups, and how far they have come.

use super::Shard;
use crate::catalog::Page;
use crate::catalog::audit::AuditEvent;
use crate::catalog::groups::{Group, Progress};
use crate::command::{Append, Appended, Command, Commit};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::group::GroupKind;
use levee_types::{GroupId, GroupName, PartitionId, TenantId};

impl<S: SegmentStore> Shard<S> {
    /// The group of this name. It is made if there is none; one that is there may be of another kind.
    ///
    /// # Errors
    /// `NoTenant`, `LimitExceeded`, or the shard does not work.
    pub async fn open_group(
        &self,
        tenant: TenantId,
        name: GroupName,
        kind: GroupKind,
        audit: AuditEvent,
    ) -> Result<Group, StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, now_ms| {
            machine.open_group(tenant, name, kind, draft, now_ms).map(|(group, _)| group)
        })
        .await
    }

    /// Deletes a group with all that it has committed.
    ///
    /// # Errors
    /// `NoGroup`, or the shard does not work.
    pub async fn delete_group(
        &self,
        tenant: TenantId,
        name: GroupName,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, _| {
            machine.delete_group(tenant, &name, draft)
        })
        .await
    }

    /// Sets where a group goes on in some partitions, also backwards. What a queue knew of records behind is forgotten.
    ///
    /// # Errors
    /// `NoGroup`, `NoTopic`, `OffsetOutOfRange`, or the shard does not work.
    pub async fn seek_group(
        &self,
        tenant: TenantId,
        group: GroupId,
        places: Vec<(PartitionId, u64)>,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        let bytes = places.len() * size_of::<(PartitionId, u64)>();
        self.change(bytes, Some((tenant, audit)), move |machine, draft, now_ms| {
            machine.seek_group(tenant, group, &places, draft, now_ms)
        })
        .await
    }

    /// Notes how far groups have come; each commit stands for itself. What is answered with success is durable. A commit
    /// that is behind what was committed changes nothing.
    ///
    /// # Errors
    /// The shard does not work. Of one commit: `MemberFenced`, `NoGroup`, `NoTopic`, `OffsetOutOfRange`.
    pub async fn commit(
        &self,
        tenant: TenantId,
        commits: Vec<Commit>,
    ) -> Result<Vec<Result<(), StorageError>>, StorageError> {
        let bytes = commits.iter().map(Commit::size).sum();
        self.ask_with(bytes, |reply| Command::Commit(tenant, commits, reply)).await
    }

    /// Appends a record that a queue gives up to another topic, and notes how far the queue has come with that: both or
    /// neither. Its producer and its durability are ignored: it is durable when this is answered.
    ///
    /// # Errors
    /// Those of an append and of a commit.
    pub async fn commit_dead(&self, append: Append, commit: Commit) -> Result<Appended, StorageError> {
        let bytes = append.batch.len() + commit.size();
        self.ask_with(bytes, |reply| Command::CommitDead(Box::new((append, commit)), reply)).await
    }

    /// How far a group has come in some partitions, when everything that was asked for the tenant before is decided.
    ///
    /// # Errors
    /// `NoGroup`, or the shard does not work.
    pub async fn progress_in_turn(
        &self,
        tenant: TenantId,
        group: GroupId,
        partitions: Vec<PartitionId>,
    ) -> Result<Vec<Option<Progress>>, StorageError> {
        let bytes = partitions.len() * size_of::<PartitionId>();
        self.change_in_turn_of(tenant, bytes, None, move |machine, _, _| {
            machine.progress_of(tenant, group, &partitions)
        })
        .await
    }

    /// A group by its name. Two point gets.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn group(&self, tenant: TenantId, name: &GroupName) -> Result<Option<Group>, StorageError> {
        self.inner.catalog.group(tenant, name)
    }

    /// Up to `limit` groups in the order of their names, from behind `after` on, that begin with `prefix`. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_groups(
        &self,
        tenant: TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Group>, StorageError> {
        self.inner.catalog.list_groups(tenant, prefix, after, limit)
    }

    /// How far a group has come, in the order of the partitions. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn progress(
        &self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Vec<(PartitionId, Progress)>, StorageError> {
        self.inner.catalog.progress(tenant, group)
    }
}
