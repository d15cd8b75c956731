//! Memory for answers that their clients have not taken yet.
//!
//! Must hold: what is held for all clients stays within [`HELD_ANSWER_BYTES`], and what is held for those of one tenant
//! within [`TENANT_HELD_ANSWER_BYTES`]. Nobody waits for it: who gets none does with less.

use levee_types::limits::{HELD_ANSWER_BYTES, TENANT_HELD_ANSWER_BYTES};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// It is counted in so many bytes.
const UNIT: usize = 1024;

/// An amount of memory.
pub(super) struct Memory(Arc<Semaphore>);

impl Memory {
    /// For all tenants together.
    pub(super) fn of_node() -> Self {
        Self(Arc::new(Semaphore::new(HELD_ANSWER_BYTES / UNIT)))
    }

    /// For one of them.
    pub(super) fn of_tenant() -> Self {
        Self(Arc::new(Semaphore::new(TENANT_HELD_ANSWER_BYTES / UNIT)))
    }

    fn take(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(units).ok()
    }
}

/// Memory that is held for an answer, until it is dropped.
#[derive(Debug)]
pub struct Held {
    tenant: OwnedSemaphorePermit,
    node: OwnedSemaphorePermit,
}

impl Held {
    /// Takes so many bytes, if there are as many.
    pub(super) fn take(tenant: &Memory, node: &Memory, bytes: usize) -> Option<Self> {
        let units = units(bytes);
        Some(Self { tenant: tenant.take(units)?, node: node.take(units)? })
    }

    /// How much it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tenant.num_permits() * UNIT
    }

    /// Gives back all but so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let more = self.tenant.num_permits().saturating_sub(units(bytes) as usize);
        drop((self.tenant.split(more), self.node.split(more)));
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Held, Memory};
    use levee_types::limits::{HELD_ANSWER_BYTES, TENANT_HELD_ANSWER_BYTES};

    #[test]
    fn a_tenant_has_its_share_and_all_have_what_there_is() {
        let node = Memory::of_node();
        let tenants: Vec<_> =
            (0..=HELD_ANSWER_BYTES / TENANT_HELD_ANSWER_BYTES).map(|_| Memory::of_tenant()).collect();
        let (last, others) = tenants.split_last().unwrap();
        let mut held: Vec<_> = others
            .iter()
            .map(|tenant| Held::take(tenant, &node, TENANT_HELD_ANSWER_BYTES).unwrap())
            .collect();
        assert!(Held::take(&others[0], &node, 1).is_none(), "the tenant has all that it may have");
        assert!(Held::take(last, &node, 1).is_none(), "all together have all that there is");
        held[0].shrink(TENANT_HELD_ANSWER_BYTES - 1);
        assert!(Held::take(last, &node, 1).is_none(), "a unit that is not used up is not given back");
        held[0].shrink(TENANT_HELD_ANSWER_BYTES - 1024);
        assert_eq!(held[0].bytes(), TENANT_HELD_ANSWER_BYTES - 1024);
        assert!(Held::take(last, &node, 1025).is_none());
        let unit = Held::take(last, &node, 1).unwrap();
        assert!(Held::take(&others[0], &node, 1).is_none(), "the node has no more");
        drop(unit);
        assert!(Held::take(&others[0], &node, 1024).is_some());
        drop(held);
        assert!(Held::take(last, &node, TENANT_HELD_ANSWER_BYTES + 1).is_none());
        // What is refused has taken nothing.
        assert!(Held::take(last, &node, TENANT_HELD_ANSWER_BYTES).is_some());
    }
}
