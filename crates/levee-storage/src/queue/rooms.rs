//! Who occupies how much of the queue, and who waits for room.

use super::waiting::{Taken, Waiting};
use super::{Held, Place};
use levee_types::TenantId;
use levee_types::limits::MAX_BATCH_BYTES;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What a command occupies beside its batch.
const OVERHEAD: usize = 1024;

/// The part of the room that one tenant can have at most: with the default settings, enough for a group that is
/// written, one that gathers, and what comes meanwhile.
const TENANT_PART: usize = 8;

/// Accounts of the room.
pub(super) struct Rooms<C> {
    capacity: usize,
    /// What one tenant can have at most.
    part: usize,
    pub(super) occupied: usize,
    pub(super) tenants: HashMap<TenantId, Account<C>>,
}

pub(super) struct Account<C> {
    /// By commands with room, until their group is done.
    occupied: usize,
    /// Those that have no room, the last of the tenant's commands in the queue, in their order. Some may have
    /// been withdrawn.
    waiting: VecDeque<Arc<Waiting<C>>>,
}

impl<C> Rooms<C> {
    pub(super) fn new(capacity: usize) -> Self {
        let part = (capacity / TENANT_PART).max(MAX_BATCH_BYTES + OVERHEAD).min(capacity);
        Self { capacity, part, occupied: 0, tenants: HashMap::new() }
    }

    /// What a command of so many bytes occupies: one that is larger than the room of a tenant has it to itself.
    pub(super) fn size(&self, bytes: usize) -> usize {
        (bytes + OVERHEAD).min(self.part)
    }

    /// Whether there is room for so much more of a tenant that occupies `occupied`. Each has an equal share, and
    /// there is one for whoever comes next, so that also a tenant that comes when many are busy can have more
    /// than one command in the queue. But one it can have in any case, if there is room at all.
    fn has_room(&self, occupied: usize, size: usize) -> bool {
        let share = self.part.min(self.capacity / (self.tenants.len() + 1));
        self.occupied + size <= self.capacity && (occupied == 0 || occupied + size <= share)
    }

    /// Occupies room, if there is some and no earlier command of the tenant waits for it.
    pub(super) fn occupy(&mut self, tenant: TenantId, size: usize) -> bool {
        let account = self.tenants.get(&tenant);
        let (occupied, is_first) = account.map_or((0, true), |a| (a.occupied, a.waiting.is_empty()));
        let is_admitted = is_first && self.has_room(occupied, size);
        if is_admitted {
            self.charge(tenant, size);
        }
        is_admitted
    }

    /// Adds a command that waits for room.
    pub(super) fn wait(&mut self, tenant: TenantId, waiting: Arc<Waiting<C>>) {
        self.account(tenant).waiting.push_back(waiting);
    }

    /// The command, which from now on occupies room, also if there is none; `None` if it was withdrawn.
    pub(super) fn take(&mut self, held: Held<C>) -> Option<C> {
        let Held { tenant, size, command, .. } = held;
        let waiting = match command {
            Place::Here(command) => return Some(command),
            Place::Waiting(waiting) => waiting,
        };
        match waiting.take() {
            Taken::Admitted(command) => Some(command),
            Taken::Unadmitted(command) => {
                self.leave(tenant, &waiting);
                self.charge(tenant, size);
                Some(command)
            }
            Taken::Withdrawn => {
                self.leave(tenant, &waiting);
                None
            }
        }
    }

    /// Frees room. It goes to commands of the same tenant: those of others wait for nothing but their turn.
    pub(super) fn free(&mut self, tenant: TenantId, size: usize) {
        self.occupied = self.occupied.saturating_sub(size);
        let account = self.account(tenant);
        account.occupied = account.occupied.saturating_sub(size);
        while let Some((first, occupied)) = self.first_waiting(tenant)
            && self.has_room(occupied, first.size)
        {
            if first.admit() {
                self.charge(tenant, first.size);
            }
            self.leave(tenant, &first);
        }
        self.forget_if_idle(tenant);
    }

    /// Refuses everybody who waits.
    pub(super) fn close(&mut self) {
        for account in self.tenants.values() {
            account.waiting.iter().for_each(|waiting| waiting.withdraw());
        }
    }

    /// Forgets what was withdrawn.
    pub(super) fn sweep(&mut self) {
        self.tenants.retain(|_, account| {
            account.waiting.retain(|waiting| !waiting.is_withdrawn());
            !account.is_idle()
        });
    }

    /// The first command of a tenant that waits, and what the tenant occupies.
    fn first_waiting(&self, tenant: TenantId) -> Option<(Arc<Waiting<C>>, usize)> {
        let account = self.tenants.get(&tenant)?;
        Some((Arc::clone(account.waiting.front()?), account.occupied))
    }

    /// A command waits no more. It is the first that waits, unless it was withdrawn and is forgotten: commands
    /// are taken, and admitted, in their order.
    fn leave(&mut self, tenant: TenantId, waiting: &Arc<Waiting<C>>) {
        if let Some(account) = self.tenants.get_mut(&tenant) {
            account.waiting.pop_front_if(|first| Arc::ptr_eq(first, waiting));
            self.forget_if_idle(tenant);
        }
    }

    fn charge(&mut self, tenant: TenantId, size: usize) {
        self.occupied += size;
        self.account(tenant).occupied += size;
    }

    fn account(&mut self, tenant: TenantId) -> &mut Account<C> {
        self.tenants.entry(tenant).or_insert_with(|| Account { occupied: 0, waiting: VecDeque::new() })
    }

    fn forget_if_idle(&mut self, tenant: TenantId) {
        if self.tenants.get(&tenant).is_some_and(Account::is_idle) {
            self.tenants.remove(&tenant);
        }
    }
}

impl<C> Account<C> {
    fn is_idle(&self) -> bool {
        self.occupied == 0 && self.waiting.is_empty()
    }
}
