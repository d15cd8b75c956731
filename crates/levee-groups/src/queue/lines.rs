//! The records of each key, one behind the other.

use std::collections::{BTreeMap, VecDeque};

/// For each key the offsets of its records that are neither done nor dead, in their order. The first is out or may go
/// out; the others wait.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<u64, VecDeque<u64>>);

impl Lines {
    /// Puts a record behind those of its key. Offsets come in their order. True: it is the first.
    pub(super) fn join(&mut self, key: u64, offset: u64) -> bool {
        let line = self.0.entry(key).or_default();
        line.push_back(offset);
        line.len() == 1
    }

    /// Takes a record out of its line. Returns the one whose turn it is now, if this was the first.
    pub(super) fn leave(&mut self, key: u64, offset: u64) -> Option<u64> {
        let line = self.0.get_mut(&key)?;
        match line.binary_search(&offset) {
            Ok(0) => {
                line.pop_front();
                let next = line.front().copied();
                if next.is_none() {
                    self.0.remove(&key);
                }
                next
            }
            // Only what the log loses leaves from further behind.
            Ok(place) => {
                line.remove(place);
                None
            }
            Err(_) => None,
        }
    }
}
