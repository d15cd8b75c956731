//! One partition of a live queue.

use super::turns::Turn;
use levee_groups::queue::{Now, Progress, Window};
use levee_storage::{Commit, Fence, Subscription, Topic};
use levee_types::{GroupId, PartitionId};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A partition that workers take from.
pub(super) struct LivePartition {
    /// Its number within the queue.
    pub(super) index: u32,
    pub(super) id: PartitionId,
    pub(super) topic: Arc<Topic>,
    /// The right to commit for it.
    pub(super) fence: Fence,
    state: Mutex<State>,
    _subscription: Subscription,
}

pub(super) struct State {
    pub(super) window: Window,
    /// There may be records that were not looked at.
    pub(super) is_behind: bool,
    /// It was deleted with its topic.
    pub(super) is_gone: bool,
    /// What would be written is not what was written last.
    pub(super) is_unwritten: bool,
    /// When something is to be done about it, by the clock that is never set.
    pub(super) due: Option<Duration>,
}

/// What a partition has for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing now.
    Nothing,
    /// The batch that holds this record is to be handed out from, or to be looked at first.
    Read(u64),
}

impl LivePartition {
    pub(super) fn new(
        index: u32,
        id: PartitionId,
        topic: Arc<Topic>,
        window: Window,
        subscription: Subscription,
    ) -> Self {
        let state = State { window, is_behind: true, is_gone: false, is_unwritten: false, due: None };
        Self { index, id, topic, fence: Fence::new(), state: Mutex::new(state), _subscription: subscription }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is for the worker whose turn it is.
    pub(super) fn next(&self, turn: Turn) -> Next {
        let mut state = self.lock();
        state.is_behind |= turn.has_grown;
        match state.window.available() {
            _ if state.is_gone => Next::Nothing,
            Some(offset) => Next::Read(offset),
            None => state.looks_for().map_or(Next::Nothing, Next::Read),
        }
    }

    /// What is to be written now, as if these dead records had been put away.
    pub(super) fn commit(&self, group: GroupId, put_away: &BTreeSet<u64>) -> Commit {
        let progress = {
            let mut state = self.lock();
            state.is_unwritten = false;
            state.window.progress(put_away)
        };
        to_commit(group, self.id, progress, self.fence.clone())
    }
}

impl State {
    /// Where to look for more, if there may be any.
    pub(super) fn looks_for(&self) -> Option<u64> {
        self.window.looks_for().filter(|_| self.is_behind)
    }

    /// Whether there is something for a worker.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_gone && (self.window.available().is_some() || self.looks_for().is_some())
    }

    /// Notes when something is to be done; returns what was noted before and what is noted now, if that is not the same.
    pub(super) fn note_due(&mut self, now: Now) -> Option<(Option<Duration>, Option<Duration>)> {
        let due = self.window.due_in(now).map(|wait| now.monotonic.saturating_add(wait));
        let before = std::mem::replace(&mut self.due, due);
        (before != due).then_some((before, due))
    }
}

/// What storage is told.
pub(super) fn to_commit(group: GroupId, partition: PartitionId, progress: Progress, fence: Fence) -> Commit {
    let Progress { offset, ahead } = progress;
    Commit { group, partition, offset, ahead, fence }
}

/// What storage told.
pub(super) fn from_storage(progress: levee_storage::Progress) -> Progress {
    let levee_storage::Progress { offset, ahead, .. } = progress;
    Progress { offset, ahead }
}
