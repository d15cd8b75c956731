//! Copies: each record of the source is copied exactly once.

use super::event::{Event, Value};
use super::report::{Class, Report};
use super::state::Sent;
use std::collections::HashMap;

/// Where each copy was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies(HashMap<Value, (u32, u64)>);

impl Copies {
    pub(super) fn push(&mut self, event: &Event, report: &mut Report) {
        let (Some(value), Some(offset)) = (event.value, event.offset) else {
            return report
                .add(Class::Malformed, || format!("a copy without a value or an offset: {event:?}"));
        };
        let place = (event.partition, offset);
        let before = *self.0.entry(value).or_insert(place);
        if before != place {
            report.add(Class::CopiedTwice, || format!("{value} at {before:?} and {place:?}"));
        }
    }

    /// When copies were looked for at all, those of all records that are in the source must have been found.
    pub(super) fn finish(self, sent: &HashMap<Value, Sent>, report: &mut Report) {
        if self.0.is_empty() {
            return;
        }
        for (value, state) in
            sent.iter().filter(|(value, state)| state.is_there() && !self.0.contains_key(value))
        {
            report.add(Class::NotCopied, || format!("{value} of {}@{}", state.partition, state.offset));
        }
        for (value, place) in self.0.iter().filter(|(value, _)| !sent.get(value).is_some_and(Sent::is_there))
        {
            report.add(Class::CopiedTwice, || format!("{value} at {place:?}, which is not in the source"));
        }
    }
}
