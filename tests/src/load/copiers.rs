//! Copiers, through the client library: what they read as members of a group they send on in transactions, with how far
//! they have come.

use super::World;
use crate::payload;
use crate::seed::Seed;
use levee_client::{
    Consumer, ConsumerSettings, Error, ReaderSettings, Record, StartAt, TransactionSettings,
    TransactionalProducer,
};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Records of one transaction, as in Kafka's system test.
const RECORDS: usize = 750;
/// How long a copier waits for so many.
const GATHER: Duration = Duration::from_millis(100);

/// Copiers at work, until dropped.
#[derive(Debug)]
pub struct Copiers {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    world: World,
    group: String,
    target: String,
    /// How many milliseconds one lives, until it is gone in the middle of whatever it does, and another one comes.
    lives_ms: Range<u64>,
    committed: AtomicU64,
    failed: AtomicU64,
}

impl Copiers {
    /// Starts this many. They copy the topic of the world, as members of this group, into the topic `target`, which has
    /// as many partitions.
    #[must_use]
    pub fn start(
        world: &World,
        (group, target): (&str, &str),
        count: usize,
        lives_ms: Range<u64>,
        seed: &mut Seed,
    ) -> Self {
        let shared = Arc::new(Shared {
            world: world.clone(),
            group: group.to_owned(),
            target: target.to_owned(),
            lives_ms,
            committed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let tasks = (0..count).map(|_| tokio::spawn(lives(Arc::clone(&shared), seed.fork()))).collect();
        Self { shared, tasks }
    }

    /// How many transactions were committed, and how many were not, as far as the copiers know.
    #[must_use]
    pub fn transactions(&self) -> (u64, u64) {
        (self.shared.committed.load(Ordering::Relaxed), self.shared.failed.load(Ordering::Relaxed))
    }
}

impl Drop for Copiers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn lives(shared: Arc<Shared>, mut seed: Seed) {
    loop {
        // Dropped at whatever await it has come to.
        let life = seed.millis(shared.lives_ms.clone());
        let _ = tokio::time::timeout(life, copy(&shared)).await;
        tokio::time::sleep(seed.millis(1..50)).await;
    }
}

async fn copy(shared: &Shared) -> Result<(), Error> {
    let client = shared.world.client();
    let settings = ConsumerSettings {
        session_timeout: Duration::from_secs(2),
        ..ConsumerSettings::new(&shared.group, [&shared.world.topic])
    };
    let mut consumer = client.consumer(settings).await?;
    let mut producer = client.transactions(TransactionSettings::default()).await?;
    loop {
        match copy_some(shared, &mut consumer, &mut producer).await {
            Ok(()) => shared.committed.fetch_add(1, Ordering::Relaxed),
            Err(_) => {
                consumer.rejoin();
                shared.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// One transaction.
async fn copy_some(
    shared: &Shared,
    consumer: &mut Consumer,
    producer: &mut TransactionalProducer,
) -> Result<(), Error> {
    let mut records = vec![consumer.next().await?];
    let until = Instant::now() + GATHER;
    while records.len() < RECORDS
        && let Ok(next) = timeout_at(until, consumer.next()).await
    {
        records.push(next?);
    }
    let mut transaction = producer.begin();
    for read in records {
        let copy = Record { value: read.record.value, ..Record::default() };
        transaction.send_to(&shared.target, read.partition, copy).await?;
    }
    transaction.commit_offsets(consumer.positions());
    transaction.commit().await.map(drop)
}

/// Reads all copies, which go into the history; gives how many there are.
///
/// # Errors
/// When they cannot be read.
pub async fn read_copies(world: &World, target: &str) -> Result<u64, Error> {
    let position =
        |partition| levee_client::Position { topic: target.to_owned(), partition, from: StartAt::Start };
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = world.client().reader((0..world.partitions).map(position).collect(), settings).await?;
    let mut count = 0;
    while let Some(copy) = reader.next().await {
        let copy = copy?;
        let value = copy.record.value.as_deref().and_then(payload::parse);
        world.recorder.copied(world.number(copy.partition), value, copy.offset);
        count += 1;
    }
    Ok(count)
}
