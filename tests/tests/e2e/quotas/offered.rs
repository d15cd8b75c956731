//! More load than a quota lets through, and what of it passes.

use futures::StreamExt as _;
use futures::channel::mpsc;
use levee_client::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_proto::v1::read_request::Kind as Ask;
use levee_proto::v1::read_response::Kind as Answer;
use levee_tests::raw::{self, Raw};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// Before the window: until whoever has a burst has used it up.
const BEFORE: Duration = Duration::from_secs(1);
/// Calls that one connection has open, at most: as many as the broker takes.
const OPEN_CALLS: usize = 100;

/// What passed within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) bytes: u64,
    /// None: as much as was taken, all the time.
    pub(super) offered: Option<u64>,
    pub(super) refused: u64,
}

#[derive(Debug)]
struct Counters {
    from: Instant,
    to: Instant,
    bytes: AtomicU64,
    offered: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    fn new(window: Duration) -> Arc<Self> {
        let from = Instant::now() + BEFORE;
        let zero = || AtomicU64::new(0);
        Arc::new(Self { from, to: from + window, bytes: zero(), offered: zero(), refused: zero() })
    }

    fn count(&self, counter: &AtomicU64, amount: u64) {
        let now = Instant::now();
        if now >= self.from && now < self.to {
            counter.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Waits for the end of the window.
    async fn measured(&self) -> Measured {
        tokio::time::sleep_until(self.to.into()).await;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let offered = Some(of(&self.offered)).filter(|offered| *offered > 0);
        Measured { bytes: of(&self.bytes), offered, refused: of(&self.refused) }
    }
}

/// Batches at a steady pace, whether they pass or not.
pub(super) struct Offer {
    pub(super) bytes_per_s: u64,
    pub(super) batch: u64,
    pub(super) topics: Vec<String>,
}

impl Offer {
    /// Offers them over these connections. Whatever waits at the end is given up.
    pub(super) async fn produce(&self, raws: Vec<Raw>, window: Duration) -> Measured {
        let counters = Counters::new(window);
        let mut tasks = JoinSet::new();
        let every =
            Duration::from_secs_f64((self.batch * raws.len() as u64) as f64 / self.bytes_per_s as f64);
        for (n, raw) in raws.into_iter().enumerate() {
            let topic = self.topics[n % self.topics.len()].clone();
            tasks.spawn(keep_offering(raw, topic, self.batch, every, Arc::clone(&counters)));
        }
        let measured = counters.measured().await;
        end(tasks).await;
        measured
    }
}

/// Ends what goes on until it is ended. What has ended before by itself has failed.
async fn end(mut tasks: JoinSet<()>) {
    if let Some(ended) = tasks.try_join_next() {
        ended.expect("it goes on without a panic");
        panic!("somebody stopped to offer or to read");
    }
    tasks.shutdown().await;
}

async fn keep_offering(raw: Raw, topic: String, batch: u64, every: Duration, counters: Arc<Counters>) {
    let mut calls = JoinSet::new();
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                counters.count(&counters.offered, batch);
                if calls.len() < OPEN_CALLS {
                    let (raw, topic, counters) = (raw.clone(), topic.clone(), Arc::clone(&counters));
                    calls.spawn(async move {
                        match send(&raw, &topic, batch).await {
                            Ok(bytes) => counters.count(&counters.bytes, bytes),
                            Err(_) => counters.count(&counters.refused, 1),
                        }
                    });
                }
            }
            Some(call) = calls.join_next() => call.expect("a call without a panic"),
        }
    }
}

/// Produces one batch of about this size; gives the bytes that are stored.
pub(super) async fn send(raw: &Raw, topic: &str, bytes: u64) -> Result<u64, tonic::Status> {
    let request = batch_of(topic, bytes);
    let bytes = request.batch.len() as u64;
    raw.produce().produce(request).await.map(|_| bytes)
}

fn batch_of(topic: &str, bytes: u64) -> v1::ProduceRequest {
    let value = vec![b'x'; usize::try_from(bytes).expect("a size")];
    raw::request(topic, 0, &[value.into()], None)
}

/// The same over streams of one connection, each with as many batches under way as it takes.
pub(super) async fn produce_on_streams(
    raw: &Raw,
    topic: &str,
    streams: usize,
    bytes: u64,
    window: Duration,
) -> Measured {
    /// Batches of one stream that wait for their answers.
    const UNDER_WAY: u64 = 100;
    let counters = Counters::new(window);
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        let (raw, request, counters) = (raw.clone(), batch_of(topic, bytes), Arc::clone(&counters));
        let stored = request.batch.len() as u64;
        tasks.spawn(async move {
            let (asks, asked) = mpsc::unbounded();
            let ask = |correlation_id| {
                let request = Some(request.clone());
                asks.unbounded_send(v1::ProduceStreamRequest { correlation_id, request })
                    .expect("an open stream");
            };
            (0..UNDER_WAY).for_each(&ask);
            let mut answers = raw.produce().produce_stream(asked).await.expect("a stream").into_inner();
            let mut next = UNDER_WAY;
            while let Some(answer) = answers.next().await {
                match answer.expect("an answer").result {
                    Some(v1::produce_stream_response::Result::Response(_)) => {
                        counters.count(&counters.bytes, stored);
                    }
                    _ => counters.count(&counters.refused, 1),
                }
                ask(next);
                next += 1;
            }
        });
    }
    let measured = counters.measured().await;
    end(tasks).await;
    measured
}

/// Reads a topic from its start, again and again, with all the credit there is, over each of these connections.
pub(super) async fn consume(raws: Vec<Raw>, topic: &str, window: Duration) -> Measured {
    let counters = Counters::new(window);
    let mut tasks = JoinSet::new();
    for raw in raws {
        let (topic, counters) = (topic.to_owned(), Arc::clone(&counters));
        tasks.spawn(async move {
            loop {
                read_once(&raw, &topic, &counters).await;
            }
        });
    }
    let measured = counters.measured().await;
    end(tasks).await;
    measured
}

async fn read_once(raw: &Raw, topic: &str, counters: &Counters) {
    let from = Some(v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::Start.into())) });
    let positions = vec![v1::ReadPosition { topic: topic.to_owned(), partition: 0, from }];
    let start = v1::ReadStart { positions, credit_bytes: 64 * 1024 * 1024, stop_at_end: true };
    let (asks, asked) = mpsc::unbounded();
    asks.unbounded_send(v1::ReadRequest { kind: Some(Ask::Start(start)) }).expect("an open stream");
    let mut answers = raw.read().read(asked).await.expect("a stream").into_inner();
    while let Some(answer) = answers.next().await {
        if let Some(Answer::Batches(v1::ReadBatches { batches })) = answer.expect("an answer").kind {
            let bytes = batches.iter().map(|batch| batch.batch.len() as u64).sum();
            counters.count(&counters.bytes, bytes);
        }
    }
}
