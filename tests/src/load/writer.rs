//! Writers: each sends unique values in order, pipelined, and waits for every ack.

use super::World;
use crate::payload;
use crate::recorder::{Outcome, Send};
use crate::seed::Seed;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use levee_client::{Acked, Error, Producer, ProducerSettings, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Sends of one writer that wait for their acks.
const WINDOW: usize = 512;

/// How fast each writer writes, and what.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Records that are sent at once.
    pub burst: usize,
    /// Between two bursts.
    pub every: Duration,
    /// Bytes of a record's value, about.
    pub bytes: usize,
}

impl Default for Pace {
    /// About 1,000 records of 300 bytes a second.
    fn default() -> Self {
        Self { burst: 5, every: Duration::from_millis(5), bytes: 300 }
    }
}

/// Writers at work. Dropping them abandons what is in flight: its outcome is unknown.
#[derive(Debug)]
pub struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    /// Starts this many.
    #[must_use]
    pub fn start(world: &World, count: usize, pace: Pace, seed: &mut Seed) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let tasks = (0..count)
            .map(|_| {
                let writer =
                    Writer { world: world.clone(), pace, seed: seed.fork(), stop: Arc::clone(&stop) };
                tokio::spawn(writer.run())
            })
            .collect();
        Self::of(stop, tasks)
    }

    /// Tasks that end when they are told to, and give the failures that they met.
    pub(super) fn of(stop: Arc<AtomicBool>, tasks: Vec<JoinHandle<Vec<String>>>) -> Self {
        Self { stop, tasks }
    }

    /// Sends nothing more and waits until every send has its outcome. Gives the failures that the client
    /// library reported.
    ///
    /// # Panics
    /// When a writer panicked.
    pub async fn stop(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for task in &mut self.tasks {
            failures.extend(task.await.expect("a writer"));
        }
        failures
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Writer {
    world: World,
    pace: Pace,
    seed: Seed,
    stop: Arc<AtomicBool>,
}

impl Writer {
    /// One producer after the other: a failed send ends a producer, and the next one is another writer in
    /// the history.
    async fn run(mut self) -> Vec<String> {
        let mut failures = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let settings =
                ProducerSettings { delivery_timeout: Duration::from_secs(60), ..ProducerSettings::default() };
            match self.world.client().producer(settings).await {
                Ok(producer) => failures.extend(self.write(&producer).await),
                Err(error) => {
                    failures.push(format!("no producer: {error}"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        failures
    }

    async fn write(&mut self, producer: &Producer) -> Vec<String> {
        let recorder = Arc::clone(&self.world.recorder);
        let process = recorder.process();
        let mut failures = Vec::new();
        let mut waiting = FuturesUnordered::new();
        let mut tick = tokio::time::interval(self.pace.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut counter = 0;
        loop {
            let goes_on = failures.is_empty() && !self.stop.load(Ordering::Relaxed);
            if !goes_on && waiting.is_empty() {
                return failures;
            }
            tokio::select! {
                Some((send, result)) = waiting.next() => {
                    let result: Result<Acked, Error> = result;
                    failures.extend(self.settle(send, result.map(|acked| acked.offset)));
                }
                _ = tick.tick(), if goes_on && waiting.len() < WINDOW => {
                    for _ in 0..self.pace.burst {
                        let partition = u32::try_from(self.seed.index(self.world.partitions as usize)).unwrap_or(0);
                        let send = recorder.send(process, counter, self.world.number(partition));
                        counter += 1;
                        let record = Record { value: Some(payload::make(send.value(), self.pace.bytes)), ..Record::default() };
                        match producer.send_to(&self.world.topic, partition, record).await {
                            Ok(delivery) => waiting.push(async move { (send, delivery.await) }),
                            Err(error) => {
                                failures.extend(self.settle(send, Err(error)));
                                break;
                            }
                        }
                    }
                }
            }
        }
    }

    /// A failure says nothing of what was stored: the client may have tried more than once.
    fn settle(&self, send: Send, result: Result<u64, Error>) -> Option<String> {
        match result {
            Ok(offset) => {
                self.world.recorder.sent(send, Outcome::Acked(offset));
                None
            }
            Err(error) => {
                self.world.recorder.sent(send, Outcome::Unknown);
                Some(error.to_string())
            }
        }
    }
}
