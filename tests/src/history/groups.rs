//! Groups: what was committed stays committed, a partition has one owner at a time, and nothing is committed that nobody
//! has processed.

use super::event::{Event, Kind, Phase};
use super::report::{Class, Report};
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    partitions: HashMap<(u32, u32), Partition>,
    /// What was known when a fetch began, by its operation.
    fetches: HashMap<u64, u64>,
}

/// A partition as one group sees it.
#[derive(Debug, Clone, Default)]
struct Partition {
    /// The highest position that anybody tried to commit; whose commit was answered; that somebody was told of.
    attempted: u64,
    acked: u64,
    fetched: u64,
    processed: Processed,
    /// Who has it, as far as members know.
    owner: Option<u32>,
    /// By generation.
    tenures: HashMap<u64, Tenure>,
}

/// One member's time with a partition.
#[derive(Debug, Clone, Copy, Default)]
struct Tenure {
    member: u32,
    start: u64,
    acked: u64,
}

/// Offsets that somebody has processed: all before `next`, and these.
#[derive(Debug, Clone, Default)]
struct Processed {
    next: u64,
    beyond: HashSet<u64>,
}

impl Groups {
    pub(super) fn push(&mut self, event: &Event, report: &mut Report) {
        let Some(group) = event.group else {
            if event.kind == Kind::Release {
                self.partitions.values_mut().for_each(|partition| partition.owner = None);
                return;
            }
            return report.add(Class::Malformed, || format!("no group: {event:?}"));
        };
        let partition = self.partitions.entry((group, event.partition)).or_default();
        match (event.kind, event.phase) {
            (Kind::Assign, Phase::Ok) => {
                partition.owned(event, report);
                partition.assigned(event, report);
            }
            (Kind::Assign, Phase::Info) => partition.assigned(event, report),
            (Kind::Release, _) => partition.released(event),
            (Kind::Process, Phase::Ok) => {
                report.processed += 1;
                partition.processed.add(event.offset.unwrap_or_default());
            }
            (Kind::Commit, Phase::Invoke) => partition.commit(event, report),
            (Kind::Commit, Phase::Ok) => partition.committed(event, report),
            (Kind::Fetch, Phase::Invoke) => {
                self.fetches.insert(event.op, partition.acked.max(partition.fetched));
            }
            (Kind::Fetch, Phase::Ok) => {
                let before = self.fetches.remove(&event.op).unwrap_or_default();
                let told = event.offset.unwrap_or_default();
                partition.told(event, told, before, report);
                partition.fetched = partition.fetched.max(told);
            }
            _ => {}
        }
    }

    /// Members may hear late of what they have: in the order of the generations, each began where the ones before
    /// had committed.
    pub(super) fn finish(self, report: &mut Report) {
        for ((group, number), partition) in self.partitions {
            let mut tenures: Vec<_> = partition.tenures.into_iter().collect();
            tenures.sort_unstable_by_key(|(generation, _)| *generation);
            let mut acked = (0, 0);
            for (generation, Tenure { start, acked: own, .. }) in tenures {
                if start < acked.1 {
                    report.add(Class::CommitRegress, || {
                        let (before, offset) = acked;
                        format!("group {group}, {number}: {offset} in {before:#x}, then {start} in {generation:#x}")
                    });
                }
                if own.max(start) > acked.1 {
                    acked = (generation, own.max(start));
                }
            }
        }
    }
}

impl Partition {
    /// Its owner lets go of it.
    fn released(&mut self, event: &Event) {
        if self.owner == Some(event.process) {
            self.owner = None;
        }
    }

    /// It is the member's now, and nobody else's.
    fn owned(&mut self, event: &Event, report: &mut Report) {
        if let Some(owner) = self.owner.replace(event.process).filter(|owner| *owner != event.process) {
            report.add(Class::TwoOwners, || format!("{owner} has it: {event:?}"));
        }
    }

    /// It was the member's at some time.
    fn assigned(&mut self, event: &Event, report: &mut Report) {
        let start = event.offset.unwrap_or_default();
        let member = event.process;
        if start > self.attempted {
            report.add(Class::CommitUnmade, || format!("{start} of {}: {event:?}", self.attempted));
        }
        if let Some(generation) = event.generation {
            let tenure = self.tenures.entry(generation).or_insert(Tenure { member, start, acked: 0 });
            if tenure.member != member {
                report.add(Class::TwoOwners, || format!("{} has it: {event:?}", tenure.member));
            }
        }
    }

    fn commit(&mut self, event: &Event, report: &mut Report) {
        let Some(offset) = event.offset else {
            return report.add(Class::Malformed, || format!("a commit without an offset: {event:?}"));
        };
        self.attempted = self.attempted.max(offset);
        let next = self.processed.next;
        if offset > next {
            report.add(Class::Unprocessed, || format!("nobody has processed {next}: {event:?}"));
        }
    }

    fn committed(&mut self, event: &Event, report: &mut Report) {
        report.commits += 1;
        let offset = event.offset.unwrap_or_default();
        self.acked = self.acked.max(offset);
        if let Some(tenure) = event.generation.and_then(|generation| self.tenures.get_mut(&generation)) {
            tenure.acked = tenure.acked.max(offset);
        }
    }

    fn told(&self, event: &Event, told: u64, before: u64, report: &mut Report) {
        if told < before {
            report.add(Class::CommitRegress, || format!("{before} was committed before: {event:?}"));
        }
        if told > self.attempted {
            report.add(Class::CommitUnmade, || format!("{} is the most: {event:?}", self.attempted));
        }
    }
}

impl Processed {
    fn add(&mut self, offset: u64) {
        if offset > self.next {
            self.beyond.insert(offset);
        } else if offset == self.next {
            self.next += 1;
            while self.beyond.remove(&self.next) {
                self.next += 1;
            }
        }
    }
}
