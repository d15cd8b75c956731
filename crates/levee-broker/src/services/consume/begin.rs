//! Where a member begins in partitions that were assigned to it.
//!
//! Must hold: it is asked how far the group has come only when the fence of the member before is closed, and in the turn
//! of commands, so that no commit of that member comes later; nobody begins beyond the end of a log (G6).

use crate::authorize::{InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::groups::Offer;
use levee_proto::v1;
use levee_storage::{PartitionOffsets, Shard, StorageError};
use levee_types::group::StartAt;
use levee_types::{GroupId, LeveeError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A partition, and where its member begins.
pub(super) struct Begun {
    pub(super) assignment: u32,
    pub(super) offer: Offer,
    /// The first record.
    pub(super) offset: u64,
    committed: Option<u64>,
    end: u64,
}

impl Begun {
    pub(super) fn to_proto(&self) -> v1::AssignedPartition {
        v1::AssignedPartition {
            assignment: self.assignment,
            topic: self.offer.topic.name.to_string(),
            partition: self.offer.partition.partition,
            offset: self.offset,
            committed_offset: self.committed,
            end_offset: self.end,
        }
    }
}

/// Finds the beginning of each offer. Those whose topic is gone are left out.
///
/// # Errors
/// The group is gone, or storage does not work.
pub(super) async fn begin(
    permit: Arc<Permit<InTenant>>,
    blocking: Blocking,
    group: GroupId,
    start: StartAt,
    offers: BTreeMap<u32, Offer>,
) -> Result<Vec<Begun>, LeveeError> {
    let partitions = offers.values().map(|offer| offer.partition).collect();
    let progress = permit.shard().progress_in_turn(permit.tenant(), group, partitions).await?;
    let committed: Vec<_> = progress.into_iter().map(|progress| progress.map(|at| at.offset)).collect();
    let (shard, turn) = (permit.shard().clone(), permit.turn(offers.len() * LOOKUP_BYTES));
    let find = move || {
        let offers = offers.into_iter().zip(committed);
        let found =
            offers.map(|((assignment, offer), committed)| find(&shard, start, assignment, offer, committed));
        found.filter_map(Result::transpose).collect::<Result<Vec<_>, StorageError>>()
    };
    blocking.run(turn, find).await
}

fn find(
    shard: &Shard,
    start: StartAt,
    assignment: u32,
    offer: Offer,
    committed: Option<u64>,
) -> Result<Option<Begun>, StorageError> {
    let log = match shard.offsets(offer.partition) {
        Ok(log) => log,
        Err(StorageError::NoTopic) => return Ok(None),
        Err(error) => return Err(error),
    };
    let wanted = match (committed, start) {
        (Some(committed), _) => committed,
        (None, StartAt::Start) => log.start,
        (None, StartAt::End) => log.end,
        (None, StartAt::TimestampMs(time)) => match shard.offset_at(offer.partition, time) {
            Ok(offset) => offset,
            Err(StorageError::NoTopic) => return Ok(None),
            Err(error) => return Err(error),
        },
    };
    if committed.is_some_and(|committed| committed > log.end) {
        // A commit stands behind its records in the journal, so no crash should take these alone.
        tracing::warn!(
            partition = %offer.partition,
            committed,
            end = log.end,
            "a group has committed more than the log has; it goes on at the end"
        );
        metrics::counter!("levee_group_lost_commits_total").increment(1);
    }
    let offset = within(log, wanted);
    Ok(Some(Begun { assignment, offer, offset, committed, end: log.end }))
}

/// The next offset that a log has or will get.
fn within(log: PartitionOffsets, offset: u64) -> u64 {
    offset.clamp(log.start, log.end)
}

#[cfg(test)]
mod tests;
