//! Queues: every record is acknowledged or dead in the end, is not handed out again after the acknowledgement was
//! answered, and is at most once among the dead letters.

use super::event::{Event, Kind, Phase, Value};
use super::report::{Class, Report};
use super::state::Sent;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone, Default)]
pub(super) struct Queues {
    records: HashMap<(u32, Value), Record>,
    emptied: HashSet<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Record {
    /// Its acknowledgement was answered.
    is_done: bool,
    /// Acknowledgements that may have been taken.
    unknown: u32,
    /// Where it is among the dead letters.
    dead: Option<u64>,
}

impl Queues {
    pub(super) fn push(&mut self, event: &Event, report: &mut Report) {
        let Some(group) = event.group else {
            return report.add(Class::Malformed, || format!("a queue without a number: {event:?}"));
        };
        if event.kind == Kind::Emptied {
            self.emptied.insert((group, event.partition));
            return;
        }
        let Some(value) = event.value else {
            return report.add(Class::Malformed, || format!("no value: {event:?}"));
        };
        let record = self.records.entry((group, value)).or_default();
        match (event.kind, event.phase) {
            (Kind::Acknowledge, Phase::Invoke) => record.unknown += 1,
            (Kind::Acknowledge, Phase::Ok) => record.is_done = true,
            (Kind::Acknowledge, Phase::Fail) => record.unknown = record.unknown.saturating_sub(1),
            (Kind::Dead, _) => {
                let before = record.dead.replace(event.offset.unwrap_or_default());
                if before.is_some() && before != record.dead {
                    report.add(Class::DeadTwice, || format!("{value} at {before:?} and {:?}", record.dead));
                }
                if record.is_done {
                    report.add(Class::Redelivered, || format!("{value} is dead and acknowledged"));
                }
            }
            (Kind::Deliver, _) => {
                report.delivered += 1;
                if record.is_done {
                    report.add(Class::Redelivered, || format!("{value} to worker {}", event.process));
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(self, sent: &HashMap<Value, Sent>, report: &mut Report) {
        for (group, partition) in &self.emptied {
            for (value, state) in
                sent.iter().filter(|(_, state)| state.partition == *partition && state.is_there())
            {
                let record = self.records.get(&(*group, *value)).copied().unwrap_or_default();
                if !record.is_done && record.unknown == 0 && record.dead.is_none() {
                    report.add(Class::NotDone, || format!("{value} of {partition}@{}", state.offset));
                }
            }
        }
    }
}
