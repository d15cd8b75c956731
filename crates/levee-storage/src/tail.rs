//! The tails of partitions: recent batches in memory, and who waits for the next ones.
//!
//! Followers of a tail touch neither the index nor the disk. A partition has a tail only while it has
//! cached batches or subscribers, so that idle topics cost nothing.
//!
//! Must hold: the cached bytes stay within the budget; over the budget, the tenant that has the most
//! gives way, so that no tenant can push out another one's tail beyond an equal share.

use crate::log::{Room, StoredBatch};
use levee_types::{PartitionId, TenantId};
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Told when a partition grows.
pub trait Wake: Send + Sync {
    /// Called by the committer after each group that appended to the partition; must return at once.
    /// `token` is what the subscriber gave.
    fn wake(&self, token: u32);
}

/// What the cache knows of a range of offsets.
#[derive(Debug)]
pub enum Cached {
    /// Batches from the offset on, and the end offset of the partition.
    Batches(Vec<StoredBatch>, u64),
    /// The offset is the end of the partition.
    AtEnd(u64),
    /// Ask the log.
    Miss,
}

/// Locks: more than there are cores, so that tenants seldom meet.
const STRIPES: usize = 64;
/// What a cached batch costs beside its bytes: its place in the tail and in the accounts.
const OVERHEAD: u64 = 128;

/// Places for batches that a tail may keep without using them.
const SPARE_PLACES: usize = 16;

/// All tails of a shard.
pub(crate) struct Tails {
    stripes: Vec<Mutex<HashMap<PartitionId, Tail>>>,
    hasher: RandomState,
    next_subscriber: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct Tail {
    /// The offset that the next record gets; unknown before the first batch.
    end: Option<u64>,
    batches: VecDeque<StoredBatch>,
    subscribers: HashMap<u64, Subscriber>,
}

struct Subscriber {
    wake: Arc<dyn Wake>,
    token: u32,
}

impl Tail {
    fn forget(&mut self) {
        self.batches = VecDeque::new();
        self.end = None;
        self.wake();
    }

    /// Drops the batch at `base_offset`, if it is still there, and memory that many small batches needed.
    fn drop_oldest(&mut self, base_offset: u64) {
        self.batches.pop_front_if(|batch| batch.base_offset == base_offset);
        if self.batches.capacity() > 4 * self.batches.len() + SPARE_PLACES {
            self.batches.shrink_to(2 * self.batches.len());
        }
    }

    fn wake(&self) {
        self.subscribers.values().for_each(|subscriber| subscriber.wake.wake(subscriber.token));
    }

    fn is_unused(&self) -> bool {
        self.batches.is_empty() && self.subscribers.is_empty()
    }
}

impl Tails {
    pub(crate) fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next_subscriber: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    fn stripe(&self, partition: PartitionId) -> MutexGuard<'_, HashMap<PartitionId, Tail>> {
        #[expect(clippy::cast_possible_truncation, reason = "only a few bits are used")]
        let hash = self.hasher.hash_one(partition) as usize;
        self.stripes[hash % STRIPES].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Batches from `offset` on, up to `max_bytes` with their overhead, but at least one.
    pub(crate) fn fetch(&self, partition: PartitionId, offset: u64, max_bytes: usize) -> Cached {
        let stripe = self.stripe(partition);
        let Some(tail) = stripe.get(&partition) else { return Cached::Miss };
        let Some(end) = tail.end else { return Cached::Miss };
        if offset == end {
            return Cached::AtEnd(end);
        }
        let first = tail.batches.partition_point(|batch| batch.end() <= offset);
        match tail.batches.get(first) {
            Some(batch) if batch.base_offset <= offset => {}
            _ => return Cached::Miss,
        }
        let mut room = Room::new(max_bytes);
        let batches = tail.batches.range(first..).take_while(|batch| {
            let fits = !room.is_used_up();
            room.take(batch.bytes.len());
            fits
        });
        Cached::Batches(batches.cloned().collect(), end)
    }

    /// Asks to be told when the partition grows.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        partition: PartitionId,
        wake: Arc<dyn Wake>,
        token: u32,
    ) -> Subscription {
        let id = self.next_subscriber.fetch_add(1, Ordering::Relaxed);
        self.stripe(partition)
            .entry(partition)
            .or_default()
            .subscribers
            .insert(id, Subscriber { wake, token });
        Subscription { tails: Arc::clone(self), partition, id }
    }

    /// Bytes of all cached batches with what keeping them costs.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A wish to be told; dropping it ends it.
pub struct Subscription {
    tails: Arc<Tails>,
    partition: PartitionId,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut stripe = self.tails.stripe(self.partition);
        if let Entry::Occupied(mut tail) = stripe.entry(self.partition) {
            tail.get_mut().subscribers.remove(&self.id);
            if tail.get().is_unused() {
                tail.remove();
            }
        }
    }
}

/// The committer's end of the tails: it alone adds batches, and keeps the accounts.
pub(crate) struct TailWriter {
    tails: Arc<Tails>,
    budget: u64,
    total: u64,
    shares: HashMap<TenantId, Share>,
    /// Tenants by what they have.
    largest: BTreeSet<(u64, TenantId)>,
    /// Partitions whose subscribers are to be told.
    grown: Vec<PartitionId>,
}

/// What one tenant has in the cache, oldest first.
#[derive(Default)]
struct Share {
    bytes: u64,
    batches: VecDeque<Account>,
}

/// A batch that was cached. It may be forgotten already.
struct Account {
    partition: PartitionId,
    base_offset: u64,
    size: u64,
}

impl TailWriter {
    pub(crate) fn new(tails: Arc<Tails>, budget: u64) -> Self {
        Self { tails, budget, total: 0, shares: HashMap::new(), largest: BTreeSet::new(), grown: Vec::new() }
    }

    /// Adds a batch that is readable now. The subscribers are told by [`Self::wake`].
    pub(crate) fn publish(&mut self, partition: PartitionId, batch: StoredBatch) {
        let size = batch.bytes.len() as u64 + OVERHEAD;
        let base_offset = batch.base_offset;
        {
            let mut stripe = self.tails.stripe(partition);
            let tail = stripe.entry(partition).or_default();
            tail.end = Some(batch.end());
            tail.batches.push_back(batch);
            if !tail.subscribers.is_empty() && self.grown.last() != Some(&partition) {
                self.grown.push(partition);
            }
        }
        self.shares.entry(partition.tenant).or_default().batches.push_back(Account {
            partition,
            base_offset,
            size,
        });
        self.account(partition.tenant, size, 0);
        while self.total > self.budget {
            self.evict();
        }
        self.tails.bytes.store(self.total, Ordering::Relaxed);
    }

    /// Has a tail go on at the end of batches that are readable now, in the log only: what is cached before them is
    /// forgotten, because a tail has no gaps. The subscribers are told by [`Self::wake`].
    pub(crate) fn skip_to(&mut self, partition: PartitionId, end: u64) {
        let mut stripe = self.tails.stripe(partition);
        if let Entry::Occupied(mut tail) = stripe.entry(partition) {
            tail.get_mut().batches = VecDeque::new();
            tail.get_mut().end = Some(end);
            if tail.get().is_unused() {
                tail.remove();
            } else if self.grown.last() != Some(&partition) {
                self.grown.push(partition);
            }
        }
    }

    /// Tells the subscribers of all partitions that grew, once for each partition: after the answers, so
    /// that many subscribers hold up nobody's.
    pub(crate) fn wake(&mut self) {
        self.grown.sort_unstable();
        self.grown.dedup();
        for partition in self.grown.drain(..) {
            if let Some(tail) = self.tails.stripe(partition).get(&partition) {
                tail.wake();
            }
        }
    }

    fn evict(&mut self) {
        let Some(&(_, tenant)) = self.largest.last() else { return };
        let Some(oldest) = self.shares.get_mut(&tenant).and_then(|share| share.batches.pop_front()) else {
            return;
        };
        self.account(tenant, 0, oldest.size);
        let mut stripe = self.tails.stripe(oldest.partition);
        if let Entry::Occupied(mut tail) = stripe.entry(oldest.partition) {
            tail.get_mut().drop_oldest(oldest.base_offset);
            if tail.get().is_unused() {
                tail.remove();
            }
        }
    }

    fn account(&mut self, tenant: TenantId, added: u64, removed: u64) {
        let share = self.shares.entry(tenant).or_default();
        self.largest.remove(&(share.bytes, tenant));
        share.bytes = share.bytes + added - removed;
        self.total = self.total + added - removed;
        if share.bytes > 0 {
            self.largest.insert((share.bytes, tenant));
        } else {
            self.shares.remove(&tenant);
        }
    }

    /// Forgets what is cached of a partition that was deleted or trimmed, and tells its subscribers. The
    /// accounts follow when the turn of the forgotten batches comes, so that this costs next to nothing.
    pub(crate) fn forget(&self, partition: PartitionId) {
        let mut stripe = self.tails.stripe(partition);
        if let Entry::Occupied(mut tail) = stripe.entry(partition) {
            tail.get_mut().forget();
            if tail.get().is_unused() {
                tail.remove();
            }
        }
    }

    /// [`Self::forget`] for everything that a tenant has, with its accounts: a share that nobody uses
    /// would stand against those of the living.
    pub(crate) fn forget_tenant(&mut self, tenant: TenantId) {
        if let Some(share) = self.shares.remove(&tenant) {
            self.largest.remove(&(share.bytes, tenant));
            self.total -= share.bytes;
            self.tails.bytes.store(self.total, Ordering::Relaxed);
        }
        for stripe in &self.tails.stripes {
            stripe.lock().unwrap_or_else(PoisonError::into_inner).retain(|partition, tail| {
                if partition.tenant == tenant {
                    tail.forget();
                }
                !tail.is_unused()
            });
        }
    }
}

#[cfg(test)]
mod tests;
