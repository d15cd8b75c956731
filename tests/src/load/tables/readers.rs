//! Everybody who reads a table while it changes: by key, by prefix, and its log from random offsets.

use super::watch::watch;
use super::{Table, away, name, shown};
use crate::raw;
use crate::seed::Seed;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use levee_client::StartAt;
use levee_proto::v1;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tonic::Status;

/// After an answer that the broker is away.
const PAUSE: Duration = Duration::from_millis(20);

/// Readers at work, until dropped. One of them has it compacted again and again.
#[derive(Debug)]
pub struct TableReaders {
    stop: Arc<AtomicBool>,
    compactions: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl TableReaders {
    /// Starts two that get keys, one that scans, one that watches, so many that read the log, and one that compacts.
    #[must_use]
    pub fn start(table: &Table, of_the_log: usize, seed: &mut Seed) -> Self {
        let (stop, compactions) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut tasks = Vec::new();
        let mut start = |look: Look| {
            let (table, seed, stop) = (table.clone(), seed.fork(), Arc::clone(&stop));
            tasks.push(tokio::spawn(again(table, seed, stop, look)));
        };
        for _ in 0..2 {
            start(Box::new(|table, seed| get(table, seed).boxed()));
        }
        start(Box::new(|table, seed| {
            let prefix = u32::try_from(seed.range(0..8)).ok().filter(|prefix| *prefix < super::PREFIXES);
            table.scan(prefix).boxed()
        }));
        start(Box::new(|table, seed| watch(table, seed).boxed()));
        for _ in 0..of_the_log {
            start(Box::new(|table, seed| hop(table, seed).boxed()));
        }
        let done = Arc::clone(&compactions);
        start(Box::new(move |table, _| {
            let done = Arc::clone(&done);
            async move {
                table.raw().compact(&table.topic).await?;
                done.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
                Ok(())
            }
            .boxed()
        }));
        Self { stop, compactions, tasks }
    }

    /// How often all of the table was compacted.
    #[must_use]
    pub fn compactions(&self) -> u64 {
        self.compactions.load(Ordering::Relaxed)
    }

    /// Waits until each has done what it is at.
    ///
    /// # Panics
    /// When one of them panicked: what it read was wrong, or a call failed that should not.
    pub async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in &mut self.tasks {
            task.await.expect("a reader of the table");
        }
    }
}

impl Drop for TableReaders {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

type Look = Box<dyn for<'a> Fn(&'a Table, &'a mut Seed) -> BoxFuture<'a, Result<(), Status>> + Send + Sync>;

/// A broker that is away comes back. Any other error ends the test.
async fn again(table: Table, mut seed: Seed, stop: Arc<AtomicBool>, look: Look) {
    while !stop.load(Ordering::Relaxed) {
        if let Err(status) = look(&table, &mut seed).await {
            let is_away =
                raw::is_unknown(&status) || ["UNAVAILABLE", "OVERLOADED"].contains(&&*raw::reason(&status));
            assert!(is_away, "{status}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A few keys, of one partition or of any.
async fn get(table: &Table, seed: &mut Seed) -> Result<(), Status> {
    let mut key = || u32::try_from(seed.index(table.keys as usize)).unwrap_or(0);
    let first = key();
    let partition = first.is_multiple_of(2).then(|| table.history.partition(first));
    let mut keys = vec![first];
    keys.extend(
        (0..4)
            .map(|_| key())
            .filter(|key| partition.is_none_or(|partition| table.history.partition(*key) == partition)),
    );
    let asked = table.history.ask(keys);
    let request = v1::GetValuesRequest {
        topic: table.topic.clone(),
        keys: asked.iter().map(|asked| name(asked.key)).collect(),
        partition,
        min_offset: None,
    };
    let answer = table.raw().tables().get_values(request).await?.into_inner();
    assert!(!answer.values.is_empty(), "an answer without a value");
    for (asked, value) in asked.into_iter().zip(&answer.values) {
        assert_eq!(value.key, name(asked.key), "another key than the one that was asked for");
        table.history.told(asked, shown(asked.key, value));
    }
    Ok(())
}

/// The log from a random offset of a random partition to the end that it has now.
async fn hop(table: &Table, seed: &mut Seed) -> Result<(), Status> {
    let partition = u32::try_from(seed.index(table.partitions as usize)).unwrap_or(0);
    let mark = table.history.mark();
    let Range { start, end } = table.offsets(partition).await?;
    let from = seed.range(start..end + 1);
    let credit = seed.range(1..200_000);
    let mut reader =
        table.reader(partition, StartAt::Offset(from), Some(credit)).await.map_err(|error| away(&error))?;
    let (records, outcome) = table.read_to_end(&mut reader).await;
    match outcome {
        Ok(()) => table.history.read(partition, mark, from..end, &records),
        Err(_) => table.history.saw(partition, &records),
    }
    outcome.map_err(|error| away(&error))
}
