//! Writers of a table: plain ones, and ones that change up to four keys in a transaction.

use super::{Table, record};
use crate::load::{Pace, Writers};
use crate::seed::Seed;
use levee_client::{
    Committed, Error, Producer, ProducerSettings, Record, TransactionSettings, TransactionalProducer,
};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Of so many changes one is a deletion.
const DELETIONS: u64 = 8;
/// Changes of a transaction, at most.
const OPERATIONS: u64 = 4;
/// How long the client library goes on trying.
const TIMEOUT: Duration = Duration::from_secs(120);

impl Table {
    /// Starts so many plain writers, and so many with transactions.
    #[must_use]
    pub fn writers(&self, plain: usize, transactional: usize, pace: Pace, seed: &mut Seed) -> Writers {
        let stop = Arc::<AtomicBool>::default();
        let tasks = (0..plain + transactional)
            .map(|number| {
                let stop = Arc::clone(&stop);
                let writer = Writer { table: self.clone(), pace, seed: seed.fork(), stop };
                if number < plain { tokio::spawn(writer.put()) } else { tokio::spawn(writer.transact()) }
            })
            .collect();
        Writers::of(stop, tasks)
    }
}

struct Writer {
    table: Table,
    pace: Pace,
    seed: Seed,
    stop: Arc<AtomicBool>,
}

impl Writer {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// A change of a random key: its number, the partition and the record.
    fn change(&mut self) -> (u32, u32, Record) {
        let key = u32::try_from(self.seed.index(self.table.keys as usize)).unwrap_or(0);
        let is_tombstone = self.seed.range(0..DELETIONS) == 0;
        let bytes = (!is_tombstone).then(|| self.seed.index(2 * self.pace.bytes));
        let change = self.table.history.begin(key, is_tombstone);
        (change, self.table.history.partition(key), record(key, change, bytes))
    }

    async fn put(mut self) -> Vec<String> {
        let mut failures = Vec::new();
        while self.goes_on() {
            let settings = ProducerSettings { delivery_timeout: TIMEOUT, ..ProducerSettings::default() };
            match self.table.client().producer(settings).await {
                Ok(producer) => failures.extend(self.put_with(&producer).await.err()),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        failures.into_iter().map(|error| error.to_string()).collect()
    }

    async fn put_with(&mut self, producer: &Producer) -> Result<(), Error> {
        let topic = self.table.topic.clone();
        while self.goes_on() {
            let mut sent = Vec::new();
            for _ in 0..self.pace.burst {
                let (change, partition, record) = self.change();
                sent.push((change, producer.send_to(&topic, partition, record).await?));
            }
            for (change, delivery) in sent {
                self.table.history.acked(change, delivery.await?.offset);
            }
            tokio::time::sleep(self.pace.every).await;
        }
        Ok(())
    }

    async fn transact(mut self) -> Vec<String> {
        while self.goes_on() {
            let settings = TransactionSettings { retry_timeout: TIMEOUT, ..TransactionSettings::default() };
            let Ok(mut producer) = self.table.client().transactions(settings).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            while self.goes_on() {
                self.transaction(&mut producer).await;
                tokio::time::sleep(self.pace.every).await;
            }
        }
        Vec::new()
    }

    /// Of a transaction that is not committed nothing is ever seen; a crash may be the reason.
    async fn transaction(&mut self, producer: &mut TransactionalProducer) {
        let history = Arc::clone(&self.table.history);
        let mut changes = Vec::new();
        let mut transaction = producer.begin();
        let mut is_whole = true;
        for _ in 0..self.seed.range(1..OPERATIONS + 1) {
            let (change, partition, record) = self.change();
            changes.push((partition, change));
            is_whole &= transaction.send_to(&self.table.topic, partition, record).await.is_ok();
        }
        let fail = || changes.iter().for_each(|(_, change)| history.failed(*change));
        if !is_whole || self.seed.range(0..6) == 0 {
            drop(transaction);
            return fail();
        }
        match transaction.commit().await {
            Ok(committed) => {
                for (change, offset) in places(&committed, &changes) {
                    history.acked(change, offset);
                }
            }
            Err(error) if error.is_outcome_unknown() => {}
            Err(_) => fail(),
        }
    }
}

/// The offset of each change. Those of a partition are in the order in which they were sent.
fn places(committed: &Committed, changes: &[(u32, u32)]) -> Vec<(u32, u64)> {
    let mut offsets: HashMap<u32, VecDeque<u64>> = HashMap::new();
    for batch in &committed.batches {
        offsets.entry(batch.partition).or_default().extend((batch.base_offset..).take(batch.records));
    }
    let place = |(partition, change): &(u32, u32)| {
        (
            *change,
            offsets.get_mut(partition).and_then(VecDeque::pop_front).expect("an offset for each record"),
        )
    };
    changes.iter().map(place).collect()
}
