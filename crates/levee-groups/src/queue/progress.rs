//! What is written down of a window, and what a window remembers of it.

use std::collections::VecDeque;

/// How far a queue has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Every record before it is done.
    pub offset: u64,
    /// What is known of records from there on: in the order of offsets, not overlapping. Nobody has had the others.
    pub ahead: Vec<Ahead>,
}

/// A run of records of the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Offset of the first.
    pub first: u64,
    /// How many, at least 1.
    pub records: u64,
    /// Their state.
    pub state: AheadState,
}

/// What is known of a record that the low offset has not passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AheadState {
    /// It is done.
    Done,
    /// It is not, and was handed out so often; at least 1.
    Delivered(u32),
}

impl Ahead {
    /// The offset behind the last.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.records)
    }

    /// The part of it from `start` on and before `end`.
    fn within(&self, start: u64, end: u64) -> Option<Self> {
        let (first, end) = (self.first.max(start), self.end().min(end));
        (first < end).then(|| Self { first, records: end - first, state: self.state })
    }
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
        Self(progress.ahead.iter().filter_map(|run| run.within(start, end)).collect())
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
        self.0.iter().filter_map(move |run| run.within(offset, u64::MAX))
    }

    fn forget_before(&mut self, offset: u64) {
        while self.0.front().is_some_and(|run| run.end() <= offset) {
            self.0.pop_front();
        }
    }
}
