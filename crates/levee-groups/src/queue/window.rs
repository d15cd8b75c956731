//! The state of one partition of a queue.

use super::lines::Lines;
use super::progress::{Progress, Remembered, Runs};
use super::records::{Records, State, Undone};
use super::{Cause, Dead, HandedOut, Lease, LeaseExpired, Now, Offered, Rejection, Rules, WorkerId};
use levee_types::group::{Ahead, AheadState};
use levee_types::limits::MAX_UNDONE_PER_PARTITION;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// How long a moment of the calendar is waited for at once, so that a clock that is set is noticed.
const LOOK_AT_CALENDAR: Duration = Duration::from_secs(60);

/// What a queue knows of the records of a partition.
#[derive(Debug)]
pub struct Window {
    rules: Rules,
    /// The first offset that was not looked at.
    next: u64,
    /// Every record before `next` that is not here is done.
    records: Records,
    dead: BTreeMap<u64, Dead>,
    lines: Lines,
    remembered: Remembered,
    next_lease: u64,
}

impl Window {
    /// The window of a partition that nobody looked at: it begins at `offset`.
    #[must_use]
    pub fn new(rules: Rules, offset: u64) -> Self {
        Self::restore(rules, &Progress { offset, ahead: Vec::new() }, offset, u64::MAX)
    }

    /// The window that was written down as `progress`, over a log from `start` to `end`. What lies outside of the
    /// log is not believed: a record that comes later has never been seen.
    #[must_use]
    pub fn restore(rules: Rules, progress: &Progress, start: u64, end: u64) -> Self {
        let offset = progress.offset.min(end).max(start);
        let mut remembered = Remembered::new(progress, offset, end);
        Self {
            rules,
            next: remembered.skip_done(offset),
            records: Records::default(),
            dead: BTreeMap::new(),
            lines: Lines::default(),
            remembered,
            next_lease: 1,
        }
    }

    /// Every record before it is done.
    #[must_use]
    pub fn low(&self) -> u64 {
        self.records.first().map_or(self.next, |(offset, _)| offset)
    }

    /// The first record that was not looked at; none while there is no room for it.
    #[must_use]
    pub fn looks_for(&self) -> Option<u64> {
        (self.records.len() < MAX_UNDONE_PER_PARTITION).then_some(self.next)
    }

    /// Looks at the records of the log before `end`, in the order of their offsets, as far as there is room. Those
    /// that it has seen already, it skips; what is not among them is not in the log any more.
    pub fn offer(&mut self, records: impl IntoIterator<Item = Offered>, end: u64, now: Now) {
        for record in records {
            if record.offset < self.next {
                continue;
            }
            if self.looks_for().is_none() {
                return;
            }
            self.next = record.offset.saturating_add(1);
            match self.remembered.recall(record.offset) {
                Some(AheadState::Done) => {}
                Some(AheadState::Delivered(deliveries)) => self.look_at(record, deliveries, now),
                None => self.look_at(record, 0, now),
            }
        }
        self.next = self.remembered.skip_done(self.next.max(end));
    }

    fn look_at(&mut self, record: Offered, deliveries: u32, now: Now) {
        let Offered { offset, key, deliver_at_ms } = record;
        let key = key.filter(|_| self.rules.ordered_by_key);
        self.records.insert(offset, Undone::new(key, deliver_at_ms, deliveries));
        if deliveries >= self.rules.max_deliveries {
            self.bury(offset, Cause::Before);
        } else if key.is_none_or(|key| self.lines.join(key, offset)) {
            self.release(offset, now);
        }
    }

    /// The first record that may be handed out.
    #[must_use]
    pub fn available(&self) -> Option<u64> {
        self.records.available().first().copied()
    }

    /// How many records may be handed out.
    #[must_use]
    pub fn available_len(&self) -> usize {
        self.records.available().len()
    }

    /// Hands the first record that may be out to a worker, if it stands before `end`.
    pub fn take(&mut self, worker: WorkerId, term: Duration, end: u64, now: Now) -> Option<HandedOut> {
        let offset = self.available().filter(|offset| *offset < end)?;
        let lease = Lease { worker, id: self.next_lease };
        self.next_lease += 1;
        let deliveries = self.records.count(offset);
        self.records.enter(offset, State::Leased { lease, until: now.monotonic.saturating_add(term) });
        Some(HandedOut { offset, lease, deliveries })
    }

    /// A record is done.
    ///
    /// # Errors
    /// The lease has ended.
    pub fn acknowledge(&mut self, lease: Lease, now: Now) -> Result<(), LeaseExpired> {
        let offset = self.leased(lease, now)?;
        self.finish(offset, now);
        Ok(())
    }

    /// A record is not done: it is available again after a while, or dead. True: it is dead.
    ///
    /// # Errors
    /// The lease has ended.
    pub fn reject(
        &mut self,
        lease: Lease,
        Rejection { delay, dead, reason }: Rejection<'_>,
        now: Now,
    ) -> Result<bool, LeaseExpired> {
        let offset = self.leased(lease, now)?;
        let is_dead = dead || self.is_worn_out(offset);
        if is_dead {
            self.die(offset, Cause::Rejected(reason.into()), now);
        } else if delay.is_zero() {
            self.records.enter(offset, State::Available);
        } else {
            self.records.enter(offset, State::Delayed { until: now.monotonic.saturating_add(delay) });
        }
        Ok(is_dead)
    }

    /// A worker has a record for `term` from now on.
    ///
    /// # Errors
    /// The lease has ended.
    pub fn extend(&mut self, lease: Lease, term: Duration, now: Now) -> Result<(), LeaseExpired> {
        let offset = self.leased(lease, now)?;
        self.records.enter(offset, State::Leased { lease, until: now.monotonic.saturating_add(term) });
        Ok(())
    }

    /// What a worker has is available again.
    pub fn leave(&mut self, worker: WorkerId, now: Now) {
        let leases = Lease { worker, id: 0 }..=Lease { worker, id: u64::MAX };
        let offsets: Vec<_> = self.records.leases().range(leases).map(|(_, offset)| *offset).collect();
        for offset in offsets {
            self.give_back(offset, Cause::WorkerLeft, now);
        }
    }

    /// Ends the leases and delays whose time is over, and returns the leases. To be called when [`Self::due_in`]
    /// says so.
    pub fn expire(&mut self, now: Now) -> Vec<Lease> {
        let mut ended = Vec::new();
        while let Some((_, offset)) = self.records.first_span().filter(|(at, _)| *at <= now.monotonic) {
            match self.records.get(offset).map(Undone::state) {
                Some(State::Leased { lease, .. }) => {
                    ended.push(lease);
                    self.give_back(offset, Cause::Expired, now);
                }
                _ => self.records.enter(offset, State::Available),
            }
        }
        while let Some((_, offset)) = self.records.first_moment().filter(|(at, _)| *at <= now.unix_ms) {
            self.records.enter(offset, State::Available);
        }
        ended
    }

    /// The log begins at `start`: what stood before is done. Returns the leases that ended.
    pub fn trim(&mut self, start: u64, now: Now) -> Vec<Lease> {
        let ended = self.lose(0..start, now);
        self.next = self.remembered.skip_done(self.next.max(start));
        ended
    }

    /// The log has these records no more: those of them that were looked at are done. Returns the leases that ended.
    pub fn lose(&mut self, offsets: Range<u64>, now: Now) -> Vec<Lease> {
        let mut ended = Vec::new();
        while let Some((offset, record)) = self.records.first_within(&offsets) {
            if let State::Leased { lease, .. } = record.state() {
                ended.push(lease);
            }
            self.finish(offset, now);
        }
        ended
    }

    /// Records that are to be put away, in the order of their offsets.
    pub fn dead(&self) -> impl Iterator<Item = (u64, &Dead)> {
        self.dead.iter().map(|(offset, dead)| (*offset, dead))
    }

    /// A dead record was put away: it is done.
    pub fn put_away(&mut self, offset: u64) {
        if self.dead.remove(&offset).is_some() {
            self.records.remove(offset);
        }
    }

    /// In how long [`Self::expire`] has something to do, or must look at the calendar again; none if never.
    #[must_use]
    pub fn due_in(&self, now: Now) -> Option<Duration> {
        let span = self.records.first_span().map(|(at, _)| at.saturating_sub(now.monotonic));
        let moment = self.records.first_moment().map(|(at_ms, _)| {
            let left_ms = at_ms.saturating_sub(now.unix_ms).max(0).unsigned_abs();
            Duration::from_millis(left_ms).min(LOOK_AT_CALENDAR)
        });
        span.into_iter().chain(moment).min()
    }

    /// How many records workers have.
    #[must_use]
    pub fn leased_len(&self) -> usize {
        self.records.leases().len()
    }

    /// What is to be written down, as if the dead records `put_away` had been put away: so that it can be written
    /// together with that. [`Self::restore`] goes on from there, without leases and delays.
    #[must_use]
    pub fn progress(&self, put_away: &BTreeSet<u64>) -> Progress {
        let mut undone = self.records.iter().filter(|(offset, _)| !put_away.contains(offset)).peekable();
        let low = undone.peek().map_or(self.next, |(offset, _)| *offset);
        let done = |first, end| Ahead { first, records: end - first, state: AheadState::Done };
        let mut runs = Runs::new();
        let mut behind = low;
        for (offset, record) in undone {
            if behind < offset {
                runs.add(done(behind, offset));
            }
            let deliveries = match record.state() {
                // Rejected for good, it must not come again.
                State::Dead => record.deliveries.max(self.rules.max_deliveries),
                _ => record.deliveries,
            };
            if deliveries > 0 {
                runs.add(Ahead { first: offset, records: 1, state: AheadState::Delivered(deliveries) });
            }
            behind = offset + 1;
        }
        if behind < self.next {
            runs.add(done(behind, self.next));
        }
        self.remembered.from(self.next).for_each(|run| runs.add(run));
        Progress { offset: low, ahead: runs.finish() }
    }

    /// The record that a worker still has by a lease.
    fn leased(&self, lease: Lease, now: Now) -> Result<u64, LeaseExpired> {
        let offset = *self.records.leases().get(&lease).ok_or(LeaseExpired)?;
        match self.records.get(offset).map(Undone::state) {
            // Its end may not have been noticed yet.
            Some(State::Leased { until, .. }) if now.monotonic < until => Ok(offset),
            _ => Err(LeaseExpired),
        }
    }

    fn is_worn_out(&self, offset: u64) -> bool {
        self.records.get(offset).is_some_and(|record| record.deliveries >= self.rules.max_deliveries)
    }

    /// A lease ended, and its record was not done.
    fn give_back(&mut self, offset: u64, cause: Cause, now: Now) {
        if self.is_worn_out(offset) {
            self.die(offset, cause, now);
        } else {
            self.records.enter(offset, State::Available);
        }
    }

    /// The turn of a record has come: it is available, as soon as its time has come too.
    fn release(&mut self, offset: u64, now: Now) {
        let deliver_at_ms = self.records.get(offset).and_then(|record| record.deliver_at_ms);
        match deliver_at_ms.filter(|at_ms| *at_ms > now.unix_ms) {
            Some(at_ms) => self.records.enter(offset, State::Scheduled { at_ms }),
            None => self.records.enter(offset, State::Available),
        }
    }

    fn finish(&mut self, offset: u64, now: Now) {
        let is_dead = self.dead.remove(&offset).is_some();
        let key = self.records.remove(offset).and_then(|record| record.key);
        // A dead one left its line when it died.
        if !is_dead {
            self.leave_line(key, offset, now);
        }
    }

    /// The records behind it need not wait until it is put away.
    fn die(&mut self, offset: u64, cause: Cause, now: Now) {
        self.bury(offset, cause);
        let key = self.records.get(offset).and_then(|record| record.key);
        self.leave_line(key, offset, now);
    }

    fn bury(&mut self, offset: u64, cause: Cause) {
        self.records.enter(offset, State::Dead);
        if let Some(record) = self.records.get(offset) {
            self.dead.insert(offset, Dead { deliveries: record.deliveries, cause });
        }
    }

    fn leave_line(&mut self, key: Option<u64>, offset: u64, now: Now) {
        if let Some(next) = key.and_then(|key| self.lines.leave(key, offset)) {
            self.release(next, now);
        }
    }
}
