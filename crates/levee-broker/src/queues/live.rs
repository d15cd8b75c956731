//! A queue that has workers.

use super::Shared;
use super::partition::{LivePartition, State};
use super::rounds::{Rounds, Written};
use super::timers::Timers;
use super::turns::Turns;
use crate::blocking::Turn;
use crate::tenants::TenantEntry;
use levee_groups::queue::{Lease, Now, Rules, WorkerId};
use levee_storage::Group;
use levee_types::group::QueueSettings;
use levee_types::limits::MAX_WORK_CREDIT;
use levee_types::{GroupId, LeveeError, PartitionId, TenantId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::{Notify, OnceCell, watch};

/// A queue that has workers, or is being written down after the last one has left.
pub(crate) struct LiveQueue {
    pub(super) shared: Arc<Shared>,
    pub(super) tenant: Arc<TenantEntry>,
    pub(super) group: Group,
    pub(super) settings: QueueSettings,
    partitions: RwLock<Vec<Arc<LivePartition>>>,
    /// Set when its partitions are there.
    pub(super) loaded: OnceCell<()>,
    pub(super) turns: Arc<Turns>,
    pub(super) timers: Timers,
    pub(super) rounds: Rounds,
    /// Partitions with dead records.
    graves: Mutex<BTreeSet<u32>>,
    /// Tells the keeper that there is something to do.
    pub(super) work: Notify,
    workers: Mutex<BTreeMap<WorkerId, Arc<Working>>>,
    /// Why it cannot go on.
    ended: watch::Sender<Option<LeveeError>>,
}

/// A worker, as the queue sees it.
pub(crate) struct Working {
    pub(super) user: String,
    pub(super) joined_ms: i64,
    held: AtomicU32,
    bell: Arc<Notify>,
}

impl Working {
    pub(super) fn new(user: String, joined_ms: i64, bell: Arc<Notify>) -> Self {
        Self { user, joined_ms, held: AtomicU32::new(0), bell }
    }

    /// How many records it has.
    pub(crate) fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn got(&self, records: u32) {
        self.held.fetch_add(records, Ordering::Relaxed);
    }

    /// A lease of it ended.
    pub(super) fn lost(&self) {
        if self.held.fetch_sub(1, Ordering::Relaxed) == MAX_WORK_CREDIT {
            // It may have more again.
            self.bell.notify_one();
        }
    }
}

impl LiveQueue {
    pub(super) fn new(
        shared: Arc<Shared>,
        tenant: Arc<TenantEntry>,
        group: Group,
        settings: QueueSettings,
    ) -> Self {
        Self {
            shared,
            tenant,
            group,
            settings,
            partitions: RwLock::default(),
            loaded: OnceCell::new(),
            turns: Arc::default(),
            timers: Timers::default(),
            rounds: Rounds::default(),
            graves: Mutex::default(),
            work: Notify::new(),
            workers: Mutex::default(),
            ended: watch::Sender::new(None),
        }
    }

    pub(super) fn key(&self) -> (TenantId, GroupId) {
        (self.tenant.id(), self.group.id)
    }

    pub(super) fn rules(&self) -> Rules {
        let QueueSettings { max_deliveries, ordered_by_key, .. } = self.settings;
        Rules { max_deliveries, ordered_by_key }
    }

    pub(super) fn now(&self) -> Now {
        let clock = &self.shared.clock;
        Now { monotonic: clock.monotonic(), unix_ms: clock.unix_ms() }
    }

    /// The turn of a call for the queue that waits for the disk.
    pub(super) fn turn(&self, bytes: usize) -> Turn {
        let weight = self.tenant.snapshot().ok().flatten().map_or(1, |snapshot| snapshot.weight());
        Turn { tenant: self.tenant.id(), weight, bytes }
    }

    pub(super) fn partition(&self, index: u32) -> Option<Arc<LivePartition>> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).get(index as usize).cloned()
    }

    pub(super) fn partitions(&self) -> Vec<Arc<LivePartition>> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add(&self, partition: LivePartition) {
        let index = partition.index;
        self.partitions.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(partition));
        // What is there already is found without being told.
        self.turns.push(index);
    }

    /// Changes a partition, and sees to what follows from that. The only way in which windows change.
    pub(super) fn change<T>(
        &self,
        partition: &LivePartition,
        change: impl FnOnce(&mut State, Now) -> T,
    ) -> T {
        let now = self.now();
        let mut state = partition.lock();
        let result = change(&mut state, now);
        state.is_unwritten = true;
        let is_ready = state.is_ready();
        let is_grave = !state.is_gone && state.window.dead().next().is_some();
        let moved = state.note_due(now);
        let is_first = moved.is_some_and(|(before, due)| self.timers.set(partition.index, before, due));
        drop(state);
        if is_ready {
            self.turns.push(partition.index);
        }
        if is_grave && self.graves().insert(partition.index) || is_first {
            self.work.notify_one();
        }
        result
    }

    /// Leases ended without their workers.
    pub(super) fn ended(&self, leases: &[Lease]) {
        let workers = self.workers();
        for worker in leases.iter().filter_map(|lease| workers.get(&lease.worker)) {
            worker.lost();
        }
    }

    /// Has the partitions written, as they are now.
    pub(super) fn write(&self, partitions: impl IntoIterator<Item = u32>) -> Written {
        let written = self.rounds.join(partitions);
        self.work.notify_one();
        written
    }

    pub(super) fn graves(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.graves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn workers(&self) -> MutexGuard<'_, BTreeMap<WorkerId, Arc<Working>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition was deleted with its topic.
    pub(super) fn lose(&self, partition: &LivePartition) {
        partition.fence.close();
        self.change(partition, |state, _| state.is_gone = true);
        if self.partitions().iter().all(|partition| partition.lock().is_gone) {
            let error = LeveeError::new(levee_types::ErrorCode::NotFound, "the topics of the queue are gone")
                .with_hint("delete the group, and make one of other topics");
            self.end(error);
        }
    }

    /// It cannot go on.
    pub(super) fn end(&self, error: LeveeError) {
        self.ended.send_replace(Some(error));
    }

    /// Resolves when it cannot go on.
    pub(super) fn watch_end(&self) -> watch::Receiver<Option<LeveeError>> {
        self.ended.subscribe()
    }

    /// How many records of each partition workers have, where they have any.
    pub(super) fn leased(&self) -> HashMap<PartitionId, u64> {
        let leased = |partition: &LivePartition| partition.lock().window.leased_len() as u64;
        let all = self.partitions().into_iter().map(|partition| (partition.id, leased(&partition)));
        all.filter(|(_, leased)| *leased > 0).collect()
    }
}
