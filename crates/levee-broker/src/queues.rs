//! Queues that have workers, of all tenants.
//!
//! A queue is in memory from its first worker until its last one has left and what became of its records is written.
//! A task, the *keeper*, sees to what is due: leases that end, what is to be written, and the dead.
//!
//! Must hold: a queue is in memory once; what is written of it is written by its keeper alone, in the order of what
//! happened; while it is held still nobody works on it.

mod dead;
mod decoded;
mod keeper;
mod live;
mod load;
mod partition;
mod rounds;
mod timers;
mod turns;
mod worker;

pub(crate) use worker::{Settled, Worker, failure};

use crate::authorize::{InTenant, Permit};
use crate::blocking::Blocking;
use decoded::DecodedCache;
use levee_groups::queue::WorkerId;
use levee_storage::{Group, Shard};
use levee_types::group::QueueSettings;
use levee_types::limits::MAX_MEMBERS_PER_GROUP;
use levee_types::{Clock, ErrorCode, GroupId, LeveeError, PartitionId, Random, TenantId, TopicId};
use live::LiveQueue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// All queues that have workers. Cheap to clone.
#[derive(Clone)]
pub struct Queues(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    random: Arc<dyn Random>,
    tasks: TaskTracker,
    places: Mutex<HashMap<(TenantId, GroupId), Place>>,
    /// A queue was dropped, or is not held still any more.
    freed: Notify,
}

/// What queues share.
struct Shared {
    shard: Shard,
    clock: Arc<dyn Clock>,
    blocking: Blocking,
    decoded: DecodedCache,
}

enum Place {
    /// In memory, with so many workers.
    Live(Arc<LiveQueue>, usize),
    /// Held still.
    Still,
}

/// A worker, for those who ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMember {
    /// Its id.
    pub id: u64,
    /// The name of its user.
    pub user: String,
    /// Unix milliseconds.
    pub joined_ms: i64,
    /// How many records it has.
    pub records: u32,
}

/// While this is held, nobody works on a queue.
pub struct Still {
    queues: Queues,
    key: (TenantId, GroupId),
}

impl Drop for Still {
    fn drop(&mut self) {
        self.queues.places().remove(&self.key);
        self.queues.0.freed.notify_waiters();
    }
}

impl Queues {
    /// None is in memory yet. Keepers run on `tasks`.
    #[must_use]
    pub fn new(
        shard: Shard,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        blocking: Blocking,
        tasks: TaskTracker,
    ) -> Self {
        let shared = Arc::new(Shared { shard, clock, blocking, decoded: DecodedCache::new() });
        Self(Arc::new(Inner { shared, random, tasks, places: Mutex::default(), freed: Notify::new() }))
    }

    /// Lets go of what is kept decoded of a topic: something was erased from it.
    pub(crate) fn forget_decoded(&self, tenant: TenantId, topic: TopicId) {
        self.0.shared.decoded.forget(tenant, topic);
    }

    /// Makes the caller a worker of a queue, which it may be. Records are its for `term`.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED, NOT_FOUND if the queue or all its topics are gone.
    pub(crate) async fn join(
        &self,
        permit: &Permit<InTenant>,
        group: Group,
        settings: QueueSettings,
        term: Duration,
    ) -> Result<Worker, LeveeError> {
        let key = (permit.tenant(), group.id);
        let queue = loop {
            let freed = self.0.freed.notified();
            match self.enter(key, permit, &group, &settings)? {
                Some(queue) => break queue,
                None => freed.await,
            }
        };
        let mut id = [0; 8];
        self.0.random.fill(&mut id);
        let user = permit.principal().user().name.to_string();
        // From here on the worker leaves when it is dropped.
        let worker =
            Worker::new(self.clone(), Arc::clone(&queue), WorkerId(u64::from_le_bytes(id)), user, term);
        queue.loaded.get_or_try_init(|| queue.load(true)).await?;
        Ok(worker)
    }

    /// Counts a worker in. None: the queue is held still.
    fn enter(
        &self,
        key: (TenantId, GroupId),
        permit: &Permit<InTenant>,
        group: &Group,
        settings: &QueueSettings,
    ) -> Result<Option<Arc<LiveQueue>>, LeveeError> {
        let mut places = self.places();
        match places.get_mut(&key) {
            Some(Place::Still) => Ok(None),
            Some(Place::Live(_, workers)) if *workers >= MAX_MEMBERS_PER_GROUP => {
                let message = format!("the queue has {workers} workers, which is the limit");
                Err(LeveeError::new(ErrorCode::LimitExceeded, message)
                    .with_hint("stop some of them, or have them take more records at once"))
            }
            Some(Place::Live(queue, workers)) => {
                *workers += 1;
                Ok(Some(Arc::clone(queue)))
            }
            None => {
                let queue = LiveQueue::new(
                    Arc::clone(&self.0.shared),
                    Arc::clone(permit.entry()),
                    group.clone(),
                    settings.clone(),
                );
                let queue = Arc::new(queue);
                places.insert(key, Place::Live(Arc::clone(&queue), 1));
                metrics::gauge!("levee_queues").increment(1.0);
                self.0.tasks.spawn(keeper::keep(self.clone(), Arc::clone(&queue)));
                Ok(Some(queue))
            }
        }
    }

    /// A worker has left.
    fn left(&self, queue: &LiveQueue) {
        if let Some(Place::Live(_, workers)) = self.places().get_mut(&queue.key()) {
            *workers -= 1;
        }
        queue.work.notify_one();
    }

    /// Whether nobody works on a queue.
    fn is_idle(&self, queue: &LiveQueue) -> bool {
        matches!(self.places().get(&queue.key()), Some(Place::Live(_, 0)))
    }

    /// Drops a queue from memory, unless somebody came to work on it meanwhile. After that nothing is written of it.
    fn drop_idle(&self, queue: &LiveQueue) -> bool {
        let mut places = self.places();
        if !matches!(places.get(&queue.key()), Some(Place::Live(_, 0))) {
            return false;
        }
        for partition in queue.partitions() {
            partition.fence.close();
        }
        places.remove(&queue.key());
        metrics::gauge!("levee_queues").decrement(1.0);
        self.0.freed.notify_waiters();
        true
    }

    /// The workers of a queue, in the order of their ids.
    #[must_use]
    pub fn members(&self, tenant: TenantId, group: GroupId) -> Vec<QueueMember> {
        let Some(queue) = self.live((tenant, group)) else { return Vec::new() };
        let workers = queue.workers();
        let members = workers.iter().map(|(id, worker)| QueueMember {
            id: id.0,
            user: worker.user.clone(),
            joined_ms: worker.joined_ms,
            records: worker.held(),
        });
        members.collect()
    }

    /// How many records of each partition the workers of a queue have, where they have any.
    #[must_use]
    pub fn leased(&self, tenant: TenantId, group: GroupId) -> HashMap<PartitionId, u64> {
        self.live((tenant, group)).map(|queue| queue.leased()).unwrap_or_default()
    }

    /// Keeps workers away from a queue that has none, once what became of its records is written: for changing how
    /// far it has come. Who comes to work meanwhile waits.
    ///
    /// # Errors
    /// GROUP_ACTIVE: it has workers.
    pub async fn hold_still(&self, tenant: TenantId, group: GroupId) -> Result<Still, LeveeError> {
        let key = (tenant, group);
        loop {
            let freed = self.0.freed.notified();
            {
                let mut places = self.places();
                match places.get(&key) {
                    None => {
                        places.insert(key, Place::Still);
                        return Ok(Still { queues: self.clone(), key });
                    }
                    Some(Place::Live(_, workers)) if *workers > 0 => {
                        let message = format!("the queue has workers: {workers}");
                        return Err(LeveeError::new(ErrorCode::GroupActive, message));
                    }
                    Some(Place::Live(..) | Place::Still) => {}
                }
            }
            freed.await;
        }
    }

    fn live(&self, key: (TenantId, GroupId)) -> Option<Arc<LiveQueue>> {
        match self.places().get(&key) {
            Some(Place::Live(queue, _)) => Some(Arc::clone(queue)),
            Some(Place::Still) | None => None,
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<(TenantId, GroupId), Place>> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
