//! Commits that are under way, and what their answers mean.

use super::super::positions::Committed;
use crate::error::Error;
use crate::position::PartitionOffset;
use levee_proto::v1;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// What became of a commit. It ends without an answer when the stream does.
pub(in crate::consumer) type Outcome = oneshot::Receiver<Result<(), Error>>;

#[derive(Default)]
pub(super) struct Commits {
    next_id: u64,
    under_way: BTreeMap<u64, UnderWay>,
}

struct UnderWay {
    offsets: Vec<(u32, PartitionOffset, Committed)>,
    reply: oneshot::Sender<Result<(), Error>>,
}

impl Commits {
    pub(super) fn are_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// The message that commits these, if there are any.
    pub(super) fn begin(
        &mut self,
        offsets: Vec<(u32, PartitionOffset, Committed)>,
    ) -> Option<(v1::ConsumeCommit, Outcome)> {
        if offsets.is_empty() {
            return None;
        }
        let commit_id = self.next_id;
        self.next_id += 1;
        let message = |(assignment, at, _): &(u32, PartitionOffset, Committed)| v1::CommitOffset {
            assignment: *assignment,
            offset: at.offset,
        };
        let message = v1::ConsumeCommit { commit_id, offsets: offsets.iter().map(message).collect() };
        let (reply, outcome) = oneshot::channel();
        self.under_way.insert(commit_id, UnderWay { offsets, reply });
        Some((message, outcome))
    }

    /// # Errors
    /// The answer is to none of them.
    pub(super) fn answered(&mut self, message: v1::ConsumeCommitted) -> Result<(), Error> {
        let Some(UnderWay { offsets, reply }) = self.under_way.remove(&message.commit_id) else {
            return Err(Error::protocol("the broker answered a commit that is not under way"));
        };
        let mut failures: BTreeMap<u32, v1::ErrorDetail> = message
            .failures
            .into_iter()
            .map(|failure| (failure.assignment, failure.error.unwrap_or_default()))
            .collect();
        let mut outcome = Ok(());
        for (assignment, at, committed) in offsets {
            match failures.remove(&assignment) {
                None => committed.raise(at.offset),
                Some(detail) => {
                    let PartitionOffset { topic, partition, offset } = at;
                    let place = format!("commit of {topic}/{partition} up to {offset}");
                    outcome = outcome.and(Err(Error::from(detail).at(&place)));
                }
            }
        }
        // Whoever gave up waiting does not want to know.
        let _ = reply.send(outcome);
        Ok(())
    }
}
