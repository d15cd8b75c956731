//! Commits of a member, one after the other.
//!
//! Must hold: they are handed to storage in their order, so that a later one is never decided first; those that wait
//! hold bounded memory.

use super::stream::Assignments;
use crate::error::detail;
use crate::fields::{invalid, out_of_range};
use crate::groups::fenced;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use levee_proto::v1;
use levee_storage::{Commit, Shard};
use levee_types::limits::{MAX_COMMIT_OFFSETS, MAX_WAITING_COMMITS};
use levee_types::{GroupId, LeveeError, TenantId};
use std::collections::{HashSet, VecDeque};
use std::future::pending;

/// The commits of one stream.
#[derive(Default)]
pub(super) struct Commits {
    waiting: VecDeque<v1::ConsumeCommit>,
    under_way: Option<BoxFuture<'static, v1::ConsumeCommitted>>,
}

impl Commits {
    /// Whether there is room for another one.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING_COMMITS
    }

    /// Whether all are answered.
    pub(super) fn are_done(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// Takes one more.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub(super) fn push(&mut self, commit: v1::ConsumeCommit) -> Result<(), LeveeError> {
        let count = commit.offsets.len();
        if !(1..=MAX_COMMIT_OFFSETS).contains(&count) {
            return Err(out_of_range("commit.offsets", count, 1, MAX_COMMIT_OFFSETS));
        }
        let mut seen = HashSet::with_capacity(count);
        if let Some(index) = commit.offsets.iter().position(|offset| !seen.insert(offset.assignment)) {
            let field = format!("commit.offsets[{index}].assignment");
            return Err(invalid(
                &field,
                "it was named before",
                "commit the highest offset of each assignment",
            ));
        }
        self.waiting.push_back(commit);
        Ok(())
    }

    /// Begins the next one, when the one before is answered.
    pub(super) fn go_on(
        &mut self,
        shard: &Shard,
        tenant: TenantId,
        group: GroupId,
        assignments: &Assignments,
    ) {
        if self.under_way.is_some() {
            return;
        }
        if let Some(next) = self.waiting.pop_front() {
            self.under_way = Some(run(shard.clone(), tenant, group, assignments, next));
        }
    }

    /// The answer of the one that is under way. Cancel-safe.
    pub(super) async fn answered(&mut self) -> v1::ConsumeCommitted {
        let Some(commit) = &mut self.under_way else { return pending().await };
        let answer = commit.await;
        self.under_way = None;
        answer
    }
}

fn run(
    shard: Shard,
    tenant: TenantId,
    group: GroupId,
    assignments: &Assignments,
    commit: v1::ConsumeCommit,
) -> BoxFuture<'static, v1::ConsumeCommitted> {
    let v1::ConsumeCommit { commit_id, offsets } = commit;
    let mut failures = Vec::new();
    let mut named = Vec::with_capacity(offsets.len());
    let mut commits = Vec::with_capacity(offsets.len());
    for v1::CommitOffset { assignment, offset } in offsets {
        match assignments.get(&assignment) {
            Some(offer) => {
                let (partition, fence) = (offer.partition, offer.fence.clone());
                named.push(assignment);
                commits.push(Commit { group, partition, offset, ahead: Vec::new(), fence });
            }
            None => failures.push(failure(assignment, fenced())),
        }
    }
    async move {
        if !commits.is_empty() {
            match shard.commit(tenant, commits).await {
                Ok(results) => {
                    let results = named.into_iter().zip(results);
                    failures.extend(
                        results.filter_map(|(assignment, result)| Some(failure(assignment, result.err()?))),
                    );
                }
                Err(error) => {
                    let error = LeveeError::from(error);
                    failures.extend(named.into_iter().map(|assignment| failure(assignment, error.clone())));
                }
            }
        }
        v1::ConsumeCommitted { commit_id, failures }
    }
    .boxed()
}

fn failure(assignment: u32, error: impl Into<LeveeError>) -> v1::CommitFailure {
    v1::CommitFailure { assignment, error: Some(detail(error.into())) }
}
