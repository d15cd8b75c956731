//! When the next group is to be looked at: one queue for all, so that what is idle costs nothing.

use super::live::LiveGroup;
use levee_types::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Groups by the times that they asked for.
#[derive(Default)]
pub(super) struct Timer {
    queue: Mutex<Queue>,
    /// Something is earlier than what was the first.
    is_earlier: Notify,
}

#[derive(Default)]
struct Queue {
    /// Those of the same time in the order in which they asked.
    times: BTreeMap<(Duration, u64), Weak<LiveGroup>>,
    next: u64,
}

impl Timer {
    /// Asks for a time.
    pub(super) fn ask(&self, at: Duration, group: Weak<LiveGroup>) {
        let mut queue = self.lock();
        let key = (at, queue.next);
        queue.next += 1;
        queue.times.insert(key, group);
        if queue.times.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.is_earlier.notify_one();
        }
    }

    /// The next group whose time has come.
    pub(super) async fn due(&self, clock: &dyn Clock) -> Arc<LiveGroup> {
        loop {
            let wait = match self.pop(clock.monotonic()) {
                Ok(group) => return group,
                Err(wait) => wait,
            };
            tokio::select! {
                () = self.is_earlier.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// The first whose time has come, or how long there is until it has; none: there is none.
    fn pop(&self, now: Duration) -> Result<Arc<LiveGroup>, Option<Duration>> {
        let mut queue = self.lock();
        while let Some(first) = queue.times.first_entry() {
            let (at, _) = *first.key();
            if at > now {
                return Err(Some(at.saturating_sub(now)));
            }
            if let Some(group) = first.remove().upgrade() {
                return Ok(group);
            }
        }
        Err(None)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
