//! Compare-and-append: an append gets the offset that it expected, or is refused with an end of the log that is true at
//! some moment of the call. With one value for each offset, that makes the appends linearizable.

use super::event::{Event, Value};
use super::report::{Class, Report};
use super::state::Sent;
use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub(super) struct Races {
    races: HashMap<Value, Race>,
    /// Ends that refusals told: the partition, the end, and when.
    told: Vec<(u32, u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Race {
    expected: u64,
    /// Where the log ended at least when the append began.
    end: u64,
}

impl Races {
    pub(super) fn begin(&mut self, value: Value, expected: u64, end: u64) {
        self.races.insert(value, Race { expected, end });
    }

    pub(super) fn placed(&self, value: Value, offset: u64, report: &mut Report) {
        if let Some(Race { expected, .. }) = self.races.get(&value)
            && *expected != offset
        {
            report.add(Class::WrongPlace, || format!("{value} at {offset} instead of {expected}"));
        }
    }

    /// The append was refused because the next record gets the offset `current`.
    pub(super) fn lost(&mut self, value: Value, event: &Event, current: u64, report: &mut Report) {
        let Some(Race { expected, end }) = self.races.get(&value).copied() else { return };
        if current == expected || current < end {
            report.add(Class::WrongEnd, || {
                format!("{value} expected {expected}, was told {current}, and the log ended at {end} before")
            });
        }
        self.told.push((event.partition, current, event.time_us));
    }

    /// What an end implies: the record before it had been sent by then.
    pub(super) fn finish(
        self,
        sent: &HashMap<Value, Sent>,
        values: &HashMap<(u32, u64), Value>,
        report: &mut Report,
    ) {
        for (partition, current, told_us) in self.told {
            let Some(before) = current.checked_sub(1) else { continue };
            let last = values.get(&(partition, before)).and_then(|value| sent.get(value));
            if last.is_none_or(|last| last.invoked_us > told_us) {
                report.add(Class::WrongEnd, || format!("{partition} was said to end at {current} too early"));
            }
        }
    }
}
