//! Fences: how a commit of somebody who has lost a partition is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Goes with the right to a partition, and with every commit that is made under it. The committer looks at it when it
/// decides a commit; so after it was closed nothing more is committed under it, however long a commit was on its way.
/// It lives as long as the process, as do those who have rights.
#[derive(Debug, Clone, Default)]
pub struct Fence(Arc<AtomicBool>);

impl Fence {
    /// An open one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the right away, for good.
    pub fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the right was taken away.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
