//! A shard on a journal in memory: what a client is promised, and what a crash may take.

mod append;
mod backup;
mod catalog;
mod failure;
mod fairness;
mod groups;
mod import;
mod producers;
mod recovery;
mod retention;
mod room;
mod space;
mod tables;
mod transactions;
mod usage;

use super::*;
use crate::catalog::NewTopic;
use crate::codec::{BadBatch, OpenRecord};
use crate::command::{Appended, ProducerSequence};
use crate::keyed::{Keyed, Keys, KeysBuilder};
use crate::segments::MemorySegments;
use bytes::Bytes;
use levee_types::limits::DEFAULT_PLAN_WEIGHT;
use levee_types::{Durability, PlanName, TenantName, TopicName};
use std::cell::RefCell;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

/// A clock that stands unless it is moved. The second number is by how much its calendar is wrong.
#[derive(Default)]
struct TestClock(AtomicI64, AtomicI64);

impl Clock for TestClock {
    fn unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed) + self.1.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed).unsigned_abs())
    }
}

/// A shard and its committer in one thread: what happens depends on nothing but the calls.
struct Harness {
    segments: Arc<MemorySegments>,
    directory: tempfile::TempDir,
    clock: Arc<TestClock>,
    settings: ShardSettings,
    shard: Shard<MemorySegments>,
    committer: RefCell<Committer<MemorySegments>>,
}

const ID: [u8; 16] = [1; 16];

/// Who did it is of no matter here.
fn audit() -> AuditEvent {
    AuditEvent { principal: "test".to_owned(), count: 1, ..AuditEvent::default() }
}

fn unlimited() -> PlanName {
    PlanName::new("unlimited").unwrap()
}

impl Harness {
    fn new() -> Self {
        Self::with(ShardSettings { segment_bytes: 32 * 1024, group_bytes: 8192, ..ShardSettings::default() })
    }

    fn with(settings: ShardSettings) -> Self {
        // The clock stands: nothing can wait.
        let settings = ShardSettings { maintenance_bytes_per_s: 0, ..settings };
        let segments = Arc::new(MemorySegments::default());
        Journal::create(&*segments, ID, settings.segment_bytes).unwrap();
        Self::open(segments, tempfile::tempdir().unwrap(), settings, Arc::default())
    }

    fn open(
        segments: Arc<MemorySegments>,
        directory: tempfile::TempDir,
        settings: ShardSettings,
        clock: Arc<TestClock>,
    ) -> Self {
        let dyn_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let opened = Shard::open_with(
            Arc::clone(&segments),
            ID,
            directory.path(),
            settings.clone(),
            Arc::new(LetterCodec),
            dyn_clock,
        );
        let (shard, committer) = opened.unwrap();
        Self { segments, directory, clock, settings, shard, committer: RefCell::new(committer) }
    }

    /// Stops gracefully and opens again.
    fn reopen(self) -> Self {
        let Self { segments, directory, clock, settings, shard, committer } = self;
        shard.stop();
        committer.into_inner().finish();
        drop(shard);
        Self::open(segments, directory, settings, clock)
    }

    /// Dies, loses power and opens again.
    fn crash(self, keep: impl FnMut() -> bool) -> Self {
        let Self { segments, directory, clock, settings, shard, committer } = self;
        drop((shard, committer));
        segments.lose_power(keep);
        Self::open(segments, directory, settings, clock)
    }

    /// Lets the committer work until a future is ready.
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = Context::from_waker(std::task::Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            let commands = self.shard.inner.queue.take(Some(Duration::ZERO)).unwrap();
            assert!(!commands.is_empty(), "the future waits for nothing");
            self.committer.borrow_mut().work(commands);
        }
    }

    /// Puts a command into the queue, and gives what waits for its answer.
    fn ask<'a, T>(&self, command: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
        let mut command: Pin<Box<dyn Future<Output = T> + 'a>> = Box::pin(command);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(command.as_mut().poll(&mut context).is_pending());
        command
    }

    fn tenant(&self, name: &str) -> TenantId {
        self.wait(self.shard.create_tenant(TenantName::new(name).unwrap(), unlimited(), audit()))
            .unwrap()
            .0
            .id
    }

    fn topic(&self, tenant: TenantId, name: &str, set: &[(&str, &str)]) -> PartitionId {
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let new = NewTopic { name: topic_name(name), partitions: 2, set };
        let made =
            self.wait(self.shard.create_topics(tenant, vec![new], audit())).unwrap().remove(0).unwrap();
        PartitionId { tenant, topic: made.0.id, partition: 0 }
    }

    fn append(
        &self,
        partition: PartitionId,
        text: &str,
        sent: Option<ProducerSequence>,
    ) -> Result<Appended, StorageError> {
        self.wait(async { self.shard.submit(append(partition, text, sent)).await?.await })
    }

    /// Everything in a partition, read from the log and, where it is cached, from the tail.
    fn read(&self, partition: PartitionId) -> Vec<String> {
        let mut texts = Vec::new();
        let mut offset = self.shard.offsets(partition).unwrap().start;
        loop {
            let fetched = self.shard.fetch(partition, offset, 100).unwrap();
            if let Cached::Batches(cached, end) = self.shard.fetch_cached(partition, offset, 100) {
                assert_eq!((&cached, end), (&fetched.batches, fetched.end));
            }
            let Some(last) = fetched.batches.last() else { return texts };
            assert!(fetched.batches[0].base_offset <= offset);
            offset = last.end();
            texts
                .extend(fetched.batches.iter().map(|batch| String::from_utf8(batch.bytes.to_vec()).unwrap()));
        }
    }
}

/// Each letter of a batch is a record: it is its key; a capital one is a tombstone of the small one.
struct LetterCodec;

impl BatchCodec for LetterCodec {
    fn open(&self, batch: &Bytes) -> Result<Vec<OpenRecord>, BadBatch> {
        let record = |(delta, letter): (usize, &u8)| OpenRecord {
            delta: u32::try_from(delta).unwrap(),
            key: Some(Bytes::copy_from_slice(&[letter.to_ascii_lowercase()])),
            is_tombstone: letter.is_ascii_uppercase(),
            timestamp_ms: None,
            bytes: Bytes::copy_from_slice(&[*letter]),
        };
        Ok(batch.iter().enumerate().filter(|(_, letter)| **letter != b'-').map(record).collect())
    }

    /// A record that is not there any more is a line.
    fn build(&self, records: &[OpenRecord], _like: &Bytes) -> Bytes {
        let mut batch = Vec::new();
        for record in records {
            batch.resize(record.delta as usize, b'-');
            batch.extend_from_slice(&record.bytes);
        }
        batch.into()
    }

    fn keys(&self, batch: &Bytes) -> Result<Keys, BadBatch> {
        let mut keys = KeysBuilder::default();
        for record in self.open(batch)? {
            let key = record.key.as_deref().unwrap();
            keys.push(Keyed { delta: record.delta, is_tombstone: record.is_tombstone, key });
        }
        Ok(keys.finish())
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

/// Each byte of the text is a record.
fn append(partition: PartitionId, text: &str, producer: Option<ProducerSequence>) -> Append {
    Append {
        keys: None,
        partition,
        batch: Bytes::copy_from_slice(text.as_bytes()),
        crc: crc32c::crc32c(text.as_bytes()),
        records: u32::try_from(text.len()).unwrap(),
        max_timestamp_ms: None,
        producer,
        expected_offset: None,
        durability: Durability::Durable,
        weight: DEFAULT_PLAN_WEIGHT,
    }
}
