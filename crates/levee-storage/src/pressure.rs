//! Which tenants need room: the storage quota of each is nearly used up, and its oldest records are to go for it.
//! Whoever decides appends notes them; whoever makes room takes them, in their turn.

use levee_types::TenantId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A tenant is noted when more than this of its quota is used, in thousandths: halfway to the limit, so that room for
/// many appends is made at once.
const NOTED_PERMILLE: u64 = 975;
/// So much is left of what it has.
const LEFT_PERMILLE: u64 = 950;

/// Whether a tenant that stores so much needs room.
pub(crate) fn is_near(limit: u64, stored: u64) -> bool {
    stored > permille(limit, NOTED_PERMILLE)
}

/// How many of its bytes must go, so that `more` can come.
pub(crate) fn excess(limit: u64, stored: u64, more: u64) -> u64 {
    stored.saturating_sub(permille(limit, LEFT_PERMILLE).min(limit.saturating_sub(more)))
}

fn permille(limit: u64, share: u64) -> u64 {
    u64::try_from(u128::from(limit) * u128::from(share) / 1000).unwrap_or(limit)
}

/// The tenants that need room.
#[derive(Default)]
pub(crate) struct Pressure {
    noted: Mutex<Noted>,
    changed: Condvar,
}

#[derive(Default)]
struct Noted {
    /// In the order in which they came.
    tenants: VecDeque<TenantId>,
    /// Bytes that the largest append of each needs.
    needs: HashMap<TenantId, u64>,
    is_closed: bool,
}

impl Pressure {
    /// Notes that a tenant needs room for so many bytes.
    pub(crate) fn note(&self, tenant: TenantId, bytes: u64) {
        let mut noted = self.lock();
        let needs = noted.needs.entry(tenant).or_insert(0);
        *needs = bytes.max(*needs);
        if noted.needs.len() > noted.tenants.len() {
            noted.tenants.push_back(tenant);
            self.changed.notify_all();
        }
    }

    /// The next one, with what it needs. Blocks until there is one; `None`: there will be none any more.
    pub(crate) fn wait(&self) -> Option<(TenantId, u64)> {
        let is_idle = |noted: &mut Noted| noted.tenants.is_empty() && !noted.is_closed;
        let mut noted = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        if noted.is_closed { None } else { noted.take() }
    }

    /// The next one, if there is one.
    #[cfg(test)]
    pub(crate) fn take(&self) -> Option<(TenantId, u64)> {
        self.lock().take()
    }

    /// Ends the waiting.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn take(&mut self) -> Option<(TenantId, u64)> {
        let tenant = self.tenants.pop_front()?;
        Some((tenant, self.needs.remove(&tenant).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests;
