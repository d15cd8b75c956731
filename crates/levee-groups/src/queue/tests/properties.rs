//! Windows against the model, through everything that can happen to them.

use super::super::{HandedOut, Lease, Now, Progress, Rejection, Rules, Window, WorkerId};
use super::model::Model;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Offer { records: usize },
    Take { worker: u64, term_ms: u64, before: u64 },
    Acknowledge { lease: usize },
    Reject { lease: usize, delay_ms: u64, dead: bool },
    Extend { lease: usize, term_ms: u64 },
    Leave { worker: u64 },
    Wait { millis: u64 },
    SetClock { by_ms: i64 },
    Trim { records: usize },
    Compact { first: usize, records: usize },
    PutAway { record: usize },
    Write,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Mostly recent leases: a small number is one of the last.
    let lease = || prop_oneof![4 => 0..4_usize, 1 => 0..40_usize];
    let step = prop_oneof![
        4 => (1..8_usize).prop_map(|records| Step::Offer { records }),
        8 => (0..3_u64, 1..50_u64, prop_oneof![4 => 100..101_u64, 1 => 0..40_u64])
            .prop_map(|(worker, term_ms, before)| Step::Take { worker, term_ms, before }),
        5 => lease().prop_map(|lease| Step::Acknowledge { lease }),
        4 => (lease(), prop_oneof![0..1_u64, 1..30_u64], proptest::bool::weighted(0.2))
            .prop_map(|(lease, delay_ms, dead)| Step::Reject { lease, delay_ms, dead }),
        2 => (lease(), 1..50_u64).prop_map(|(lease, term_ms)| Step::Extend { lease, term_ms }),
        1 => (0..3_u64).prop_map(|worker| Step::Leave { worker }),
        4 => (1..40_u64).prop_map(|millis| Step::Wait { millis }),
        1 => (-50..50_i64).prop_map(|by_ms| Step::SetClock { by_ms }),
        1 => (1..6_usize).prop_map(|records| Step::Trim { records }),
        1 => (0..40_usize, 1..4_usize).prop_map(|(first, records)| Step::Compact { first, records }),
        2 => (0..3_usize).prop_map(|record| Step::PutAway { record }),
        2 => (0..1_u8).prop_map(|_| Step::Write),
        1 => (0..1_u8).prop_map(|_| Step::Restart),
    ];
    proptest::collection::vec(step, 1..150)
}

/// For each offset its key and moment, if the log still has it.
fn log() -> impl Strategy<Value = Vec<Option<(Option<u64>, Option<i64>)>>> {
    let key = prop_oneof![1 => (0..1_u64).prop_map(|_| None), 3 => (0..4_u64).prop_map(Some)];
    let moment = prop_oneof![3 => (0..1_i64).prop_map(|_| None), 1 => (900..1_200_i64).prop_map(Some)];
    let record = proptest::option::weighted(0.85, (key, moment));
    proptest::collection::vec(record, 1..40)
}

struct Rig {
    window: Window,
    model: Model,
    leases: Vec<Lease>,
    written: Progress,
    /// Who has what, by what was told alone.
    out: BTreeMap<Lease, u64>,
    /// What was acknowledged, and when it was written too.
    acknowledged: BTreeSet<u64>,
    over: BTreeSet<u64>,
}

impl Rig {
    fn new(rules: Rules, log: Vec<Option<(Option<u64>, Option<i64>)>>) -> Self {
        let now = Now { monotonic: Duration::from_secs(5), unix_ms: 1_000 };
        Self {
            window: Window::new(rules, 0),
            model: Model::new(rules, log, now),
            leases: Vec::new(),
            written: Progress::default(),
            out: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            over: BTreeSet::new(),
        }
    }

    fn lease(&self, lease: usize) -> Lease {
        let none = Lease { worker: WorkerId(9), id: 1 };
        self.leases.iter().rev().nth(lease).copied().unwrap_or(none)
    }

    fn run(&mut self, step: &Step) {
        let now = self.model.now;
        match *step {
            Step::Offer { records } => {
                // Batches begin before what is looked for as often as not.
                let next = usize::try_from(self.model.next()).unwrap();
                let end = self.model.log.len().min(next + records);
                self.window.offer(self.model.records(next.saturating_sub(3), end), end as u64, now);
                self.model.offer(end);
            }
            Step::Take { worker, term_ms, before } => self.take(WorkerId(worker), term_ms, before),
            Step::Acknowledge { lease } => {
                let lease = self.lease(lease);
                let told = self.window.acknowledge(lease, now);
                let known = self.model.leased(lease.worker, lease.id);
                assert_eq!(told.is_ok(), known.is_some());
                if let Some(known) = known {
                    known.is_done = true;
                    known.lease = None;
                    self.acknowledged.extend(self.out.remove(&lease));
                }
            }
            Step::Reject { lease, delay_ms, dead } => {
                let lease = self.lease(lease);
                let delay = Duration::from_millis(delay_ms);
                let told = self.window.reject(lease, Rejection { delay, dead, reason: "" }, now);
                let rules = self.model.rules;
                let known = self.model.leased(lease.worker, lease.id);
                let expected = known.map(|known| {
                    let until = (delay_ms > 0).then_some(now.monotonic + delay);
                    Model::give_back(rules, known, until, dead);
                    known.is_dead
                });
                assert_eq!(told.ok(), expected);
                if expected.is_some() {
                    self.out.remove(&lease);
                }
            }
            Step::Extend { lease, term_ms } => {
                let (lease, term) = (self.lease(lease), Duration::from_millis(term_ms));
                let told = self.window.extend(lease, term, now);
                let known = self.model.leased(lease.worker, lease.id);
                assert_eq!(told.is_ok(), known.is_some());
                if let Some(known) = known {
                    known.lease = Some((lease.worker, lease.id, now.monotonic + term));
                }
            }
            Step::Leave { worker } => {
                self.window.leave(WorkerId(worker), now);
                self.model.leave(WorkerId(worker));
                self.out.retain(|lease, _| lease.worker != WorkerId(worker));
            }
            Step::Wait { millis } => {
                self.model.now.monotonic += Duration::from_millis(millis);
                self.model.now.unix_ms += i64::try_from(millis).unwrap();
                self.expire();
            }
            Step::SetClock { by_ms } => {
                self.model.now.unix_ms += by_ms;
                self.expire();
            }
            Step::Trim { records } => {
                let start = self.model.log.len().min(self.model.start + records);
                let ended: BTreeSet<_> = self.window.trim(start as u64, now).into_iter().collect();
                self.lose(&ended, 0..start);
                self.model.trim(start);
            }
            Step::Compact { first, records } => {
                let end = self.model.log.len().min(first + records);
                let ended = self.window.lose(first as u64..end as u64, now).into_iter().collect();
                self.lose(&ended, first.min(end)..end);
                self.model.compact(first.min(end)..end);
            }
            Step::PutAway { record } => {
                // Written first, as if it were done already.
                let Some((offset, _)) = self.model.dead().into_iter().nth(record) else { return };
                let progress = self.window.progress(&BTreeSet::from([offset]));
                self.model.log[usize::try_from(offset).unwrap()].is_done = true;
                self.model.settle();
                self.write(progress);
                self.window.put_away(offset);
                self.over.insert(offset);
            }
            Step::Write => self.write(self.window.progress(&BTreeSet::new())),
            Step::Restart => {
                let (start, end) = (self.model.start as u64, self.model.log.len() as u64);
                self.window = Window::restore(self.model.rules, &self.written, start, end);
                self.model.restart();
                self.leases.clear();
                self.out.clear();
                self.acknowledged.clear();
            }
        }
        self.model.settle();
        self.compare();
    }

    fn take(&mut self, worker: WorkerId, term_ms: u64, before: u64) {
        let term = Duration::from_millis(term_ms);
        let taken = self.window.take(worker, term, before, self.model.now);
        let told = taken.map(|HandedOut { offset, lease, deliveries }| (offset, lease.id, deliveries));
        assert_eq!(told, self.model.take(worker, term, before));
        let Some(HandedOut { offset, lease, deliveries }) = taken else { return };
        // What holds whatever the model says.
        assert!(!self.out.values().any(|out| *out == offset), "{offset} is with two workers");
        assert!(!self.acknowledged.contains(&offset) && !self.over.contains(&offset), "{offset} came again");
        assert!(deliveries <= self.model.rules.max_deliveries);
        let key =
            |offset: u64| self.model.log[usize::try_from(offset).unwrap()].record.and_then(|(key, _)| key);
        if let Some(of) = key(offset).filter(|_| self.model.rules.ordered_by_key) {
            assert!(!self.out.values().any(|out| key(*out) == Some(of)), "two records of key {of} are out");
        }
        self.out.insert(lease, offset);
        self.leases.push(lease);
    }

    /// Those of the lost records that were out are no more.
    fn lose(&mut self, ended: &BTreeSet<Lease>, lost: Range<usize>) {
        let is_lost = |offset: u64| lost.contains(&usize::try_from(offset).unwrap());
        let expected: BTreeSet<_> =
            self.out.iter().filter(|(_, offset)| is_lost(**offset)).map(|(lease, _)| *lease).collect();
        assert_eq!(*ended, expected);
        self.out.retain(|lease, _| !ended.contains(lease));
    }

    fn expire(&mut self) {
        let ended: BTreeSet<_> = self.window.expire(self.model.now).into_iter().collect();
        let expected = self.model.expire();
        assert_eq!(ended.iter().map(|lease| (lease.worker, lease.id)).collect::<BTreeSet<_>>(), expected);
        self.out.retain(|lease, _| !ended.contains(lease));
    }

    fn write(&mut self, progress: Progress) {
        self.model.write(&progress);
        self.written = progress;
        self.over.append(&mut self.acknowledged);
    }

    fn compare(&self) {
        let available = self.model.available();
        assert_eq!(self.window.low(), self.model.low(), "low");
        assert_eq!(self.window.looks_for(), Some(self.model.next()), "next");
        assert_eq!(self.window.available(), available.first().copied());
        assert_eq!(self.window.available_len(), available.len());
        assert_eq!(self.window.leased_len(), self.out.len());
        let dead: Vec<_> = self.window.dead().map(|(offset, dead)| (offset, dead.deliveries)).collect();
        assert_eq!(dead, self.model.dead());
        assert_eq!(self.window.due_in(self.model.now), self.model.due_in(), "due");
    }

    /// Works until nothing is left: every record that the log has was acknowledged or put away.
    fn finish(&mut self) {
        let end = self.model.log.len();
        while self.window.low() < end as u64 {
            self.run(&Step::Offer { records: end });
            self.run(&Step::Take { worker: 0, term_ms: 50, before: end as u64 });
            self.run(&Step::Acknowledge { lease: 0 });
            self.run(&Step::PutAway { record: 0 });
            self.run(&Step::Wait { millis: 10 });
        }
        self.run(&Step::Write);
        assert_eq!(self.written, Progress { offset: end as u64, ahead: Vec::new() });
    }
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_window_is_what_the_model_says(
        max_deliveries in 1..4_u32,
        ordered_by_key in any::<bool>(),
        log in log(),
        steps in steps(),
    ) {
        let mut rig = Rig::new(Rules { max_deliveries, ordered_by_key }, log);
        steps.iter().for_each(|step| rig.run(step));
        rig.finish();
    }
}
