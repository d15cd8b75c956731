//! The same as a window, without any cleverness: every record of the log with all that is known of it, looked through
//! from the start for each question.

use super::super::{Now, Offered, Progress, Rules, WorkerId};
use levee_types::group::AheadState;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// What the log has; none: it was compacted away.
    pub(super) record: Option<(Option<u64>, Option<i64>)>,
    pub(super) is_seen: bool,
    pub(super) is_done: bool,
    pub(super) is_dead: bool,
    pub(super) deliveries: u32,
    /// Worker, id and end.
    pub(super) lease: Option<(WorkerId, u64, Duration)>,
    delayed_until: Option<Duration>,
    /// Its turn had come, and its moment too.
    was_due: bool,
}

impl Known {
    fn is_undone(&self) -> bool {
        self.is_seen && !self.is_done
    }
}

pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) log: Vec<Known>,
    pub(super) start: usize,
    pub(super) now: Now,
    next_lease: u64,
    /// What was written down: which records were done, and how often the others had been handed out.
    written: Vec<(bool, u32)>,
}

impl Model {
    pub(super) fn new(rules: Rules, log: Vec<Option<(Option<u64>, Option<i64>)>>, now: Now) -> Self {
        let log: Vec<_> = log.into_iter().map(|record| Known { record, ..Known::default() }).collect();
        let written = vec![(false, 0); log.len()];
        Self { rules, log, start: 0, now, next_lease: 1, written }
    }

    /// The first that was not looked at and is not known to be done.
    pub(super) fn next(&self) -> u64 {
        self.log.iter().rposition(|known| known.is_seen).map_or(0, |last| last as u64 + 1)
    }

    pub(super) fn low(&self) -> u64 {
        self.log.iter().position(Known::is_undone).map_or(self.next(), |offset| offset as u64)
    }

    pub(super) fn records(&self, first: usize, end: usize) -> Vec<Offered> {
        (first..end)
            .filter_map(|offset| {
                let (key, deliver_at_ms) = self.log[offset].record?;
                Some(Offered { offset: offset as u64, key, deliver_at_ms })
            })
            .collect()
    }

    pub(super) fn offer(&mut self, end: usize) {
        for known in &mut self.log[..end] {
            if known.is_seen {
                continue;
            }
            known.is_seen = true;
            known.is_done |= known.record.is_none();
            known.is_dead = !known.is_done && known.deliveries >= self.rules.max_deliveries;
        }
        self.settle();
    }

    /// Marks what follows from the state: to be called after each change.
    pub(super) fn settle(&mut self) {
        let next = usize::try_from(self.next()).unwrap();
        for known in self.log[next..].iter_mut().take_while(|known| known.is_done) {
            known.is_seen = true;
        }
        for offset in 0..self.log.len() {
            let moment = self.log[offset].record.and_then(|(_, moment)| moment);
            if self.has_its_turn(offset) && moment.is_none_or(|at_ms| at_ms <= self.now.unix_ms) {
                self.log[offset].was_due = true;
            }
        }
    }

    fn has_its_turn(&self, offset: usize) -> bool {
        let known = &self.log[offset];
        if !known.is_undone() || known.is_dead {
            return false;
        }
        let key = known.record.and_then(|(key, _)| key).filter(|_| self.rules.ordered_by_key);
        let is_before = |other: &Known| {
            other.is_undone() && !other.is_dead && other.record.is_some_and(|(other, _)| other == key)
        };
        key.is_none() || !self.log[..offset].iter().any(is_before)
    }

    pub(super) fn available(&self) -> Vec<u64> {
        (0..self.log.len())
            .filter(|offset| {
                let known = &self.log[*offset];
                self.has_its_turn(*offset)
                    && known.was_due
                    && known.lease.is_none()
                    && known.delayed_until.is_none()
            })
            .map(|offset| offset as u64)
            .collect()
    }

    pub(super) fn take(&mut self, worker: WorkerId, term: Duration, end: u64) -> Option<(u64, u64, u32)> {
        let offset = self.available().into_iter().next().filter(|offset| *offset < end)?;
        let id = self.next_lease;
        self.next_lease += 1;
        let until = self.now.monotonic + term;
        let known = &mut self.log[usize::try_from(offset).unwrap()];
        known.deliveries += 1;
        known.lease = Some((worker, id, until));
        Some((offset, id, known.deliveries))
    }

    /// The record of a lease that has not ended.
    pub(super) fn leased(&mut self, worker: WorkerId, id: u64) -> Option<&mut Known> {
        let now = self.now.monotonic;
        self.log.iter_mut().find(|known| {
            known.lease.is_some_and(|(by, lease, until)| by == worker && lease == id && now < until)
        })
    }

    /// Ends the lease of a record that is not done.
    pub(super) fn give_back(rules: Rules, known: &mut Known, delay_until: Option<Duration>, dead: bool) {
        known.lease = None;
        known.is_dead = dead || known.deliveries >= rules.max_deliveries;
        known.delayed_until = delay_until.filter(|_| !known.is_dead);
    }

    pub(super) fn leave(&mut self, worker: WorkerId) {
        for known in &mut self.log {
            if known.lease.is_some_and(|(by, ..)| by == worker) {
                Self::give_back(self.rules, known, None, false);
            }
        }
    }

    pub(super) fn expire(&mut self) -> BTreeSet<(WorkerId, u64)> {
        let mut ended = BTreeSet::new();
        for known in &mut self.log {
            if let Some((worker, id, until)) = known.lease
                && until <= self.now.monotonic
            {
                ended.insert((worker, id));
                Self::give_back(self.rules, known, None, false);
            }
            known.delayed_until = known.delayed_until.filter(|until| *until > self.now.monotonic);
        }
        ended
    }

    pub(super) fn trim(&mut self, start: usize) {
        self.start = self.start.max(start);
        for known in &mut self.log[..start] {
            *known = Known { record: known.record, is_seen: true, is_done: true, ..Known::default() };
        }
    }

    pub(super) fn compact(&mut self, offsets: Range<usize>) {
        for known in &mut self.log[offsets] {
            known.record = None;
            if known.is_seen {
                *known = Known { is_seen: true, is_done: true, ..Known::default() };
            }
        }
    }

    pub(super) fn dead(&self) -> Vec<(u64, u32)> {
        let dead = self.log.iter().enumerate().filter(|(_, known)| known.is_dead && !known.is_done);
        dead.map(|(offset, known)| (offset as u64, known.deliveries)).collect()
    }

    pub(super) fn due_in(&self) -> Option<Duration> {
        let span = |known: &Known| known.lease.map(|(.., until)| until).or(known.delayed_until);
        let spans = self.log.iter().filter_map(span).map(|until| until.saturating_sub(self.now.monotonic));
        let moments = (0..self.log.len()).filter(|offset| self.has_its_turn(*offset)).filter_map(|offset| {
            let at_ms = self.log[offset].record?.1?;
            let left_ms = u64::try_from(at_ms - self.now.unix_ms).unwrap_or(0);
            (!self.log[offset].was_due).then(|| Duration::from_millis(left_ms.min(60_000)))
        });
        spans.chain(moments).min()
    }

    /// For each record what is to be written of it: whether it is done, and how often it was handed out.
    fn to_write(&self) -> Vec<(bool, u32)> {
        let deliveries = |known: &Known| match known.is_dead {
            true => known.deliveries.max(self.rules.max_deliveries),
            false => known.deliveries,
        };
        self.log
            .iter()
            .map(|known| (known.is_done, if known.is_done { 0 } else { deliveries(known) }))
            .collect()
    }

    /// Checks what a window would have written, and remembers that it was.
    pub(super) fn write(&mut self, progress: &Progress) {
        let mut written = vec![(false, 0); self.log.len()];
        let offset = usize::try_from(progress.offset).unwrap();
        written[..offset].fill((true, 0));
        let mut behind = progress.offset;
        for run in &progress.ahead {
            assert!(run.records > 0 && run.first >= behind, "not in order: {progress:?}");
            behind = run.end();
            for known in &mut written[usize::try_from(run.first).unwrap()..usize::try_from(behind).unwrap()] {
                *known = match run.state {
                    AheadState::Done => (true, 0),
                    AheadState::Delivered(deliveries) => (false, deliveries),
                };
            }
        }
        assert_eq!(written, self.to_write(), "{progress:?}");
        self.written = written;
    }

    /// All that was not written is forgotten.
    pub(super) fn restart(&mut self) {
        self.next_lease = 1;
        for (offset, (known, (is_done, deliveries))) in self.log.iter_mut().zip(&self.written).enumerate() {
            let is_done = *is_done || offset < self.start;
            let deliveries = if is_done { 0 } else { *deliveries };
            *known = Known { record: known.record, is_done, deliveries, ..Known::default() };
        }
        self.log[..self.start].iter_mut().for_each(|known| known.is_seen = true);
        self.settle();
    }
}
