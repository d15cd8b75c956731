//! What D1 and D2 have in common: writers and readers that go on while the broker dies again and again, and
//! the judgement in the end.

use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use std::sync::Arc;

/// How many records are acked in each cycle, at least.
const PROGRESS: u64 = 100;

/// Clients at work. They find a broker again that is started with the same setup.
pub(crate) struct UnderLoad {
    world: World,
    recorder: Arc<Recorder>,
    writers: Writers,
    followers: Followers,
    cycles: u64,
}

impl UnderLoad {
    /// Starts a broker and its clients. Records have `bytes`: enough for several segments.
    pub(crate) async fn start(test: &str, setup: &Setup, bytes: usize, seed: &mut Seed) -> (Self, Broker) {
        let recorder = Recorder::new(test);
        let broker = Broker::start(setup).await;
        let world = World::create(&broker.endpoint(), 6, &recorder).await;
        let writers = Writers::start(&world, 4, Pace { bytes, ..Pace::default() }, seed);
        let followers = Followers::start(&world, 2).and_hoppers(&world, 1, seed);
        (Self { world, recorder, writers, followers, cycles: 0 }, broker)
    }

    /// Waits until the broker acks again.
    pub(crate) async fn progress(&mut self) {
        self.cycles += 1;
        self.world.progress(PROGRESS).await;
    }

    /// Reads everything, and judges what was seen.
    pub(crate) async fn finish(self, broker: Broker) {
        let failures = self.writers.stop().await;
        drop(self.followers);
        drain(&self.world).await.expect("everything can be read");
        broker.stop().await;
        self.recorder.judge().assert_ok(PROGRESS * self.cycles);
        assert!(failures.is_empty(), "the client gave up on records: {failures:?}");
    }
}
