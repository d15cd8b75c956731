//! Transactions at work: of up to four operations each, committed, aborted, or left behind.

use super::{World, hop};
use crate::payload;
use crate::raw::{self, Raw};
use crate::recorder::{Outcome, Send};
use crate::seed::Seed;
use levee_proto::v1;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tonic::{Response, Status};

/// Operations of a transaction, at most.
const OPERATIONS: u64 = 4;
/// How often a call is tried before its outcome counts as unknown.
const ATTEMPTS: u32 = 40;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Producers of transactions at work, until dropped.
#[derive(Debug)]
pub struct Transactors {
    stop: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Transactors {
    /// Starts this many.
    #[must_use]
    pub fn start(world: &World, count: usize, seed: &mut Seed) -> Self {
        let (stop, committed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let tasks = (0..count)
            .map(|_| {
                let transactor = Transactor {
                    process: world.recorder.process(),
                    raw: world.raw(),
                    world: world.clone(),
                    seed: seed.fork(),
                    committed: Arc::clone(&committed),
                };
                tokio::spawn(transactor.run(Arc::clone(&stop)))
            })
            .collect();
        Self { stop, committed, tasks }
    }

    /// How many transactions were committed.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Begins no more, and waits until each has its outcome.
    ///
    /// # Panics
    /// When one of them panicked.
    pub async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in &mut self.tasks {
            task.await.expect("a producer of transactions");
        }
    }
}

impl Drop for Transactors {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Transactor {
    process: u32,
    raw: Raw,
    world: World,
    seed: Seed,
    committed: Arc<AtomicU64>,
}

/// A transaction that is being put together.
#[derive(Default)]
struct Draft {
    staged: u32,
    /// The sends of each batch: those that are staged first.
    sends: Vec<Vec<Send>>,
    inline: Vec<v1::TransactionBatch>,
}

impl Transactor {
    async fn run(mut self, stop: Arc<AtomicBool>) {
        let mut session: Option<v1::InitProducerResponse> = None;
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let Some(known) = session else {
                // A new epoch aborts what is open, and ends what nobody knows of.
                session = self.raw.init_producer().await.ok();
                number = 0;
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            number += 1;
            if !self.transact(known, number).await {
                session = self.renew(known).await;
                number = 0;
            }
        }
        // Nothing is open when everything is read.
        if let Some(session) = session {
            self.renew(session).await;
        }
    }

    /// The next epoch of the same producer.
    async fn renew(&self, known: v1::InitProducerResponse) -> Option<v1::InitProducerResponse> {
        let request =
            v1::InitProducerRequest { producer_id: Some(known.producer_id), epoch: Some(known.epoch) };
        let raw = &self.raw;
        attempts(|| async move { raw.produce().init_producer(request).await }).await.ok()
    }

    /// Whether the next one may follow under the same epoch.
    async fn transact(&mut self, session: v1::InitProducerResponse, number: u64) -> bool {
        let v1::InitProducerResponse { producer_id, epoch, .. } = session;
        let recorder = Arc::clone(&self.world.recorder);
        let transaction = recorder.begin();
        let mut draft = Draft::default();
        let mut is_whole = true;
        for _ in 0..self.seed.range(1..OPERATIONS + 1) {
            if self.seed.range(0..4) == 0 {
                let mut seed = self.seed.fork();
                hop(&self.world, &mut seed).await;
            } else {
                is_whole &= self.send(transaction, session, number, &mut draft).await;
            }
        }
        let sends: Vec<_> = draft.sends.iter().flatten().copied().collect();
        let choice = self.seed.range(0..100);
        if !is_whole || choice < 15 {
            let abort = v1::AbortTransactionRequest { producer_id, epoch, number };
            let raw = &self.raw;
            let aborted = attempts(|| async move { raw.transactions().abort_transaction(abort).await }).await;
            // It is never asked to be committed: so nothing of it may ever be read.
            recorder.ended(&sends, None, Outcome::Failed);
            return aborted.is_ok();
        }
        if choice < 25 {
            // It is left open; the next epoch ends it.
            recorder.ended(&sends, None, Outcome::Failed);
            return false;
        }
        let commit = v1::CommitTransactionRequest {
            producer_id,
            epoch,
            number,
            staged: draft.staged,
            batches: draft.inline.clone(),
            offsets: Vec::new(),
        };
        recorder.end(transaction);
        let (raw, commit) = (&self.raw, &commit);
        let answer =
            attempts(|| async move { raw.transactions().commit_transaction(commit.clone()).await }).await;
        match answer {
            Ok(answer) => {
                let offsets = offsets(&draft, &answer);
                recorder.ended(&sends, Some(&offsets), Outcome::Unknown);
                self.committed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(status) if raw::is_unknown(&status) => {
                recorder.ended(&sends, None, Outcome::Unknown);
                false
            }
            Err(status) => {
                let reason = raw::reason(&status);
                assert_eq!(reason, "TRANSACTION_ABORTED", "{status}");
                recorder.ended(&sends, None, Outcome::Failed);
                false
            }
        }
    }

    /// A batch of one to three values for one partition, staged or kept for the commit. Tells whether it is there.
    async fn send(
        &mut self,
        transaction: u32,
        session: v1::InitProducerResponse,
        number: u64,
        draft: &mut Draft,
    ) -> bool {
        let recorder = Arc::clone(&self.world.recorder);
        let partition = u32::try_from(self.seed.index(self.world.partitions as usize)).unwrap_or(0);
        let before: usize = draft.sends.iter().map(Vec::len).sum();
        let counters = (u32::try_from(before).unwrap_or(0)..).take(self.seed.index(3) + 1);
        let sends: Vec<_> = counters
            .map(|counter| {
                recorder.send_within(self.process, transaction, counter, self.world.number(partition))
            })
            .collect();
        let values: Vec<_> =
            sends.iter().map(|send| payload::make(send.value(), self.seed.index(300))).collect();
        let request = raw::request(&self.world.topic, partition, &values, None);
        draft.sends.push(sends);
        // Batches of the commit come behind those that are staged.
        if !draft.inline.is_empty() || self.seed.range(0..2) == 0 {
            draft.inline.push(v1::TransactionBatch {
                topic: request.topic,
                partition,
                batch: request.batch,
                batch_crc32c: None,
            });
            return true;
        }
        let place = v1::TransactionSequence {
            producer_id: session.producer_id,
            epoch: session.epoch,
            number,
            index: draft.staged,
            timeout_ms: 30_000,
        };
        draft.staged += 1;
        let request = v1::ProduceRequest { transaction: Some(place), ..request };
        let (raw, request) = (&self.raw, &request);
        attempts(|| async move { raw.produce().produce(request.clone()).await }).await.is_ok()
    }
}

/// The offset of each value.
fn offsets(draft: &Draft, answer: &v1::CommitTransactionResponse) -> Vec<u64> {
    assert_eq!(answer.base_offsets.len(), draft.sends.len(), "an offset for each batch: {answer:?}");
    let of_batch = |(base, sends): (&u64, &Vec<Send>)| (*base..).take(sends.len()).collect::<Vec<_>>();
    answer.base_offsets.iter().zip(&draft.sends).flat_map(of_batch).collect()
}

/// Asks until there is an answer that tells what was done.
async fn attempts<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut last = Status::unavailable("not tried");
    for _ in 0..ATTEMPTS {
        match tokio::time::timeout(Duration::from_secs(10), call()).await {
            Ok(Err(status)) if raw::is_unknown(&status) || is_retryable(&status) => last = status,
            Ok(answer) => return answer.map(Response::into_inner),
            Err(_) => last = Status::unavailable("no answer in time"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(last)
}

/// The broker did nothing, and may do it later.
fn is_retryable(status: &Status) -> bool {
    matches!(raw::reason(status).as_str(), "UNAVAILABLE" | "OVERLOADED")
}
