//! The groups of consumers that have members now, of all tenants.
//!
//! A group is in memory while it has members, without a task of its own: what happens to it is decided on the task of
//! whoever it happens through, under the group's lock, and one timer looks after the time of all. What a group has
//! committed is storage's.
//!
//! Must hold: the fence of an assignment is closed before anybody else is told that it has the partition; a member that
//! is gone has left.

mod doors;
mod inbox;
mod live;
mod timer;

pub use doors::{Doors, Hold};
pub use inbox::{News, Offer};
pub use live::GroupView;

use crate::authorize::{InTenant, Permit};
use inbox::Inbox;
use levee_groups::consumers::{JoinError, Joining};
use levee_storage::{Fence, Group, Shard, Topic};
use levee_types::group::GroupKind;
use levee_types::limits::{MAX_MEMBERS_PER_GROUP, MAX_PARTITIONS_PER_GROUP};
use levee_types::{Clock, ErrorCode, GroupId, GroupName, LeveeError, PartitionId, Random, TenantId};
use live::LiveGroup;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use timer::Timer;

/// All groups of consumers that have members. Cheap to clone.
#[derive(Clone)]
pub struct Groups(Arc<Inner>);

struct Inner {
    random: Arc<dyn Random>,
    doors: Doors,
    surroundings: Arc<Surroundings>,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    groups: HashMap<Key, Arc<LiveGroup>>,
    /// No group that was forgotten had a higher generation: so those of a name only rise.
    generation: u64,
}

type Key = (TenantId, GroupName);

/// What every group needs.
struct Surroundings {
    shard: Shard,
    clock: Arc<dyn Clock>,
    timer: Timer,
}

/// Who wants to become a member, of which group.
pub struct Wanted {
    /// Of consumers; made if there is none.
    pub group: GroupName,
    /// The name of a static member.
    pub instance: Option<String>,
    /// Each once.
    pub topics: Vec<Arc<Topic>>,
    /// How long it may be silent.
    pub session_timeout: Duration,
}

impl Groups {
    /// No groups yet. `doors` are those of all kinds of groups.
    #[must_use]
    pub fn new(shard: Shard, clock: Arc<dyn Clock>, random: Arc<dyn Random>, doors: Doors) -> Self {
        let surroundings = Arc::new(Surroundings { shard, clock, timer: Timer::default() });
        Self(Arc::new(Inner { random, doors, surroundings, live: Mutex::default() }))
    }

    /// Looks after the time of all groups.
    pub async fn keep_time(self) -> Infallible {
        let Surroundings { clock, timer, .. } = &*self.0.surroundings;
        loop {
            let due = timer.due(clock.as_ref()).await;
            due.tick();
            self.forget_empty(&due);
            // Many may be due at once.
            tokio::task::yield_now().await;
        }
    }

    /// Makes the caller a member, who leaves when the membership is dropped.
    ///
    /// # Errors
    /// UNAVAILABLE while the group is being changed, `INVALID_ARGUMENT` if it is a queue, `LIMIT_EXCEEDED`.
    pub async fn join(&self, permit: &Permit<InTenant>, wanted: Wanted) -> Result<Membership, LeveeError> {
        let Wanted { group: name, instance, topics, session_timeout } = wanted;
        let key = (permit.tenant(), name);
        let _entering = self.0.doors.enter(&key)?;
        let stored = self.open(permit, &key.1).await?;
        let mut id = [0; 8];
        self.0.random.fill(&mut id);
        let joining = Joining {
            member: u64::from_le_bytes(id),
            instance,
            topics: topics.iter().map(|topic| (topic.name.clone(), live::state_of(topic))).collect(),
            session_timeout,
            user: permit.principal().user().name.to_string(),
            joined_ms: self.0.surroundings.clock.unix_ms(),
        };
        loop {
            let group = self.live_or_new(&key, &stored);
            // None: it was just forgotten.
            match group.join(joining.clone(), &topics) {
                Some(Ok(inbox)) => {
                    return Ok(Membership { groups: self.clone(), group, member: joining.member, inbox });
                }
                Some(Err(error)) => {
                    // It may have been made for this.
                    self.forget_empty(&group);
                    return Err(refused(&key.1, error));
                }
                None => {}
            }
        }
    }

    /// Keeps everybody from joining a group, of whatever kind.
    ///
    /// # Errors
    /// UNAVAILABLE: somebody is about to join.
    pub fn hold(&self, tenant: TenantId, group: &GroupName) -> Result<Hold, LeveeError> {
        self.0.doors.hold(&(tenant, group.clone()))
    }

    /// How many members a group has, with static ones that are away.
    #[must_use]
    pub fn members(&self, tenant: TenantId, group: &GroupName) -> usize {
        self.find(tenant, group).map_or(0, |group| group.len())
    }

    /// A group that has members.
    #[must_use]
    pub fn look(&self, tenant: TenantId, group: &GroupName) -> Option<GroupView> {
        self.find(tenant, group).map(|group| group.look())
    }

    /// What a member has under an assignment, for commits that come over another stream than its own.
    ///
    /// # Errors
    /// `MEMBER_FENCED`: it has nothing under it, or not any more.
    pub fn commit_of(
        &self,
        tenant: TenantId,
        group: &GroupName,
        member: u64,
        assignment: u32,
    ) -> Result<(GroupId, PartitionId, Fence), LeveeError> {
        let live = self.find(tenant, group);
        let held =
            live.and_then(|live| live.held(member, assignment).map(|(id, fence)| (live.id(), id, fence)));
        held.ok_or_else(fenced)
    }

    async fn open(&self, permit: &Permit<InTenant>, name: &GroupName) -> Result<Group, LeveeError> {
        let shard = &self.0.surroundings.shard;
        let stored = match shard.group(permit.tenant(), name)? {
            Some(stored) => stored,
            None => {
                let audit = permit.audit(format!("group:{name}"));
                shard.open_group(permit.tenant(), name.clone(), GroupKind::Consumers, audit).await?
            }
        };
        match stored.kind {
            GroupKind::Consumers => Ok(stored),
            GroupKind::Queue(_) => {
                let message = format!("group: {:?} is a queue, whose records go to workers", name.as_str());
                Err(LeveeError::new(ErrorCode::InvalidArgument, message)
                    .with_hint("choose another name, or take its records as a worker"))
            }
        }
    }

    fn live_or_new(&self, key: &Key, stored: &Group) -> Arc<LiveGroup> {
        let mut live = self.lock();
        let generation = live.generation;
        let make = || {
            metrics::gauge!("levee_groups").increment(1.0);
            Arc::new(LiveGroup::new(Arc::clone(&self.0.surroundings), key.clone(), stored.id, generation))
        };
        Arc::clone(live.groups.entry(key.clone()).or_insert_with(make))
    }

    fn forget_empty(&self, group: &LiveGroup) {
        let mut live = self.lock();
        if group.close_if_empty() {
            metrics::gauge!("levee_groups").decrement(1.0);
            live.groups.remove(group.key());
            live.generation = live.generation.max(group.generation());
        }
    }

    fn find(&self, tenant: TenantId, group: &GroupName) -> Option<Arc<LiveGroup>> {
        self.lock().groups.get(&(tenant, group.clone())).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A membership; dropped, the member has left.
pub struct Membership {
    groups: Groups,
    group: Arc<LiveGroup>,
    member: u64,
    inbox: Arc<Inbox>,
}

impl Membership {
    /// The id of the member.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.member
    }

    /// The group in storage.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.group.id()
    }

    /// The member has given a sign of life.
    pub fn is_alive(&self) {
        self.group.alive(self.member);
    }

    /// The member has let go of what was revoked.
    pub fn release(&self, assignments: &[u32]) {
        self.group.release(self.member, assignments);
    }

    /// Something is wrong with a topic: looks whether it is still there.
    pub fn look_at_topics(&self) {
        self.group.look_at_topics();
    }

    /// What has happened since the last time; none: nothing.
    #[must_use]
    pub fn news(&self) -> Option<News> {
        self.inbox.take()
    }

    /// Resolves when there may be news. Cancel-safe.
    pub async fn told(&self) {
        self.inbox.told().await;
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.group.leave(self.member);
        self.groups.forget_empty(&self.group);
    }
}

/// Commits under an assignment that is over.
pub(crate) fn fenced() -> LeveeError {
    LeveeError::new(ErrorCode::MemberFenced, "the member does not have the partition any more")
        .with_hint("drop what was read of the partition, or join the group again")
}

fn refused(name: &GroupName, error: JoinError) -> LeveeError {
    let (problem, hint) = match error {
        JoinError::TooManyMembers => (
            format!("group {:?} has {MAX_MEMBERS_PER_GROUP} members, which is the limit", name.as_str()),
            "stop some of them, or use several groups for different topics",
        ),
        JoinError::TooManyPartitions(partitions) => (
            format!(
                "the topics of group {:?} would have {partitions} partitions; the limit is \
                 {MAX_PARTITIONS_PER_GROUP}",
                name.as_str()
            ),
            "consume some of the topics in another group",
        ),
    };
    LeveeError::new(ErrorCode::LimitExceeded, problem).with_hint(hint)
}

#[cfg(test)]
mod tests;
