//! What is written down of a window, and what a window remembers of it.

use levee_types::group::{Ahead, AheadState};
use std::collections::VecDeque;

/// How far a queue has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Every record before it is done.
    pub offset: u64,
    /// What is known of records from there on: in the order of offsets, not overlapping. Nobody has had the others.
    pub ahead: Vec<Ahead>,
}

/// The part of a run from `start` on and before `end`.
fn within(run: &Ahead, start: u64, end: u64) -> Option<Ahead> {
    let (first, end) = (run.first.max(start), run.end().min(end));
    (first < end).then(|| Ahead { first, records: end - first, state: run.state })
}

/// Writes runs, joining those that belong together.
pub(super) struct Runs(Vec<Ahead>);

impl Runs {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn add(&mut self, run: Ahead) {
        match self.0.last_mut() {
            Some(last) if last.end() == run.first && last.state == run.state => last.records += run.records,
            _ => self.0.push(run),
        }
    }

    pub(super) fn finish(self) -> Vec<Ahead> {
        self.0
    }
}

/// What was known before a restart of records that were not looked at since.
#[derive(Debug)]
pub(super) struct Remembered(VecDeque<Ahead>);

impl Remembered {
    /// What `progress` says of the records from `start` on and before `end`.
    pub(super) fn new(progress: &Progress, start: u64, end: u64) -> Self {
        Self(progress.ahead.iter().filter_map(|run| within(run, start, end)).collect())
    }

    /// What is known of a record, and forgets what lies before it: offsets come in their order.
    pub(super) fn recall(&mut self, offset: u64) -> Option<AheadState> {
        self.forget_before(offset);
        self.0.front().filter(|run| run.first <= offset).map(|run| run.state)
    }

    /// Skips records that are done: the offset of the first one from `offset` on that is not known to be.
    pub(super) fn skip_done(&mut self, mut offset: u64) -> u64 {
        while self.recall(offset) == Some(AheadState::Done) {
            offset = self.0.front().map_or(offset, Ahead::end);
        }
        offset
    }

    /// What is known from `offset` on.
    pub(super) fn from(&self, offset: u64) -> impl Iterator<Item = Ahead> + '_ {
        self.0.iter().filter_map(move |run| within(run, offset, u64::MAX))
    }

    fn forget_before(&mut self, offset: u64) {
        while self.0.front().is_some_and(|run| run.end() <= offset) {
            self.0.pop_front();
        }
    }
}
