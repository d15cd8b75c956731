//! Writes down what clients saw, in the order in which it happened, and judges it at the end.

mod groups;
mod queues;
mod transactions;

pub use groups::{Commit, Fetch, Tenure};
pub use queues::Acknowledgement;

use crate::history::{Checker, Event, Kind, Phase, Report, Value};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The history of one run. It is also written to a file, which stays when the run fails, so that
/// `history-check` can judge it again.
#[derive(Debug)]
pub struct Recorder {
    start: Instant,
    inner: Mutex<Inner>,
    acked: AtomicU64,
    processes: AtomicU32,
    partitions: AtomicU32,
    /// How many brokers of this run have died.
    deaths: AtomicU32,
    path: PathBuf,
}

#[derive(Debug)]
struct Inner {
    checker: Checker,
    file: BufWriter<File>,
    ops: u64,
    last_acked_invocation: Option<Instant>,
}

/// A send that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Send {
    op: u64,
    process: u32,
    partition: u32,
    value: Value,
    invoked: Instant,
}

impl Send {
    /// What is sent.
    #[must_use]
    pub fn value(&self) -> Value {
        self.value
    }
}

/// How a send ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Acked with this offset.
    Acked(u64),
    /// It certainly did not happen.
    Failed,
    /// It certainly did not happen, because the next record gets this offset and not the expected one.
    Mismatch(u64),
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    fn phase(self) -> Phase {
        match self {
            Self::Acked(_) => Phase::Ok,
            Self::Failed | Self::Mismatch(_) => Phase::Fail,
            Self::Unknown => Phase::Info,
        }
    }
}

impl Recorder {
    /// An empty history.
    ///
    /// # Panics
    /// When its file cannot be created.
    #[must_use]
    pub fn new(test: &str) -> Arc<Self> {
        let path = path(test);
        let file = BufWriter::new(File::create(&path).expect("a temporary file"));
        Arc::new(Self {
            start: Instant::now(),
            inner: Mutex::new(Inner {
                checker: Checker::default(),
                file,
                ops: 0,
                last_acked_invocation: None,
            }),
            acked: AtomicU64::new(0),
            processes: AtomicU32::new(0),
            partitions: AtomicU32::new(0),
            deaths: AtomicU32::new(0),
            path,
        })
    }

    /// Another history with the same past: what happens to a copy of the data.
    ///
    /// # Panics
    /// When its file cannot be made.
    #[must_use]
    pub fn fork(&self, test: &str) -> Arc<Self> {
        let path = path(test);
        let mut inner = self.lock();
        inner.file.flush().expect("the history can be written");
        fs::copy(&self.path, &path).expect("the history can be copied");
        let file = OpenOptions::new().append(true).open(&path).expect("the copy can be written");
        let (checker, ops) = (inner.checker.clone(), inner.ops);
        let last_acked_invocation = inner.last_acked_invocation;
        let copy = |number: &AtomicU32| AtomicU32::new(number.load(Ordering::Relaxed));
        Arc::new(Self {
            start: self.start,
            inner: Mutex::new(Inner { checker, file: BufWriter::new(file), ops, last_acked_invocation }),
            acked: AtomicU64::new(self.acked()),
            processes: copy(&self.processes),
            partitions: copy(&self.partitions),
            deaths: copy(&self.deaths),
            path,
        })
    }

    /// A number for a new writer or reader.
    pub fn process(&self) -> u32 {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    /// Numbers for the partitions of a new topic; the first of them.
    pub fn partitions(&self, count: u32) -> u32 {
        self.partitions.fetch_add(count, Ordering::Relaxed)
    }

    /// How many sends were acked.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// Of the sends that were acked so far, when the last to begin began.
    pub fn last_acked_invocation(&self) -> Option<Instant> {
        self.lock().last_acked_invocation
    }

    /// A writer, by its number as a process, is about to send its value of this count.
    pub fn send(&self, process: u32, counter: u32, partition: u32) -> Send {
        let value = Value { writer: process, counter };
        let invoked = Instant::now();
        let op = self.add(Event::of(process, Kind::Send, Phase::Invoke).at(partition, None).with(value));
        Send { op, process, partition, value, invoked }
    }

    /// The same, to this offset only.
    pub fn send_expecting(&self, process: u32, counter: u32, partition: u32, expected: u64) -> Send {
        let value = Value { writer: process, counter };
        let invoked = Instant::now();
        let event = Event::of(process, Kind::Send, Phase::Invoke).at(partition, None).with(value);
        let op = self.add(Event { expected: Some(expected), ..event });
        Send { op, process, partition, value, invoked }
    }

    /// The end of a send.
    pub fn sent(&self, send: Send, outcome: Outcome) {
        let Send { op, process, partition, value, invoked } = send;
        let phase = outcome.phase();
        let offset = match outcome {
            Outcome::Acked(offset) | Outcome::Mismatch(offset) => Some(offset),
            Outcome::Failed | Outcome::Unknown => None,
        };
        self.add(Event { op, ..Event::of(process, Kind::Send, phase).at(partition, offset).with(value) });
        if phase == Phase::Ok {
            self.acked.fetch_add(1, Ordering::Relaxed);
            let mut inner = self.lock();
            inner.last_acked_invocation = inner.last_acked_invocation.max(Some(invoked));
        }
    }

    /// A reader received a record; `None` when its bytes are not what anybody sent.
    pub fn read(&self, process: u32, partition: u32, value: Option<Value>, offset: u64) {
        self.add(Event::of(process, Kind::Read, Phase::Ok).at(partition, offset).with(value));
    }

    /// A reader goes to this offset.
    pub fn seek(&self, process: u32, partition: u32, offset: u64) {
        self.add(Event::of(process, Kind::Seek, Phase::Ok).at(partition, offset));
    }

    /// A reader begins to read all of a partition, from its first offset.
    pub fn drain(&self, process: u32, partition: u32, start: u64) {
        self.add(Event::of(process, Kind::Drain, Phase::Invoke).at(partition, start));
    }

    /// It has met the end.
    pub fn drained(&self, process: u32, partition: u32, end: u64) {
        self.add(Event::of(process, Kind::Drain, Phase::Ok).at(partition, end));
    }

    /// What was acked in a partition since then may be gone from the end of its log.
    pub fn forgive(&self, partition: u32, since: Instant) {
        let since = self.micros(since);
        self.add(Event::of(0, Kind::Forgive, Phase::Ok).at(partition, since));
    }

    /// Microseconds of the run.
    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// Adds an event, which begins an operation if it has none yet; gives the operation.
    fn add(&self, event: Event) -> u64 {
        let mut inner = self.lock();
        self.add_to(&mut inner, event)
    }

    fn add_to(&self, inner: &mut Inner, mut event: Event) -> u64 {
        if event.op == 0 {
            inner.ops += 1;
            event.op = inner.ops;
        }
        event.time_us = self.micros(Instant::now());
        inner.checker.push(&event);
        serde_json::to_writer(&mut inner.file, &event).expect("the history can be written");
        inner.file.write_all(b"\n").expect("the history can be written");
        event.op
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the history and judges it.
    ///
    /// # Panics
    /// When its file cannot be written.
    pub fn judge(&self) -> Report {
        let mut inner = self.lock();
        inner.file.flush().expect("the history can be written");
        let report = std::mem::take(&mut inner.checker).finish();
        println!("{report}");
        report
    }
}

/// A file of its own for each history.
fn path(test: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("levee-history-{test}-{}-{number}.jsonl", std::process::id()))
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the history is in {}", self.path.display());
        } else {
            let _ = fs::remove_file(&self.path);
        }
    }
}
