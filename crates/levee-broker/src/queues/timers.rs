//! When something is to be done about the partitions of a queue.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Partitions by when something is to be done about them, by the clock that is never set.
#[derive(Default)]
pub(super) struct Timers(Mutex<BTreeSet<(Duration, u32)>>);

impl Timers {
    /// Moves a partition from one time to another. True: it is the first to be due now.
    pub(super) fn set(&self, partition: u32, before: Option<Duration>, due: Option<Duration>) -> bool {
        let mut timers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = before {
            timers.remove(&(before, partition));
        }
        let Some(due) = due else { return false };
        timers.insert((due, partition));
        timers.first() == Some(&(due, partition))
    }

    /// When the first is due.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().map(|(due, _)| *due)
    }

    /// Those that are due.
    pub(super) fn due(&self, now: Duration) -> Vec<u32> {
        let timers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        timers.iter().take_while(|(due, _)| *due <= now).map(|(_, partition)| *partition).collect()
    }
}
