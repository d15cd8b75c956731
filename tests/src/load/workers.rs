//! Workers of a queue, by the protocol itself: they acknowledge, reject, hold on to records for too long, and die.

use super::Queue;
use crate::history::Value;
use crate::payload;
use crate::raw::Worker;
use crate::recorder::{Acknowledgement, Outcome};
use crate::seed::Seed;
use levee_proto::v1;
use levee_proto::v1::work_response::Kind as Answer;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Status;

/// How workers work.
#[derive(Debug, Clone)]
pub struct Conduct {
    /// How long a worker has for a record.
    pub lease: Duration,
    /// Records that one may have at once.
    pub credit: u32,
    /// How many milliseconds one works until it dies, and comes back.
    pub lives_ms: Range<u64>,
    /// Of 100 records, how many are rejected; how many are kept until their lease has ended, and then acknowledged.
    pub rejects: u64,
    /// See `rejects`.
    pub keeps: u64,
    /// Values whose count is a multiple of this are rejected each time. 0: none is.
    pub poison: u32,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(1),
            credit: 20,
            lives_ms: 500..4_000,
            rejects: 5,
            keeps: 3,
            poison: 97,
        }
    }
}

/// Workers, until dropped.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Queue,
    conduct: Conduct,
    /// From now on nobody dies, rejects or keeps, but for poison.
    is_calm: AtomicBool,
    deaths: AtomicU64,
    /// Acknowledgements that came too late.
    expired: AtomicU64,
}

impl Workers {
    /// Starts this many.
    #[must_use]
    pub fn start(queue: &Queue, count: usize, conduct: Conduct, seed: &mut Seed) -> Self {
        let shared = Arc::new(Shared {
            queue: queue.clone(),
            conduct,
            is_calm: AtomicBool::new(false),
            deaths: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        });
        let tasks = (0..count).map(|_| tokio::spawn(lives(Arc::clone(&shared), seed.fork()))).collect();
        Self { shared, tasks }
    }

    /// From now on workers work on, and do everything.
    pub fn calm_down(&self) {
        self.shared.is_calm.store(true, Ordering::Relaxed);
    }

    /// How often one has died by itself, and how many acknowledgements came too late.
    #[must_use]
    pub fn mishaps(&self) -> (u64, u64) {
        (self.shared.deaths.load(Ordering::Relaxed), self.shared.expired.load(Ordering::Relaxed))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn lives(shared: Arc<Shared>, mut seed: Seed) {
    loop {
        let recorder = &shared.queue.world.recorder;
        let deaths = recorder.deaths();
        let start = shared.queue.start(shared.conduct.lease, shared.conduct.credit);
        let begun = shared.queue.world.raw().work(start).await;
        if let Ok(worker) = begun
            && recorder.deaths() == deaths
        {
            let life = Life {
                shared: &shared,
                process: recorder.process(),
                deaths,
                worker,
                seed: seed.fork(),
                pending: VecDeque::new(),
                kept: VecDeque::new(),
            };
            life.run().await;
        }
        tokio::time::sleep(seed.millis(1..100)).await;
    }
}

struct Life<'a> {
    shared: &'a Shared,
    process: u32,
    deaths: u32,
    worker: Worker,
    seed: Seed,
    /// What was settled and is not answered, in the order of the messages.
    pending: VecDeque<Vec<(u64, Acknowledgement)>>,
    /// What is acknowledged too late: when, which delivery, and its value.
    kept: VecDeque<(Instant, u64, Value)>,
}

impl Life<'_> {
    async fn run(mut self) {
        let _ = self.work().await;
        for (_, acknowledgement) in self.pending.into_iter().flatten() {
            self.shared.queue.world.recorder.acknowledged(acknowledgement, Outcome::Unknown);
        }
    }

    async fn work(&mut self) -> Result<(), Status> {
        let end = Instant::now() + self.seed.millis(self.shared.conduct.lives_ms.clone());
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            let is_calm = self.shared.is_calm.load(Ordering::Relaxed);
            tokio::select! {
                answer = self.worker.next() => match answer? {
                    Answer::Started(_) => panic!("a worker starts once"),
                    Answer::Deliveries(deliveries) => self.take(deliveries.deliveries),
                    Answer::Settled(settled) => self.settled(&settled),
                },
                now = looks.tick() => self.acknowledge_late(now),
                () = tokio::time::sleep_until(end), if !is_calm => {
                    self.shared.deaths.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
    }

    fn take(&mut self, deliveries: Vec<v1::Delivery>) {
        let queue = &self.shared.queue;
        let Conduct { rejects, keeps, poison, lease, .. } = self.shared.conduct;
        let is_calm = self.shared.is_calm.load(Ordering::Relaxed);
        let mut settle = v1::WorkSettle::default();
        let mut acknowledged = Vec::new();
        for delivery in deliveries {
            let record = delivery.record.expect("a record");
            let value = record.value.as_deref().and_then(payload::parse);
            let place = (queue.world.number(delivery.partition), delivery.offset);
            queue.world.recorder.delivered(self.process, queue.number, place, value, self.deaths);
            let value = value.expect("what was sent");
            let is_poison = poison > 0 && value.counter.is_multiple_of(poison);
            let choice = if is_calm { 100 } else { self.seed.range(0..100) };
            if is_poison || choice < rejects {
                let delay_ms = u32::try_from(self.seed.range(0..200)).unwrap_or(0);
                let reason = "the test wants it".to_owned();
                let delivery_id = delivery.delivery_id;
                settle.reject.push(v1::WorkReject { delivery_id, delay_ms, dead: false, reason });
            } else if choice < rejects + keeps {
                let late = Instant::now() + lease + self.seed.millis(50..500);
                self.kept.push_back((late, delivery.delivery_id, value));
            } else {
                acknowledged.push((delivery.delivery_id, value));
            }
        }
        self.settle(settle, acknowledged);
    }

    fn acknowledge_late(&mut self, now: Instant) {
        let (due, kept): (VecDeque<_>, _) = self.kept.drain(..).partition(|(at, ..)| *at <= now);
        self.kept = kept;
        let due = due.into_iter().map(|(_, delivery, value)| (delivery, value)).collect();
        self.settle(v1::WorkSettle::default(), due);
    }

    /// Settling gives no credit by itself.
    fn settle(&mut self, mut settle: v1::WorkSettle, acknowledged: Vec<(u64, Value)>) {
        let records = settle.reject.len() + acknowledged.len();
        if records == 0 {
            return;
        }
        let queue = &self.shared.queue;
        let begun = acknowledged
            .into_iter()
            .map(|(delivery, value)| {
                (delivery, queue.world.recorder.acknowledge(self.process, queue.number, value))
            })
            .collect::<Vec<_>>();
        settle.acknowledge = begun.iter().map(|(delivery, _)| *delivery).collect();
        self.pending.push_back(begun);
        self.worker.settle(settle);
        self.worker.credit(u32::try_from(records).unwrap_or(u32::MAX));
    }

    fn settled(&mut self, settled: &v1::WorkSettled) {
        let acknowledged = self.pending.pop_front().expect("an answer to what was settled");
        for (delivery, acknowledgement) in acknowledged {
            let failure = settled.failures.iter().find(|failure| failure.delivery_id == delivery);
            let outcome = match failure.and_then(|failure| failure.error.as_ref()) {
                None => Outcome::Acked(0),
                Some(error) => {
                    assert_eq!(error.code(), v1::ErrorCode::LeaseExpired, "{error:?}");
                    self.shared.expired.fetch_add(1, Ordering::Relaxed);
                    Outcome::Failed
                }
            };
            self.shared.queue.world.recorder.acknowledged(acknowledgement, outcome);
        }
    }
}
