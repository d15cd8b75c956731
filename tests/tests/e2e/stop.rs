//! R3: a graceful stop under load.

use crate::small;
use levee_tests::broker::Broker;
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use std::time::Instant;

/// [`Broker::stop`] fails when the broker takes longer than 30 seconds or does not exit with success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_graceful_stop_under_load() {
    let mut seed = Seed::from_env("r3");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let recorder = Recorder::new("r3");
    let mut broker = Broker::start(&setup).await;
    let world = World::create(&broker.endpoint(), 6, &recorder).await;
    let writers = Writers::start(&world, 4, Pace::default(), &mut seed);
    let followers = Followers::start(&world, 2);
    for _ in 0..3 {
        world.progress(1_000).await;
        let began = Instant::now();
        broker.stop().await;
        println!("stopped within {:?}", began.elapsed());
        broker = Broker::start(&setup).await;
    }
    world.progress(100).await;
    let failures = writers.stop().await;
    drop(followers);
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(3_100);
    assert!(failures.is_empty(), "the client gave up on records: {failures:?}");
}
