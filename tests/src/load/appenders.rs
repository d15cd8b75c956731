//! Clients that race to append at the end of one partition, each at the offset that it expects.

use super::World;
use crate::payload;
use crate::raw;
use crate::recorder::Outcome;
use crate::seed::Seed;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clients at work, until dropped.
#[derive(Debug)]
pub struct Appenders {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    world: World,
    stop: AtomicBool,
    lost: AtomicU64,
    unknown: AtomicU64,
}

impl Appenders {
    /// Starts this many, on the first partition.
    #[must_use]
    pub fn start(world: &World, count: usize, seed: &mut Seed) -> Self {
        let shared = Arc::new(Shared {
            world: world.clone(),
            stop: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        });
        let tasks = (0..count).map(|_| tokio::spawn(race(Arc::clone(&shared), seed.fork()))).collect();
        Self { shared, tasks }
    }

    /// How many appends lost the race, and of how many nobody knows.
    #[must_use]
    pub fn losses(&self) -> (u64, u64) {
        (self.shared.lost.load(Ordering::Relaxed), self.shared.unknown.load(Ordering::Relaxed))
    }

    /// Waits until each has its last outcome.
    ///
    /// # Panics
    /// When one of them panicked.
    pub async fn stop(mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in &mut self.tasks {
            task.await.expect("a client that appends");
        }
    }
}

impl Drop for Appenders {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn race(shared: Arc<Shared>, mut seed: Seed) {
    let world = &shared.world;
    let (process, raw) = (world.recorder.process(), world.raw());
    let mut next = None;
    let mut counter = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let Some(expected) = next else {
            next = end(world).await;
            continue;
        };
        let send = world.recorder.send_expecting(process, counter, world.number(0), expected);
        counter += 1;
        let value = payload::make(send.value(), seed.index(200));
        let request = v1::ProduceRequest {
            expected_offset: Some(expected),
            ..raw::request(&world.topic, 0, &[value], None)
        };
        let answer = tokio::time::timeout(PATIENCE, raw.produce().produce(request)).await;
        let outcome = match answer {
            Ok(Ok(answer)) => Outcome::Acked(answer.into_inner().base_offset),
            Ok(Err(status)) if raw::reason(&status) == "OFFSET_MISMATCH" => {
                shared.lost.fetch_add(1, Ordering::Relaxed);
                Outcome::Mismatch(raw::current_offset(&status).expect("a refusal tells the current offset"))
            }
            Ok(Err(status)) if raw::is_unknown(&status) => Outcome::Unknown,
            Ok(Err(status)) => panic!("an append was refused: {status}"),
            Err(_) => Outcome::Unknown,
        };
        world.recorder.sent(send, outcome);
        next = match outcome {
            Outcome::Acked(offset) => Some(offset + 1),
            Outcome::Mismatch(current) => Some(current),
            Outcome::Failed | Outcome::Unknown => {
                shared.unknown.fetch_add(1, Ordering::Relaxed);
                None
            }
        };
    }
}

/// Where the log ends, once the broker says so.
async fn end(world: &World) -> Option<u64> {
    let from = v1::OffsetSpec { spec: Some(Spec::Edge(v1::OffsetEdge::End.into())) };
    let position = v1::ReadPosition { topic: world.topic.clone(), partition: 0, from: Some(from) };
    let request = v1::ListOffsetsRequest { positions: vec![position] };
    let raw = world.raw();
    let mut client = raw.read();
    match tokio::time::timeout(PATIENCE, client.list_offsets(request)).await {
        Ok(Ok(answer)) => answer.into_inner().positions.first().map(|position| position.end_offset),
        _ => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}
