//! D1, with O1, O3 and O4 in the same history: SIGKILL at any moment.

use crate::{cycles, small};
use levee_tests::broker::Broker;
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_acked_records_survive_sigkill() {
    kill_cycles("d1", 20, 1_000, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d1_acked_records_survive_sigkill() {
    kill_cycles("chaos-d1", cycles(200), 5_000, 1_000).await;
}

/// Writers and readers go on through `cycles` kills, each at a random moment of the `millis` after the broker
/// has acked again. Records have `bytes`: enough for several segments.
async fn kill_cycles(test: &str, cycles: u64, millis: u64, bytes: usize) {
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    let world = World::create(&broker.endpoint(), 6, &recorder).await;
    let writers = Writers::start(&world, 4, Pace { bytes, ..Pace::default() }, &mut seed);
    let followers = Followers::start(&world, 2).and_hoppers(&world, 1, &mut seed);
    for _ in 0..cycles {
        world.progress(100).await;
        tokio::time::sleep(seed.millis(0..millis)).await;
        broker.kill();
        broker = Broker::start(&setup).await;
    }
    let failures = writers.stop().await;
    drop(followers);
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(100 * cycles);
    assert!(failures.is_empty(), "the client gave up on records: {failures:?}");
}
