//! The comparison of what was sent with what was read back.
//!
//! Must hold: anything that a consumer could notice is counted. A record that was acknowledged and is
//! not there is lost; one that is there twice is duplicated; one that differs in a byte, lies at another
//! offset than its acknowledgement said, overtook another of its partition, or has its key in two
//! partitions is differing.

use crate::flights::Flight;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// How many findings are described in words.
const EXAMPLES: usize = 3;

/// Where a record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Of the topic.
    pub(crate) partition: u32,
    /// In the partition.
    pub(crate) offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} offset {}", self.partition, self.offset)
    }
}

/// A record as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Where.
    pub(crate) place: Place,
    /// What; `None` for a record that was never sent.
    pub(crate) flight: Option<Flight>,
}

/// The outcome for one tenant, in records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Given to the producer.
    pub(crate) sent: u64,
    /// Acknowledged.
    pub(crate) acked: u64,
    /// Read back.
    pub(crate) read: u64,
    /// Acknowledged and not read back.
    pub(crate) lost: u64,
    /// Read back more than once.
    pub(crate) duplicated: u64,
    /// Read back with another content, place or order than sent.
    pub(crate) differing: u64,
    /// The first findings, for a person.
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    /// Everything that was sent is there, once, as it was sent.
    pub(crate) fn is_clean(&self) -> bool {
        self.acked == self.sent && self.read == self.sent && self.lost + self.duplicated + self.differing == 0
    }

    fn found(&mut self, example: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

/// Compares the flights of a tenant with its log. `acked` has, for each flight, where its
/// acknowledgement says that it is. `stored` is in the order in which each partition was read.
pub(crate) fn verify(flights: &[Flight], acked: &[Option<Place>], stored: &[Stored]) -> Verdict {
    let mut verdict = Verdict {
        sent: flights.len() as u64,
        acked: acked.iter().flatten().count() as u64,
        read: stored.len() as u64,
        ..Verdict::default()
    };
    let by_row: HashMap<u64, usize> = flights.iter().enumerate().map(|(i, flight)| (flight.row, i)).collect();
    let mut seen: HashSet<usize> = HashSet::with_capacity(flights.len());
    let mut order = Order::default();

    for Stored { place, flight } in stored {
        let Some((found, index)) = flight.as_ref().and_then(|f| Some((f, *by_row.get(&f.row)?))) else {
            verdict.differing += 1;
            verdict.found(|| format!("{place}: what is there was never sent"));
            continue;
        };
        if !seen.insert(index) {
            verdict.duplicated += 1;
            verdict.found(|| format!("row {} is there again, at {place}", found.row));
            continue;
        }
        let sent = &flights[index];
        let acked_at = acked.get(index).copied().flatten();
        let in_order = order.admits(*place, index, sent.key.as_ref());
        if found != sent || acked_at.is_some_and(|acked_at| acked_at != *place) || !in_order {
            verdict.differing += 1;
            verdict.found(|| {
                format!(
                    "row {} at {place}, acked at {acked_at:?}, in order: {in_order}: {found:?}, sent: {sent:?}",
                    sent.row
                )
            });
        }
    }

    for (index, place) in acked.iter().enumerate().filter_map(|(index, place)| Some((index, (*place)?))) {
        if !seen.contains(&index) {
            verdict.lost += 1;
            verdict.found(|| format!("row {} was acked at {place} and is not there", flights[index].row));
        }
    }
    verdict
}

/// What order demands of the records of one producer.
#[derive(Default)]
struct Order<'a> {
    last: HashMap<u32, usize>,
    partition_of: HashMap<&'a Bytes, u32>,
}

impl<'a> Order<'a> {
    /// Whether the flight with this index in the order of sending may come next at this place.
    fn admits(&mut self, place: Place, index: usize, key: Option<&'a Bytes>) -> bool {
        let follows = self.last.insert(place.partition, index).is_none_or(|last| last < index);
        let stays =
            key.is_none_or(|key| *self.partition_of.entry(key).or_insert(place.partition) == place.partition);
        follows && stays
    }
}

#[cfg(test)]
mod tests;
