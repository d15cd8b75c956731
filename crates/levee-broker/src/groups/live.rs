//! One group that has members: does what is decided about it.

use super::inbox::{Inbox, Offer};
use super::{Key, Surroundings};
use levee_groups::consumers::{Consumers, Decisions, JoinError, Joining, MemberState, TopicState};
use levee_storage::{Fence, StorageError, Topic};
use levee_types::limits::MAX_PARTITIONS_PER_GROUP;
use levee_types::{GroupId, PartitionId, TopicId, TopicName};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often it is looked whether its topics are as they were.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// One group.
pub(super) struct LiveGroup {
    surroundings: Arc<Surroundings>,
    key: Key,
    id: GroupId,
    state: Mutex<State>,
}

struct State {
    consumers: Consumers,
    /// Those whose streams are open.
    members: HashMap<u64, Member>,
    topics: HashMap<TopicId, Arc<Topic>>,
    next_look: Duration,
    /// For when the timer was asked.
    scheduled: Option<Duration>,
    /// It was empty and is forgotten: whoever comes makes another one.
    is_closed: bool,
}

struct Member {
    inbox: Arc<Inbox>,
    fences: HashMap<u32, Fence>,
}

impl Member {
    fn new() -> Self {
        metrics::gauge!("levee_group_members").increment(1.0);
        Self { inbox: Arc::default(), fences: HashMap::new() }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        metrics::gauge!("levee_group_members").decrement(1.0);
    }
}

/// A group at one moment.
#[derive(Debug, Clone, Default)]
pub struct GroupView {
    /// Counts the changes of who has what.
    pub generation: u64,
    /// Who is in it.
    pub members: Vec<MemberState>,
    /// All partitions of its topics, and which member has each.
    pub partitions: Vec<(PartitionId, Option<u64>)>,
    /// The topics that members consume.
    pub topics: Vec<TopicName>,
}

/// A topic as groups see it.
pub(super) fn state_of(topic: &Topic) -> TopicState {
    TopicState { id: topic.id, partitions: topic.partitions }
}

impl LiveGroup {
    pub(super) fn new(surroundings: Arc<Surroundings>, key: Key, id: GroupId, generation: u64) -> Self {
        let state = State {
            consumers: Consumers::new(key.0, generation),
            members: HashMap::new(),
            topics: HashMap::new(),
            next_look: surroundings.clock.monotonic() + LOOK_INTERVAL,
            scheduled: None,
            is_closed: false,
        };
        Self { surroundings, key, id, state: Mutex::new(state) }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn id(&self) -> GroupId {
        self.id
    }

    /// None: it is forgotten.
    pub(super) fn join(
        self: &Arc<Self>,
        joining: Joining,
        topics: &[Arc<Topic>],
    ) -> Option<Result<Arc<Inbox>, JoinError>> {
        let now = self.now();
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        let id = joining.member;
        let decisions = match state.consumers.join(now, joining) {
            Ok(decisions) => decisions,
            Err(error) => return Some(Err(error)),
        };
        state.topics.extend(topics.iter().map(|topic| (topic.id, Arc::clone(topic))));
        let member = Member::new();
        let inbox = Arc::clone(&member.inbox);
        state.members.insert(id, member);
        state.carry_out(decisions);
        self.schedule(&mut state);
        Some(Ok(inbox))
    }

    pub(super) fn alive(&self, member: u64) {
        self.lock().consumers.alive(self.now(), member);
    }

    pub(super) fn release(&self, member: u64, assignments: &[u32]) {
        let mut state = self.lock();
        let decisions = state.consumers.released(member, assignments);
        state.carry_out(decisions);
    }

    pub(super) fn leave(self: &Arc<Self>, member: u64) {
        let now = self.now();
        let mut state = self.lock();
        let decisions = state.consumers.left(now, member);
        state.carry_out(decisions);
        state.members.remove(&member);
        self.schedule(&mut state);
    }

    /// The time has come that the timer was asked for.
    pub(super) fn tick(self: &Arc<Self>) {
        let now = self.now();
        let is_look = {
            let mut state = self.lock();
            // Somebody else asked for a later time since.
            if state.scheduled.is_none_or(|scheduled| scheduled > now) {
                return;
            }
            state.scheduled = None;
            now >= state.next_look
        };
        if is_look {
            self.look_at_topics();
        }
        let mut state = self.lock();
        let decisions = state.consumers.tick(now);
        state.carry_out(decisions);
        self.schedule(&mut state);
    }

    /// Takes the topics as they are now.
    pub(super) fn look_at_topics(&self) {
        let names: Vec<TopicName> = {
            let mut state = self.lock();
            state.next_look = self.now() + LOOK_INTERVAL;
            state.consumers.topics().cloned().collect()
        };
        let found: Result<Vec<_>, StorageError> = names
            .into_iter()
            .map(|name| self.surroundings.shard.topic(self.key.0, &name).map(|topic| (name, topic)))
            .collect();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(group = %self.key.1, %error, "the topics of a group could not be looked at");
                return;
            }
        };
        let topics: Vec<_> = found.iter().filter_map(|(_, topic)| topic.clone()).collect();
        let partitions = topics.iter().map(|topic| topic.partitions as usize).sum::<usize>();
        if partitions > MAX_PARTITIONS_PER_GROUP {
            tracing::warn!(
                tenant = %self.key.0,
                group = %self.key.1,
                partitions,
                "the topics of a group have grown beyond the limit; nobody consumes the last partitions"
            );
        }
        let states: Vec<_> =
            found.into_iter().map(|(name, topic)| (name, topic.as_deref().map(state_of))).collect();
        let mut state = self.lock();
        // Somebody may have joined meanwhile with others.
        state.topics.extend(topics.into_iter().map(|topic| (topic.id, topic)));
        let decisions = state.consumers.topics_changed(self.now(), &states);
        state.carry_out(decisions);
        let State { consumers, topics, .. } = &mut *state;
        let wanted: std::collections::HashSet<_> = consumers.topics().collect();
        topics.retain(|_, topic| wanted.contains(&topic.name));
    }

    pub(super) fn len(&self) -> usize {
        self.lock().consumers.len()
    }

    pub(super) fn look(&self) -> GroupView {
        let state = self.lock();
        GroupView {
            generation: state.consumers.generation(),
            members: state.consumers.members(),
            partitions: state.consumers.partitions(),
            topics: state.consumers.topics().cloned().collect(),
        }
    }

    /// The last one.
    pub(super) fn generation(&self) -> u64 {
        self.lock().consumers.generation()
    }

    /// What a member has under an assignment.
    pub(super) fn held(&self, member: u64, assignment: u32) -> Option<(PartitionId, Fence)> {
        let state = self.lock();
        let partition = state.consumers.partition_of(member, assignment)?;
        Some((partition, state.members.get(&member)?.fences.get(&assignment)?.clone()))
    }

    /// Whether it can be forgotten; then nobody can join it any more. True once.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut state = self.lock();
        let is_over = !state.is_closed && state.consumers.is_empty();
        state.is_closed |= is_over;
        is_over
    }

    /// Asks the timer for the next time.
    fn schedule(self: &Arc<Self>, state: &mut State) {
        let Some(deadline) = state.consumers.deadline() else { return };
        let at = deadline.min(state.next_look);
        if state.scheduled.is_none_or(|scheduled| at < scheduled) {
            state.scheduled = Some(at);
            self.surroundings.timer.ask(at, Arc::downgrade(self));
        }
    }

    fn now(&self) -> Duration {
        self.surroundings.clock.monotonic()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out(&mut self, decisions: Decisions) {
        let mut next = Some(decisions);
        let mut waiting = Vec::new();
        while let Some(decisions) = next.take() {
            let Decisions { generation, ended, expelled, lost, revoked, assigned } = decisions;
            if !ended.is_empty() || !assigned.is_empty() {
                metrics::counter!("levee_group_rebalances_total").increment(1);
            }
            for (member, assignment) in ended {
                let fence =
                    self.members.get_mut(&member).and_then(|member| member.fences.remove(&assignment));
                if let Some(fence) = fence {
                    fence.close();
                }
            }
            for (member, why) in expelled {
                if let Some(member) = self.members.remove(&member) {
                    member.inbox.expel(generation, why);
                }
            }
            for (member, assignments) in lost {
                if let Some(member) = self.members.get(&member) {
                    member.inbox.lose(generation, assignments);
                }
            }
            for (id, assignments) in revoked {
                if let Some(member) = self.members.get(&id) {
                    let untold = member.inbox.revoke(generation, assignments);
                    if !untold.is_empty() {
                        waiting.push((id, untold));
                    }
                }
            }
            for (id, assigned) in assigned {
                self.assign(generation, id, assigned);
            }
            if let Some((member, assignments)) = waiting.pop() {
                next = Some(self.consumers.released(member, &assignments));
            }
        }
    }

    fn assign(&mut self, generation: u64, member: u64, assigned: Vec<(u32, PartitionId)>) {
        let Some(member) = self.members.get_mut(&member) else { return };
        let mut offers = Vec::with_capacity(assigned.len());
        for (assignment, partition) in assigned {
            let Some(topic) = self.topics.get(&partition.topic).cloned() else { continue };
            let fence = Fence::new();
            member.fences.insert(assignment, fence.clone());
            offers.push((assignment, Offer { topic, partition, fence }));
        }
        member.inbox.assign(generation, offers);
    }
}
