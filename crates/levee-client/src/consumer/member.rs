//! What a member of a group has, and what messages of the broker mean for it. No I/O.
//!
//! Must hold:
//! * Of an assignment, the records from its offset on are handed out once and in order, and none once it was revoked or
//!   lost.
//! * What is committed unasked was handed out before the caller last asked for more.
//! * What was handed out of an assignment that is gone, and was not committed, is not forgotten until it is told.

mod commits;
mod gone;

use super::positions::{Committed, Entry, Positions};
use crate::error::Error;
use crate::position::PartitionOffset;
use crate::record::{ReadBatch, ReadRecord};
use crate::stored::{self, Opened};
use commits::Commits;
use gone::Gone;
use levee_proto::v1;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What the listener is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Assigned(Vec<PartitionOffset>),
    Lost(Vec<PartitionOffset>),
}

/// A partition that the member has.
struct Held {
    topic: Arc<str>,
    partition: u32,
    began: u64,
    /// Behind the last record that was handed out.
    handed: u64,
    /// What that was when the caller last asked for more.
    done: u64,
    committed: Committed,
    /// Nothing is handed out any more.
    is_revoked: bool,
}

impl Held {
    fn at(&self, offset: u64) -> PartitionOffset {
        PartitionOffset { topic: Arc::clone(&self.topic), partition: self.partition, offset }
    }

    /// As it is for `assignment` of this member, if something is to be committed.
    fn entry(&self, member_id: u64, assignment: u32) -> Option<Entry> {
        (self.handed > self.committed.get()).then(|| Entry {
            member_id,
            assignment,
            at: self.at(self.handed),
            committed: self.committed.clone(),
        })
    }
}

pub(super) struct Member {
    id: u64,
    held: BTreeMap<u32, Held>,
    /// Arrived, not yet handed out.
    arrived: VecDeque<v1::StoredBatch>,
    /// The rest of a batch that is handed out record by record, and its assignment.
    current: Option<(u32, Opened)>,
    /// The assignment of what was handed out last.
    last: Option<u32>,
    /// To be let go of, in the order in which they were revoked.
    revoked: Vec<u32>,
    gone: Gone,
    commits: Commits,
    events: VecDeque<Event>,
    /// Bytes of batches that were handed out or dropped since the last credit.
    freed: u64,
}

impl Member {
    /// `tells_gone`: the caller commits, and is to be told of what it cannot commit any more.
    pub(super) fn new(tells_gone: bool) -> Self {
        Self {
            id: 0,
            held: BTreeMap::new(),
            arrived: VecDeque::new(),
            current: None,
            last: None,
            revoked: Vec::new(),
            gone: Gone::new(tells_gone),
            commits: Commits::default(),
            events: VecDeque::new(),
            freed: 0,
        }
    }

    /// The broker took the member in.
    pub(super) fn joined(&mut self, id: u64) {
        self.id = id;
    }

    /// # Errors
    /// An assignment that the member has already.
    pub(super) fn assigned(&mut self, message: v1::ConsumeAssigned) -> Result<(), Error> {
        let mut partitions = Vec::with_capacity(message.partitions.len());
        for assigned in message.partitions {
            let v1::AssignedPartition { assignment, topic, partition, offset, committed_offset, .. } =
                assigned;
            let held = Held {
                topic: topic.into(),
                partition,
                began: offset,
                handed: offset,
                done: offset,
                // Where it began is worth to be committed, if the group has committed nothing: the end of a log moves.
                committed: Committed::at(committed_offset.unwrap_or(0)),
                is_revoked: false,
            };
            partitions.push(held.at(offset));
            if self.held.insert(assignment, held).is_some() {
                return Err(Error::protocol("the broker assigned the same twice"));
            }
        }
        self.events.push_back(Event::Assigned(partitions));
        Ok(())
    }

    /// Partitions are to be let go of, or are lost. Those that the member has not are none of its.
    pub(super) fn revoked(&mut self, message: &v1::ConsumeRevoked) {
        if message.lost {
            let lost = self.remove(&message.assignments);
            self.events.push_back(Event::Lost(lost));
            return;
        }
        for assignment in &message.assignments {
            if let Some(held) = self.held.get_mut(assignment)
                && !held.is_revoked
            {
                held.is_revoked = true;
                self.revoked.push(*assignment);
            }
        }
        self.drop_batches();
    }

    pub(super) fn arrived(&mut self, message: v1::ReadBatches) {
        self.arrived.extend(message.batches);
        if !self.revoked.is_empty() {
            self.drop_batches();
        }
    }

    /// The broker answered a commit.
    ///
    /// # Errors
    /// One that was not sent.
    pub(super) fn committed(&mut self, message: v1::ConsumeCommitted) -> Result<(), Error> {
        self.commits.answered(message)
    }

    /// The stream is gone, and all that the member had.
    pub(super) fn disconnected(&mut self) {
        let all: Vec<u32> = self.held.keys().copied().collect();
        let lost = self.remove(&all);
        if !lost.is_empty() {
            self.events.push_back(Event::Lost(lost));
        }
        self.revoked.clear();
        self.arrived.clear();
        self.commits = Commits::default();
        self.freed = 0;
    }

    /// The caller asks for more: it is done with what it got.
    pub(super) fn asked_for_more(&mut self) {
        if let Some(held) = self.last.take().and_then(|last| self.held.get_mut(&last)) {
            held.done = held.handed;
        }
    }

    /// The next record, if one is at hand.
    ///
    /// # Errors
    /// The batch is damaged.
    pub(super) fn next_record(&mut self) -> Result<Option<ReadRecord>, Error> {
        loop {
            if let Some((assignment, opened)) = &mut self.current {
                if let Some(record) = opened.next() {
                    let (assignment, after) = (*assignment, record.offset + 1);
                    self.hand_out(assignment, after);
                    return Ok(Some(record));
                }
                self.current = None;
            }
            match self.open()? {
                Some((assignment, batch)) => self.current = Some((assignment, Opened::new(batch))),
                None => return Ok(None),
            }
        }
    }

    /// The next batch, or the rest of one, if one is at hand.
    ///
    /// # Errors
    /// As [`Self::next_record`].
    pub(super) fn next_batch(&mut self) -> Result<Option<ReadBatch>, Error> {
        let current = self.current.take();
        let rest = current.and_then(|(assignment, opened)| Some((assignment, opened.rest()?)));
        let next = match rest {
            Some(rest) => Some(rest),
            None => self.open()?,
        };
        Ok(next.map(|(assignment, batch)| {
            self.hand_out(assignment, batch.next_offset);
            batch
        }))
    }

    /// A commit of what was handed out; none if there is nothing.
    pub(super) fn commit_handed_out(&mut self) -> Option<(v1::ConsumeCommit, commits::Outcome)> {
        self.commit_held(|held| held.handed)
    }

    /// A commit of what the caller is done with; none if there is nothing, or one is under way.
    pub(super) fn commit_done(&mut self) -> Option<(v1::ConsumeCommit, commits::Outcome)> {
        if self.commits.are_under_way() {
            return None;
        }
        self.commit_held(|held| held.done)
    }

    fn commit_held(
        &mut self,
        offset: impl Fn(&Held) -> u64,
    ) -> Option<(v1::ConsumeCommit, commits::Outcome)> {
        let held = self.held.iter().filter(|(_, held)| offset(held) > held.committed.get());
        let commit =
            held.map(|(assignment, held)| (*assignment, held.at(offset(held)), held.committed.clone()));
        self.commits.begin(commit.collect())
    }

    /// A commit of these; none if all of them are committed.
    ///
    /// # Errors
    /// The member does not have one of the partitions.
    pub(super) fn commit(
        &mut self,
        offsets: &[PartitionOffset],
    ) -> Result<Option<(v1::ConsumeCommit, commits::Outcome)>, Error> {
        let mut commit = Vec::with_capacity(offsets.len());
        for at in offsets {
            let is_it = |held: &Held| held.partition == at.partition && held.topic == at.topic;
            let Some((assignment, held)) = self.held.iter().find(|(_, held)| is_it(held)) else {
                return Err(gone::fenced(at));
            };
            if at.offset > held.committed.get() {
                commit.push((*assignment, at.clone(), held.committed.clone()));
            }
        }
        Ok(self.commits.begin(commit))
    }

    /// What is revoked, and not let go of so far.
    pub(super) fn take_revoked(&mut self) -> (Vec<u32>, Vec<PartitionOffset>) {
        let revoked = std::mem::take(&mut self.revoked);
        let held = revoked.iter().filter_map(|assignment| self.held.get(assignment));
        let partitions = held.map(|held| held.at(held.handed)).collect();
        (revoked, partitions)
    }

    /// The member lets go of these.
    pub(super) fn release(&mut self, assignments: &[u32]) {
        self.remove(assignments);
    }

    /// A commit is not answered yet.
    pub(super) fn is_committing(&self) -> bool {
        self.commits.are_under_way()
    }

    /// Something is at hand, or at least arrived.
    pub(super) fn has_batches(&self) -> bool {
        self.current.is_some() || !self.arrived.is_empty()
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The bytes that the broker may send more, if they are worth a message.
    pub(super) fn take_credit(&mut self, at_least: u64) -> Option<u64> {
        (self.freed >= at_least).then(|| std::mem::take(&mut self.freed))
    }

    /// The partitions that are not revoked, and where each goes on.
    pub(super) fn assignment(&self) -> Vec<PartitionOffset> {
        self.held.values().filter(|held| !held.is_revoked).map(|held| held.at(held.handed)).collect()
    }

    /// What was handed out and is not committed, also of partitions that are gone.
    pub(super) fn positions(&self, group: &Arc<str>) -> Positions {
        let held = self.held.iter().filter_map(|(assignment, held)| held.entry(self.id, *assignment));
        Positions {
            group: Arc::clone(group),
            entries: self.gone.uncommitted().cloned().chain(held).collect(),
        }
    }

    /// What was handed out and cannot be committed any more, which is forgotten then.
    pub(super) fn take_gone(&mut self) -> Option<Error> {
        self.gone.take()
    }

    fn hand_out(&mut self, assignment: u32, after: u64) {
        if let Some(held) = self.held.get_mut(&assignment) {
            held.handed = after;
            self.last = Some(assignment);
        }
    }

    /// Opens the next batch that has something to be handed out.
    fn open(&mut self) -> Result<Option<(u32, ReadBatch)>, Error> {
        while let Some(stored) = self.arrived.pop_front() {
            self.freed += stored.batch.len() as u64;
            // What was on its way when the member let go of it is not the member's.
            if let Some(held) = self.held.get(&stored.position)
                && !held.is_revoked
                && stored::behind(&stored) > held.handed
                && let Some(batch) = stored::open(&stored, &held.topic, held.partition, held.handed)?
            {
                return Ok(Some((stored.position, batch)));
            }
        }
        Ok(None)
    }

    /// Forgets batches of which nothing is handed out any more.
    fn drop_batches(&mut self) {
        let Self { arrived, held, current, freed, .. } = self;
        let is_active = |assignment: &u32| held.get(assignment).is_some_and(|held| !held.is_revoked);
        arrived.retain(|stored| {
            let keep = is_active(&stored.position);
            *freed += if keep { 0 } else { stored.batch.len() as u64 };
            keep
        });
        current.take_if(|(assignment, _)| !is_active(assignment));
    }

    /// Forgets assignments, but for what was handed out and not committed. Returns those that there were.
    fn remove(&mut self, assignments: &[u32]) -> Vec<PartitionOffset> {
        let mut removed = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let Some(held) = self.held.remove(assignment) else { continue };
            removed.push(held.at(held.handed));
            if held.handed > held.began {
                self.gone.extend(held.entry(self.id, *assignment));
            }
        }
        self.revoked.retain(|assignment| !assignments.contains(assignment));
        self.drop_batches();
        removed
    }
}

#[cfg(test)]
mod tests;
