//! The history checker: decides from what clients saw whether the broker kept its promises.
//!
//! A history is a list of [`Event`]s in the order in which they happened, as JSON lines or pushed as they
//! happen. Every value that is sent is unique, so that a read tells which send it shows. An operation whose
//! outcome nobody knows (`info`, or no completion at all) may have happened or not: both are accepted.
//!
//! Must hold: a history in which a promise is broken never passes. Each class of [`Class`] has a hand-made
//! bad history in the tests, and random mutations of a good history are all found. Hash maps only: work and
//! memory grow with the number of distinct values, not with the length of the history.
//!
//! Models: Jepsen's `tests/kafka.clj` and its workloads for queues.

mod checker;
mod copies;
mod event;
mod groups;
mod queues;
mod races;
mod report;
mod state;
mod tables;
mod transactions;

pub use checker::Checker;
pub use event::{Event, Kind, ParseValueError, Phase, Value};
pub use report::{Class, Report};
pub use tables::{Asked, Logged, Mark, Shown, TableHistory, Tally};

use std::io::{self, BufRead};

/// Judges a history of JSON lines.
///
/// # Errors
/// When reading fails, or a line is not an event; the message names the line.
pub fn check_lines(input: impl BufRead) -> io::Result<Report> {
    let mut checker = Checker::default();
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let event: Event = serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", number + 1))
        })?;
        checker.push(&event);
    }
    Ok(checker.finish())
}

#[cfg(test)]
mod tests;
