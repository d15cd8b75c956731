//! Groups of consumers: which member has which partitions.
//!
//! A partition goes to its new owner only after the old one has let go of it, or has lost it: because its stream
//! ended, or because it was silent, or kept what was revoked, for its session timeout. Who keeps what it has is
//! never disturbed; only what balance demands is revoked.
//!
//! Must hold: of a partition there is at most one assignment that has not ended; what the group decides on an event
//! costs about as much as it has partitions and members.

mod members;
mod partitions;
mod plan;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use levee_types::limits::{MAX_MEMBERS_PER_GROUP, MAX_PARTITIONS_PER_GROUP};
use levee_types::{PartitionId, TenantId, TopicId, TopicName};
use members::{Members, Seat, SeatId};
use partitions::{Holder, Spot, Topics};
use std::collections::BTreeMap;
use std::time::Duration;

/// One group of consumers. Times are those of one monotonic clock.
#[derive(Debug)]
pub struct Consumers {
    tenant: TenantId,
    generation: u64,
    topics: Topics,
    members: Members,
}

/// Who wants to become a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// Random, and never used again.
    pub member: u64,
    /// The name of a static member; none: a dynamic one.
    pub instance: Option<String>,
    /// Each once, as they are now.
    pub topics: Vec<(TopicName, TopicState)>,
    /// How long it may be silent, or keep what was revoked.
    pub session_timeout: Duration,
    /// For those who ask: who it is, and since when.
    pub user: String,
    /// In Unix milliseconds.
    pub joined_ms: i64,
}

/// A topic that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicState {
    /// Another one that was created under the same name has another id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: u32,
}

/// Why somebody cannot become a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinError {
    /// The group has [`MAX_MEMBERS_PER_GROUP`] members.
    TooManyMembers,
    /// The topics would have so many partitions, more than [`MAX_PARTITIONS_PER_GROUP`].
    TooManyPartitions(usize),
}

/// What is to be done after an event, in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// Counts the changes of who has what.
    pub generation: u64,
    /// Assignments that are over: (member, assignment). Nothing may be committed under them any more.
    pub ended: Vec<(u64, u32)>,
    /// Streams that are to end, with all their assignments.
    pub expelled: Vec<(u64, Expelled)>,
    /// Assignments that a member has lost, because the topic is gone.
    pub lost: Vec<(u64, Vec<u32>)>,
    /// Assignments that a member must let go of.
    pub revoked: Vec<(u64, Vec<u32>)>,
    /// What a member has from now on.
    pub assigned: Vec<(u64, Vec<(u32, PartitionId)>)>,
}

/// Why a member is none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expelled {
    /// Nothing came from it for its session timeout.
    Silent,
    /// It kept what was revoked for its session timeout.
    KeptRevoked,
    /// Another one joined under the same instance name.
    Replaced,
}

/// A member, for those who ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// Its id; of one that is away, the last.
    pub member: u64,
    /// None for a dynamic member.
    pub instance: Option<String>,
    /// As it joined.
    pub user: String,
    /// As it joined.
    pub joined_ms: i64,
    /// Partitions that it has, or that are kept for it.
    pub assigned: u32,
    /// A static member whose stream has ended, and that may come back.
    pub is_away: bool,
}

/// What an event has led to so far.
#[derive(Default)]
struct Draft {
    decisions: Decisions,
    revoked: BTreeMap<SeatId, Vec<u32>>,
    assigned: BTreeMap<SeatId, Vec<(u32, PartitionId)>>,
}

impl Consumers {
    /// A group without members. Its generations follow `generation`: the last that was used before under its name, or
    /// a higher one.
    #[must_use]
    pub fn new(tenant: TenantId, generation: u64) -> Self {
        Self { tenant, generation, topics: Topics::default(), members: Members::default() }
    }

    /// Somebody becomes a member.
    ///
    /// # Errors
    /// A limit is reached; nothing has changed.
    pub fn join(&mut self, now: Duration, joining: Joining) -> Result<Decisions, JoinError> {
        let topics = &joining.topics;
        let before = joining.instance.as_deref().and_then(|instance| self.members.of_instance(instance));
        if before.is_none() && self.members.len() >= MAX_MEMBERS_PER_GROUP {
            return Err(JoinError::TooManyMembers);
        }
        let partitions = self.topics.with(topics);
        if partitions > MAX_PARTITIONS_PER_GROUP {
            return Err(JoinError::TooManyPartitions(partitions));
        }
        let mut draft = Draft::default();
        if let Some(seat) = before {
            if let Some(old) = self.members.live(seat) {
                draft.decisions.expelled.push((old, Expelled::Replaced));
            }
            self.vacate(seat, &mut draft);
        }
        for (name, state) in topics {
            self.change_topic(name, Some(*state), &mut draft);
        }
        let keys = self.topics.subscribe(topics.iter().map(|(name, _)| name));
        let seat = Seat::new(joining, keys, now);
        if let Some(left) = self.members.sit(before, seat) {
            self.topics.unsubscribe(&left.topics);
        }
        self.rebalance(now, &mut draft);
        Ok(self.decide(draft))
    }

    /// A sign of life.
    pub fn alive(&mut self, now: Duration, member: u64) {
        if let Some(seat) = self.members.of_member(member).and_then(|id| self.members.get_mut(id)) {
            seat.seen = now;
        }
    }

    /// A member has let go of what was revoked. What was not, or is over already, is passed over.
    #[must_use]
    pub fn released(&mut self, member: u64, assignments: &[u32]) -> Decisions {
        let mut draft = Draft::default();
        let Some(id) = self.members.of_member(member) else { return self.decide(draft) };
        for assignment in assignments {
            let Some(seat) = self.members.get_mut(id) else { break };
            if seat.revoked.remove(assignment).is_none() {
                continue;
            }
            let Some(spot) = seat.assignments.remove(assignment) else { continue };
            draft.decisions.ended.push((member, *assignment));
            self.topics.hold(spot, Holder::Nobody);
            self.hand_over(spot, &mut draft);
        }
        self.decide(draft)
    }

    /// The stream of a member has ended.
    #[must_use]
    pub fn left(&mut self, now: Duration, member: u64) -> Decisions {
        let mut draft = Draft::default();
        if let Some(id) = self.members.of_member(member) {
            self.vacate(id, &mut draft);
            if self.members.is_static(id) {
                self.members.go_away(id, now);
            } else {
                self.remove(id);
            }
            self.rebalance(now, &mut draft);
        }
        self.decide(draft)
    }

    /// Topics are as stated; none: there is no such topic any more. Those that no member wants are passed over.
    #[must_use]
    pub fn topics_changed(&mut self, now: Duration, topics: &[(TopicName, Option<TopicState>)]) -> Decisions {
        let mut draft = Draft::default();
        let mut is_changed = false;
        for (name, state) in topics {
            is_changed |= self.change_topic(name, *state, &mut draft);
        }
        if is_changed {
            self.rebalance(now, &mut draft);
        }
        self.decide(draft)
    }

    /// Time has passed.
    #[must_use]
    pub fn tick(&mut self, now: Duration) -> Decisions {
        let mut draft = Draft::default();
        let mut is_changed = false;
        while let Some((id, reason)) = self.members.pop_overdue(now) {
            is_changed = true;
            if let (Some(member), Some(reason)) = (self.members.live(id), reason) {
                draft.decisions.expelled.push((member, reason));
            }
            self.vacate(id, &mut draft);
            self.remove(id);
        }
        if is_changed {
            self.rebalance(now, &mut draft);
        }
        self.decide(draft)
    }

    /// When [`Self::tick`] has to be called next at the latest; none: there is nobody to wait for.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.members.deadline()
    }

    /// Whether it has neither members nor static ones that may come back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.len() == 0
    }

    /// How many members it has, with those that are away.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// How often it has changed who has what.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The topics that members want.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.iter().map(|(_, topic)| &topic.name)
    }

    /// The partition that a member has under an assignment that has not ended.
    #[must_use]
    pub fn partition_of(&self, member: u64, assignment: u32) -> Option<PartitionId> {
        let seat = self.members.get(self.members.of_member(member)?)?;
        self.topics.partition_id(self.tenant, *seat.assignments.get(&assignment)?)
    }

    /// Who is in it, in the order in which they came first.
    #[must_use]
    pub fn members(&self) -> Vec<MemberState> {
        let mut kept = BTreeMap::<SeatId, u32>::new();
        for (_, slot) in self.topics.slots() {
            if let Some(seat) = slot.holder.seat() {
                *kept.entry(seat).or_default() += 1;
            }
        }
        let state = |(id, seat): (SeatId, &Seat)| MemberState {
            member: seat.member,
            instance: seat.instance.clone(),
            user: seat.user.clone(),
            joined_ms: seat.joined_ms,
            assigned: kept.get(&id).copied().unwrap_or(0),
            is_away: seat.is_away,
        };
        self.members.iter().map(state).collect()
    }

    /// All partitions, and the member that has each or for which it is kept.
    #[must_use]
    pub fn partitions(&self) -> Vec<(PartitionId, Option<u64>)> {
        let owner = |holder: Holder| Some(self.members.get(holder.seat()?)?.member);
        self.topics
            .slots()
            .filter_map(|(spot, slot)| {
                Some((self.topics.partition_id(self.tenant, spot)?, owner(slot.holder)))
            })
            .collect()
    }

    /// Ends all assignments of a seat. What it still has is kept for it; what it was to let go of is free.
    fn vacate(&mut self, id: SeatId, draft: &mut Draft) {
        let Some(seat) = self.members.get_mut(id) else { return };
        let member = seat.member;
        let revoked = std::mem::take(&mut seat.revoked);
        for (assignment, spot) in std::mem::take(&mut seat.assignments) {
            draft.decisions.ended.push((member, assignment));
            let is_revoked = revoked.contains_key(&assignment);
            self.topics.hold(spot, if is_revoked { Holder::Nobody } else { Holder::Kept(id) });
        }
    }

    /// Takes a seat away. What was kept for it is free with the next balance.
    fn remove(&mut self, id: SeatId) {
        if let Some(seat) = self.members.remove(id) {
            self.topics.unsubscribe(&seat.topics);
        }
    }

    /// Whether a topic that members want is not as it was.
    fn change_topic(&mut self, name: &TopicName, state: Option<TopicState>, draft: &mut Draft) -> bool {
        let Some((dropped, is_changed)) = self.topics.change(name, state) else { return false };
        let mut lost = BTreeMap::<u64, Vec<u32>>::new();
        for holder in dropped {
            let (Holder::Has(id, assignment) | Holder::LettingGo(id, assignment)) = holder else { continue };
            let Some(seat) = self.members.get_mut(id) else { continue };
            seat.assignments.remove(&assignment);
            seat.revoked.remove(&assignment);
            draft.decisions.ended.push((seat.member, assignment));
            lost.entry(seat.member).or_default().push(assignment);
        }
        draft.decisions.lost.extend(lost);
        is_changed
    }

    /// Decides who shall have what, and does what can be done at once.
    fn rebalance(&mut self, now: Duration, draft: &mut Draft) {
        plan::balance(&mut self.topics, &self.members);
        for spot in self.topics.spots() {
            let Some(slot) = self.topics.get(spot) else { continue };
            match slot.holder {
                Holder::Nobody => self.hand_over(spot, draft),
                Holder::Kept(id) if self.members.live(id).is_some() => self.hand_over(spot, draft),
                Holder::Has(id, assignment) if slot.target != Some(id) => {
                    self.topics.hold(spot, Holder::LettingGo(id, assignment));
                    if let Some(seat) = self.members.get_mut(id) {
                        seat.revoked.insert(assignment, now);
                    }
                    draft.revoked.entry(id).or_default().push(assignment);
                }
                Holder::Kept(_) | Holder::Has(..) | Holder::LettingGo(..) => {}
            }
        }
    }

    /// Gives a partition that nobody has to the one who shall have it.
    fn hand_over(&mut self, spot: Spot, draft: &mut Draft) {
        let target = self.topics.get(spot).and_then(|slot| slot.target);
        let partition = self.topics.partition_id(self.tenant, spot);
        let holder = match (target, partition) {
            (Some(id), Some(partition)) => self.members.get_mut(id).map_or(Holder::Nobody, |seat| {
                let assignment = seat.assign(spot);
                draft.assigned.entry(id).or_default().push((assignment, partition));
                Holder::Has(id, assignment)
            }),
            _ => Holder::Nobody,
        };
        self.topics.hold(spot, holder);
    }

    fn decide(&mut self, draft: Draft) -> Decisions {
        let Draft { mut decisions, revoked, assigned } = draft;
        if !decisions.ended.is_empty() || !assigned.is_empty() {
            self.generation += 1;
        }
        decisions.generation = self.generation;
        decisions.revoked = self.members.named(revoked);
        decisions.assigned = self.members.named(assigned);
        decisions
    }
}
