//! Transactions: nobody reads of one before it is asked to be committed, and of one whose outcome nobody knows, all is
//! there or nothing. That a committed one is there, and an aborted one is not, follows from its sends.

use super::event::{Event, Kind, Phase, Value};
use super::report::{Class, Report};
use super::state::{Log, Outcome, Sent};
use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub(super) struct Transactions(HashMap<u32, Transaction>);

#[derive(Debug, Clone, Default)]
struct Transaction {
    asked: bool,
    values: Vec<Value>,
}

impl Transactions {
    pub(super) fn push(&mut self, event: &Event) {
        let transaction = self.0.entry(event.process).or_default();
        transaction.asked |= event.kind == Kind::End && event.phase == Phase::Invoke;
    }

    pub(super) fn sent(&mut self, value: Value) {
        if let Some(transaction) = self.0.get_mut(&value.writer) {
            transaction.values.push(value);
        }
    }

    pub(super) fn read(&self, value: Value, place: impl FnOnce() -> String, report: &mut Report) {
        if self.0.get(&value.writer).is_some_and(|transaction| !transaction.asked) {
            report.add(Class::DirtyRead, || format!("{value} at {}", place()));
        }
    }

    /// Judges by the last drains, which begin when the outcome of every transaction is decided.
    pub(super) fn finish(self, sent: &HashMap<Value, Sent>, logs: &HashMap<u32, Log>, report: &mut Report) {
        for (number, Transaction { values, .. }) in self.0 {
            let states = || values.iter().filter_map(|value| sent.get(value));
            if states().any(|state| state.outcome != Outcome::Unknown) {
                continue;
            }
            let is_missing = |state: &Sent| {
                let last = logs.get(&state.partition).and_then(|log| log.last);
                !state.is_read() && last.is_some()
            };
            let missing = states().filter(|state| is_missing(state)).count();
            if missing > 0 && states().any(Sent::is_read) {
                report.add(Class::Torn, || format!("{missing} of {} of {number} are missing", values.len()));
            }
        }
    }
}
