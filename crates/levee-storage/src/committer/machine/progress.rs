//! Deciding how far a group has come in a partition.
//!
//! Decided on what earlier commands of the group of commands leave behind, so that commits share a sync with others.
//! Must hold: but for a seek, a group never goes back; whoever lost a partition commits nothing of it any more.

use super::{Group as CommandGroup, Machine};
use crate::catalog::groups::Progress;
use crate::command::{Append, Appended, Commit};
use crate::error::StorageError;
use crate::journal::Entry;
use crate::keys::{self, Keyspace};
use crate::operation::Operation;
use crate::rows::ProgressRow;
use levee_types::{GroupId, PartitionId, TenantId};
use prost::Message;

impl Machine {
    /// Commits that stand each for itself.
    pub(super) fn commit(
        &mut self,
        tenant: TenantId,
        commits: Vec<Commit>,
        group: &mut CommandGroup,
        now_ms: i64,
    ) -> Vec<Result<(), StorageError>> {
        let mut operations = Vec::new();
        let results = commits
            .into_iter()
            .map(|commit| {
                if self.check_commit(tenant, &commit)? {
                    operations.push(self.advance(commit, now_ms));
                }
                Ok(())
            })
            .collect();
        if !operations.is_empty() {
            group.add(Entry { operations, payload: Vec::new() }, true);
        }
        results
    }

    /// A record that went to another topic, and that it is done: both or neither.
    pub(super) fn commit_dead(
        &mut self,
        append: Append,
        commit: Commit,
        group: &mut CommandGroup,
        now_ms: i64,
    ) -> Result<Appended, StorageError> {
        let is_news = self.check_commit(append.partition.tenant, &commit)?;
        // It has no sequence, so it is no repetition, and an entry of the group comes of it.
        let appended = self.append(Append { producer: None, ..append }, group, now_ms)?;
        if is_news {
            let operation = self.advance(commit, now_ms);
            group.extend_last(operation);
        }
        group.require_sync();
        Ok(appended)
    }

    /// Whether a commit changes anything. Nothing is changed yet.
    ///
    /// # Errors
    /// `MemberFenced`, `NoGroup`, `NoTopic`, `OffsetOutOfRange`.
    pub(super) fn check_commit(&mut self, tenant: TenantId, commit: &Commit) -> Result<bool, StorageError> {
        let Commit { group, partition, offset, ahead, fence } = commit;
        if fence.is_closed() {
            return Err(StorageError::MemberFenced);
        }
        if partition.tenant != tenant {
            return Err(StorageError::NoTopic);
        }
        self.require_group(tenant, *group)?;
        let head = self.head(*partition)?;
        let last = ahead.last().map_or(*offset, |run| run.end()).max(*offset);
        if last > head.end {
            return Err(StorageError::OffsetOutOfRange { offset: last, start: head.start, end: head.end });
        }
        let current = self.progress(*group, *partition)?;
        Ok(current.is_none_or(|current| {
            *offset > current.offset || *offset == current.offset && *ahead != current.ahead
        }))
    }

    /// Notes a commit that was checked.
    pub(super) fn advance(&mut self, commit: Commit, now_ms: i64) -> Operation {
        let Commit { group, partition, offset, ahead, .. } = commit;
        let progress = Progress { offset, committed_ms: now_ms, ahead };
        let value = progress.to_row().encode_to_vec();
        self.progress.insert((group, partition), Some(progress));
        Operation::Put { keyspace: Keyspace::State, key: keys::progress(group, partition), value }
    }

    /// How far a group has come, with what earlier commands of the group of commands add.
    pub(super) fn progress(
        &mut self,
        group: GroupId,
        partition: PartitionId,
    ) -> Result<Option<&Progress>, StorageError> {
        if !self.progress.contains_key(&(group, partition)) {
            let row: Option<ProgressRow> = self.row(&keys::progress(group, partition))?;
            let progress = row.map(|row| Progress::from_row(&row)).transpose()?;
            self.progress.insert((group, partition), progress);
        }
        Ok(self.progress.get(&(group, partition)).and_then(Option::as_ref))
    }

    /// How far a group has come in some partitions.
    pub(crate) fn progress_of(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        partitions: &[PartitionId],
    ) -> Result<Vec<Option<Progress>>, StorageError> {
        self.require_group(tenant, group)?;
        partitions.iter().map(|partition| Ok(self.progress(group, *partition)?.cloned())).collect()
    }
}
