//! The checker's state, fed one event at a time.

use super::copies::Copies;
use super::event::{Event, Kind, Phase, Value};
use super::groups::Groups;
use super::queues::Queues;
use super::races::Races;
use super::report::{Class, Report};
use super::state::{Cursor, Drained, Log, NEVER, NONE, Outcome, Sent};
use super::transactions::Transactions;
use std::collections::HashMap;

/// Judges a history; see the module's page. A clone goes on from the same past.
#[derive(Debug, Clone, Default)]
pub struct Checker {
    sent: HashMap<Value, Sent>,
    values: HashMap<(u32, u64), Value>,
    logs: HashMap<u32, Log>,
    cursors: HashMap<(u32, u32), Cursor>,
    groups: Groups,
    transactions: Transactions,
    races: Races,
    copies: Copies,
    queues: Queues,
    report: Report,
}

impl Checker {
    /// Takes the next event.
    pub fn push(&mut self, event: &Event) {
        match (event.kind, event.phase) {
            (Kind::Send, Phase::Invoke) => self.send(event),
            (Kind::Send, outcome) => self.sent(event, outcome),
            (Kind::Read, Phase::Ok) => self.read(event),
            (Kind::Seek, Phase::Ok) => self.seek(event),
            (Kind::Drain, Phase::Invoke) => self.drain(event),
            (Kind::Drain, Phase::Ok) => self.drained(event),
            (Kind::Forgive, Phase::Ok) => self.forgive(event),
            (Kind::Begin | Kind::End, _) => self.transactions.push(event),
            (Kind::Copy, Phase::Ok) => self.copies.push(event, &mut self.report),
            (Kind::Deliver, Phase::Ok) => self.deliver(event),
            (Kind::Acknowledge | Kind::Dead | Kind::Emptied, _) => self.queues.push(event, &mut self.report),
            (Kind::Assign | Kind::Release | Kind::Process | Kind::Commit | Kind::Fetch, _) => {
                self.groups.push(event, &mut self.report);
            }
            // Something that did not happen, or has not yet: no promise.
            (Kind::Read | Kind::Seek | Kind::Drain | Kind::Forgive | Kind::Copy | Kind::Deliver, _) => {}
        }
    }

    /// Judges what can only be judged at the end.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let sent = std::mem::take(&mut self.sent);
        for (value, state) in &sent {
            self.judge(*value, state);
        }
        self.groups.finish(&mut self.report);
        self.transactions.finish(&sent, &self.logs, &mut self.report);
        self.races.finish(&sent, &self.values, &mut self.report);
        self.copies.finish(&sent, &mut self.report);
        self.queues.finish(&sent, &mut self.report);
        self.report
    }

    fn malformed(&mut self, event: &Event, why: &str) {
        self.report.add(Class::Malformed, || format!("{why}: {event:?}"));
    }

    fn send(&mut self, event: &Event) {
        let Some(value) = event.value else {
            return self.malformed(event, "a send without a value");
        };
        let state = Sent::new(event.partition, event.time_us);
        if self.sent.insert(value, state).is_some() {
            return self.malformed(event, "a value that was sent before");
        }
        self.report.sent += 1;
        self.transactions.sent(value);
        if let Some(expected) = event.expected {
            let end = self.logs.entry(event.partition).or_default().end;
            self.races.begin(value, expected, end);
        }
    }

    fn sent(&mut self, event: &Event, phase: Phase) {
        let drains = self.logs.entry(event.partition).or_default().drains;
        let Some((value, state)) = event.value.and_then(|value| Some((value, self.sent.get_mut(&value)?)))
        else {
            return self.malformed(event, "the outcome of a send that did not begin");
        };
        if state.outcome != Outcome::Unknown || state.partition != event.partition {
            return self.malformed(event, "a second outcome, or that of another partition");
        }
        match phase {
            Phase::Invoke | Phase::Info => {}
            Phase::Fail => {
                state.outcome = Outcome::Failed;
                self.report.failed += 1;
                if let Some(current) = event.offset {
                    self.races.lost(value, event, current, &mut self.report);
                }
            }
            Phase::Ok => {
                state.outcome = Outcome::Acked;
                state.acked_us = event.time_us;
                state.acked_drain = drains;
                self.report.acked += 1;
                match event.offset {
                    Some(offset) => self.place(value, event.partition, offset),
                    None => self.malformed(event, "an ack without an offset"),
                }
            }
        }
    }

    fn read(&mut self, event: &Event) {
        let Some(offset) = event.offset else {
            return self.malformed(event, "a read without an offset");
        };
        self.report.reads += 1;
        let (process, partition) = (event.process, event.partition);
        let log = self.logs.entry(partition).or_default();
        let (low, high) = log.read.unwrap_or((offset, offset));
        log.read = Some((low.min(offset), high.max(offset)));
        let drains = log.drains;

        let cursor = self.cursors.entry((process, partition)).or_default();
        let drain = cursor.drain.map_or(0, |(number, _)| number);
        let next = cursor.next.replace(offset + 1);
        if let Some(next) = next.filter(|next| *next != offset) {
            let class = if offset < next { Class::NonMonotonic } else { Class::Skip };
            self.report.add(class, || format!("reader {process}, {partition}@{offset} instead of {next}"));
        }

        let known = event.value.and_then(|value| Some((value, self.sent.get_mut(&value)?)));
        let Some((value, state)) = known.filter(|(_, state)| state.partition == partition) else {
            let what = event.value.map_or_else(|| "foreign bytes".to_owned(), |value| value.to_string());
            self.report.add(Class::Phantom, || format!("{what} at {partition}@{offset}"));
            return;
        };
        if state.read_drain == NEVER {
            state.read_drain = drains;
            if state.outcome == Outcome::Acked && drain == 0 {
                let lag = event.time_us.saturating_sub(state.acked_us);
                self.report.worst_lag_us = self.report.worst_lag_us.max(lag);
            }
        }
        state.drained = state.drained.max(drain);
        self.transactions.read(value, || format!("{partition}@{offset}"), &mut self.report);

        let before = cursor.order.insert(value.writer, value.counter);
        if let Some(before) = before.filter(|before| *before >= value.counter) {
            self.report.add(Class::OutOfOrder, || {
                format!("reader {process}, {value} at {partition}@{offset} after {before}")
            });
        }
        self.place(value, partition, offset);
    }

    /// A value has an offset, and an offset has a value: the same for everybody, always.
    fn place(&mut self, value: Value, partition: u32, offset: u64) {
        let there = *self.values.entry((partition, offset)).or_insert(value);
        if there != value {
            self.report
                .add(Class::InconsistentOffset, || format!("{partition}@{offset} is {there} and {value}"));
        }
        if let Some(state) = self.sent.get_mut(&value) {
            let before = state.offset;
            if before == NONE {
                state.offset = offset;
            } else if before != offset {
                self.report
                    .add(Class::Duplicate, || format!("{value} at {partition}@{before} and @{offset}"));
            }
        }
        let log = self.logs.entry(partition).or_default();
        log.end = log.end.max(offset.saturating_add(1));
        self.races.placed(value, offset, &mut self.report);
    }

    fn turn(&mut self, event: &Event, drain: Option<(u32, u64)>) {
        let (process, partition) = (event.process, event.partition);
        let cursor = Cursor { next: event.offset, drain, order: HashMap::new() };
        self.cursors.insert((process, partition), cursor);
    }

    fn seek(&mut self, event: &Event) {
        if event.offset.is_none() {
            return self.malformed(event, "a seek without an offset");
        }
        self.turn(event, None);
    }

    fn drain(&mut self, event: &Event) {
        let Some(start) = event.offset else {
            return self.malformed(event, "a drain without its first offset");
        };
        let log = self.logs.entry(event.partition).or_default();
        log.drains += 1;
        let number = log.drains;
        self.turn(event, Some((number, start)));
    }

    fn drained(&mut self, event: &Event) {
        let (process, partition) = (event.process, event.partition);
        let cursor = self.cursors.entry((process, partition)).or_default();
        let next = cursor.next;
        let (Some((number, start)), Some(end)) = (cursor.drain.take(), event.offset) else {
            return self.malformed(event, "the end of a drain that did not begin, or without its offset");
        };
        if next != Some(end) {
            self.report.add(Class::Skip, || {
                format!("reader {process} stands at {next:?}, the end of {partition} is {end}")
            });
        }
        let last = Some(Drained { number, start, end });
        self.logs.entry(partition).or_default().last = last;
    }

    fn forgive(&mut self, event: &Event) {
        if event.offset.is_none() {
            return self.malformed(event, "forgiveness without its time");
        }
        self.logs.entry(event.partition).or_default().forgiven_us = event.offset;
    }

    /// A queue hands out what is in the log.
    fn deliver(&mut self, event: &Event) {
        let (Some(value), Some(offset)) = (event.value, event.offset) else {
            return self.malformed(event, "a delivery without a value or an offset");
        };
        match self.sent.get(&value) {
            Some(state) if state.partition == event.partition => self.place(value, event.partition, offset),
            _ => self.report.add(Class::Phantom, || format!("{value} handed out: {event:?}")),
        }
        self.queues.push(event, &mut self.report);
    }

    fn judge(&mut self, value: Value, state: &Sent) {
        let Sent { partition, outcome, offset, acked_us, acked_drain, read_drain, drained, .. } = *state;
        let read = state.is_read();
        if outcome == Outcome::Failed && read {
            self.report.add(Class::AbortedRead, || format!("{value} at {partition}@{offset}"));
        }
        let log = self.logs.get(&partition);
        let acked = outcome == Outcome::Acked;
        // A drain tells only of what was there when it began.
        let last = log.and_then(|log| log.last).filter(|last| last.number > drained);
        let owed = |since: u32| last.filter(|last| since < last.number);
        if let Some(last) = owed(read_drain) {
            let number = last.number;
            self.report
                .add(Class::Vanished, || format!("{value} of {partition}@{offset} is not in drain {number}"));
        }
        if !acked {
            return;
        }
        let edges = match (owed(acked_drain), log.and_then(|log| log.read)) {
            (Some(last), _) => (last.start, last.end),
            (None, _) if read => return,
            (None, Some((low, high))) if offset < high => (low, high),
            (None, _) => {
                return self.report.add(Class::Unseen, || format!("{value} at {partition}@{offset}"));
            }
        };
        let class = match offset {
            offset if offset < edges.0 => Class::LostPrefix,
            offset if offset >= edges.1 => Class::LostPostfix,
            _ => Class::LostMiddle,
        };
        let forgiven = log.and_then(|log| log.forgiven_us).is_some_and(|since| acked_us >= since);
        if class == Class::LostPostfix && forgiven {
            self.report.forgiven += 1;
            return;
        }
        self.report.add(class, || format!("{value} of {partition}@{offset}"));
    }
}
