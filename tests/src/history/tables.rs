//! What clients saw of a table, judged as it happens.
//!
//! Of each key there is every change with its outcome. The offset says which of two changes is the newer one, so that
//! any number of writers may change a key at once. A change whose outcome nobody knows may be there or not, until
//! somebody reads it.
//!
//! Must hold, else [`TableHistory::assert_ok`] fails: a read shows what was newest when it was asked for, or something
//! newer; an offset is one change, for everybody, always; what failed is never seen; a reader of the log meets every
//! record that was the newest of its key all the while; and in the end the log and the table are the same.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Problems that are kept as text; all are counted.
const EXAMPLES: usize = 10;

/// What a read of the table shows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A record, and the change that its value names, if its bytes are what somebody sent.
    Record {
        /// Where it is.
        offset: u64,
        /// Which change it is.
        change: Option<u32>,
    },
    /// That it was deleted.
    Tombstone {
        /// Where the tombstone is.
        offset: u64,
    },
    /// Neither a record nor a tombstone.
    Nothing,
    /// No record, in an answer that shows no tombstones.
    NoRecord,
}

/// A record as a reader of the log got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// Where it is.
    pub offset: u64,
    /// Its key.
    pub key: u32,
    /// Which change it is.
    pub change: Option<u32>,
    /// It deletes the key.
    pub is_tombstone: bool,
}

/// A key that is about to be read, with the offset that the answer must show at least.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The key.
    pub key: u32,
    floor: Option<u64>,
    /// A tombstone is what is newest.
    is_deleted: bool,
    /// What is there may not be removed, unless something newer comes.
    stays: bool,
}

impl Asked {
    /// Where its tombstone is, if it is deleted. Who asks for what there is now need not be told of that.
    #[must_use]
    pub fn deleted_at(self) -> Option<u64> {
        self.floor.filter(|_| self.is_deleted)
    }

    /// Whether somebody who is told of every change, of this key up to `offset` so far, still has to be told of one.
    #[must_use]
    pub fn is_owed(self, offset: Option<u64>) -> bool {
        self.stays && self.floor > offset
    }
}

/// How far everything was when a reader began.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

/// The changes of one table.
#[derive(Debug)]
pub struct TableHistory {
    partitions: u32,
    keeps_tombstones: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    changes: Vec<Change>,
    keys: HashMap<u32, Key>,
    /// What is at an offset of a partition.
    places: HashMap<(u32, u64), u32>,
    /// Goes up with each acknowledgement.
    clock: u64,
    tally: Tally,
    problems: Vec<String>,
    problem_count: u64,
}

/// How much was seen: a run in which nothing happened proves nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Changes that were acknowledged.
    pub acked: u64,
    /// Keys that were read from the table.
    pub answers: u64,
    /// Records that were read from the log.
    pub logged: u64,
    /// Times that a reader of the log had to meet the newest record of a key.
    pub owed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    key: u32,
    is_tombstone: bool,
    has_failed: bool,
    offset: Option<u64>,
}

#[derive(Debug, Default)]
struct Key {
    /// Changes that may be there, at an offset that nobody knows.
    open: Vec<u32>,
    newest: Option<Newest>,
    /// Where the newest tombstone is that is known.
    last_tombstone: Option<u64>,
}

/// What is known to be there.
#[derive(Debug, Clone, Copy)]
struct Newest {
    offset: u64,
    is_tombstone: bool,
    since: u64,
}

impl TableHistory {
    /// Of a table with so many partitions. Key `n` is in partition `n % partitions`. `keeps_tombstones`: no tombstone
    /// is removed during the run.
    #[must_use]
    pub fn new(partitions: u32, keeps_tombstones: bool) -> Self {
        Self { partitions, keeps_tombstones, inner: Mutex::default() }
    }

    /// The partition of a key.
    #[must_use]
    pub fn partition(&self, key: u32) -> u32 {
        key % self.partitions
    }

    /// A key is about to be changed; gives the number of the change.
    ///
    /// # Panics
    /// After 4 billion changes.
    pub fn begin(&self, key: u32, is_tombstone: bool) -> u32 {
        let mut inner = self.lock();
        let number = u32::try_from(inner.changes.len()).expect("a number");
        inner.changes.push(Change { key, is_tombstone, has_failed: false, offset: None });
        inner.keys.entry(key).or_default().open.push(number);
        number
    }

    /// It was acknowledged.
    pub fn acked(&self, change: u32, offset: u64) {
        let mut inner = self.lock();
        inner.clock += 1;
        inner.tally.acked += 1;
        let Change { key, is_tombstone, .. } = inner.changes[change as usize];
        inner.place(self.partition(key), key, offset, Some(change), is_tombstone);
    }

    /// It certainly did not happen.
    pub fn failed(&self, change: u32) {
        let mut inner = self.lock();
        inner.changes[change as usize].has_failed = true;
        let Change { key, offset, .. } = inner.changes[change as usize];
        if let Some(offset) = offset {
            inner.problem(|| format!("change {change} of key {key} was read at {offset}, and failed"));
        }
        inner.keys.entry(key).or_default().open.retain(|open| *open != change);
    }

    /// These keys are about to be read from the table.
    pub fn ask(&self, keys: impl IntoIterator<Item = u32>) -> Vec<Asked> {
        let inner = self.lock();
        let newest = |key| inner.keys.get(&key)?.newest;
        let asked = |key| Asked {
            key,
            floor: newest(key).map(|newest| newest.offset),
            is_deleted: newest(key).is_some_and(|newest| newest.is_tombstone),
            stays: newest(key).is_some_and(|newest| self.keeps_tombstones || !newest.is_tombstone),
        };
        keys.into_iter().map(asked).collect()
    }

    /// A key of which somebody is told as it was at some time.
    #[must_use]
    pub fn no_floor(key: u32) -> Asked {
        Asked { key, floor: None, is_deleted: false, stays: false }
    }

    /// What the answer shows of one of them.
    pub fn told(&self, asked: Asked, shown: Shown) {
        let Asked { key, floor, .. } = asked;
        let mut inner = self.lock();
        inner.tally.answers += 1;
        let partition = self.partition(key);
        let offset = match shown {
            Shown::Record { offset, change } => {
                if change.is_none() {
                    inner.problem(|| format!("key {key} at {offset} has a value that nobody sent"));
                }
                inner.place(partition, key, offset, change, false);
                offset
            }
            Shown::Tombstone { offset } => {
                inner.place(partition, key, offset, None, true);
                offset
            }
            Shown::Nothing | Shown::NoRecord => {
                let may_be_gone = shown == Shown::NoRecord || !self.keeps_tombstones;
                if floor.is_some() && !(may_be_gone && inner.may_be_deleted(key, floor)) {
                    inner.problem(|| format!("key {key} is not there, it was at {floor:?}"));
                }
                return;
            }
        };
        if floor.is_some_and(|floor| offset < floor) {
            inner.problem(|| format!("key {key} is as it was at {offset}, {floor:?} was there before"));
        }
    }

    /// A reader of the log begins.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.lock().clock)
    }

    /// It has read a range of offsets of a partition, to its end.
    pub fn read(&self, partition: u32, mark: Mark, range: Range<u64>, records: &[Logged]) {
        self.saw(partition, records);
        let mut inner = self.lock();
        let met: std::collections::HashSet<u64> = records.iter().map(|record| record.offset).collect();
        let is_owed = |(number, key): (&u32, &Key)| {
            let newest = key.newest.filter(|newest| {
                newest.since <= mark.0
                    && range.contains(&newest.offset)
                    && (self.keeps_tombstones || !newest.is_tombstone)
            })?;
            (self.partition(*number) == partition && key.open.is_empty()).then_some((*number, newest.offset))
        };
        let owed: Vec<_> = inner.keys.iter().filter_map(is_owed).collect();
        inner.tally.owed += owed.len() as u64;
        for (key, offset) in owed.into_iter().filter(|(_, offset)| !met.contains(offset)) {
            inner.problem(|| {
                format!(
                    "a reader of {range:?} of partition {partition} has passed over key {key} at {offset}"
                )
            });
        }
    }

    /// A reader of the log has met these records, one after the other.
    pub fn saw(&self, partition: u32, records: &[Logged]) {
        let mut inner = self.lock();
        inner.tally.logged += records.len() as u64;
        for pair in records.windows(2) {
            if pair[0].offset >= pair[1].offset {
                inner.problem(|| format!("partition {partition}: {:?} before {:?}", pair[0], pair[1]));
            }
        }
        for record in records {
            let Logged { offset, key, change, is_tombstone } = *record;
            if change.is_none() || key % self.partitions != partition {
                inner.problem(|| format!("partition {partition} has {record:?}, which nobody sent"));
            }
            inner.place(partition, key, offset, change, is_tombstone);
        }
    }

    /// Nobody writes any more: the whole log of a partition is the table. `is_compacted`: of each key there is one
    /// record.
    pub fn is_the_log(&self, partition: u32, records: &[Logged], is_compacted: bool) {
        self.read(partition, Mark(u64::MAX), 0..u64::MAX, records);
        let mut inner = self.lock();
        let mut last: HashMap<u32, u64> = HashMap::new();
        for record in records {
            let before = last.insert(record.key, record.offset);
            if let (Some(before), true) = (before, is_compacted) {
                inner.problem(|| {
                    format!("key {} is compacted, and there at {before} and {}", record.key, record.offset)
                });
            }
        }
        let newest = |(key, state): (&u32, &Key)| {
            let newest = state.newest.filter(|newest| {
                last.get(key) != Some(&newest.offset)
                    && !(newest.is_tombstone && !last.contains_key(key) && !self.keeps_tombstones)
            });
            newest.filter(|_| self.partition(*key) == partition).map(|newest| (*key, newest))
        };
        let wrong: Vec<_> = inner.keys.iter().filter_map(newest).collect();
        for (key, newest) in wrong {
            let last = last.get(&key);
            inner.problem(|| format!("key {key} is {newest:?}, and last in the log at {last:?}"));
        }
    }

    /// Keys that have a record, or may have one.
    #[must_use]
    pub fn live_keys(&self) -> u64 {
        let inner = self.lock();
        inner.keys.values().filter(|key| key.newest.is_some_and(|newest| !newest.is_tombstone)).count() as u64
    }

    /// How much was seen so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.lock().tally
    }

    /// What is wrong, if something is.
    #[must_use]
    pub fn problems(&self) -> Option<String> {
        let inner = self.lock();
        let mut text = String::new();
        for problem in &inner.problems {
            let _ = writeln!(text, "{problem}");
        }
        (inner.problem_count > 0).then(|| format!("{} problems:\n{text}", inner.problem_count))
    }

    /// Fails the test that asks unless every promise was kept and enough happened to judge.
    ///
    /// # Panics
    /// With what is wrong.
    pub fn assert_ok(&self, acked: u64) {
        let tally = self.tally();
        println!("{tally:?}");
        if let Some(problems) = self.problems() {
            panic!("{problems}\n{tally:?}");
        }
        let enough = tally.acked >= acked && tally.owed > 0 && tally.answers > 0;
        assert!(enough, "too little happened to judge, {acked} acks expected: {tally:?}");
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn problem(&mut self, what: impl FnOnce() -> String) {
        self.problem_count += 1;
        if self.problems.len() < EXAMPLES {
            self.problems.push(what());
        }
    }

    /// A change has an offset, and an offset has a change: the same for everybody, always.
    fn place(&mut self, partition: u32, key: u32, offset: u64, change: Option<u32>, is_tombstone: bool) {
        let there = self.places.get(&(partition, offset)).copied();
        let number = change.or(there);
        if let Some(number) = number {
            let known = self.changes.get(number as usize).copied();
            let fits = known.is_some_and(|known| {
                (known.key, known.is_tombstone, known.has_failed) == (key, is_tombstone, false)
                    && known.offset.is_none_or(|known| known == offset)
            });
            if !fits || there.is_some_and(|there| there != number) {
                self.problem(|| {
                    let what = if is_tombstone { "tombstone" } else { "record" };
                    format!(
                        "a {what} of key {key} at {partition}@{offset} is change {number} ({known:?}), {there:?} is there"
                    )
                });
                return;
            }
            self.changes[number as usize].offset = Some(offset);
            self.places.insert((partition, offset), number);
        }
        let since = self.clock;
        let state = self.keys.entry(key).or_default();
        state.open.retain(|open| Some(*open) != number);
        if is_tombstone {
            state.last_tombstone = state.last_tombstone.max(Some(offset));
        }
        if state.newest.is_none_or(|newest| newest.offset < offset) {
            state.newest = Some(Newest { offset, is_tombstone, since });
        }
    }

    /// Whether a key may have been deleted since it was at this offset.
    fn may_be_deleted(&self, key: u32, floor: Option<u64>) -> bool {
        let Some(state) = self.keys.get(&key) else { return false };
        state.last_tombstone.is_some_and(|last| Some(last) >= floor)
            || state.open.iter().any(|open| self.changes[*open as usize].is_tombstone)
    }
}

#[cfg(test)]
mod tests;
