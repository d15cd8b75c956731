//! O5: compare-and-append is linearizable: of clients that race to append at the offset that they expect, one wins, and
//! the log is exactly the winners.

use crate::{crash, small};
use levee_tests::broker::Broker;
use levee_tests::load::{Appenders, Followers, World, drain};
use levee_tests::proxy::Proxy;
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::wait;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o5_appends_that_expect_an_offset_are_linearizable() {
    let mut seed = Seed::from_env("o5");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let recorder = Recorder::new("o5");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let target = broker.endpoint().trim_start_matches("http://").to_owned();
    let proxy = Proxy::start(&target, 1_000..60_000, seed.fork()).await;
    let broken = world.at(&proxy.endpoint(), &recorder);
    let appenders = Appenders::start(&broken, 4, &mut seed);
    let followers = Followers::start(&world, 1);
    for _ in 0..8 {
        world.progress(100).await;
        tokio::time::sleep(seed.millis(0..300)).await;
        broker = crash(broker, &setup, None).await;
    }
    world.progress(100).await;
    let enough = || Some(appenders.losses()).filter(|&(lost, unknown)| lost > 100 && unknown > 8);
    let (lost, unknown) = wait::until("races are lost", Duration::from_secs(60), enough).await;
    appenders.stop().await;
    drop(followers);
    println!("{lost} races were lost, the outcome of {unknown} appends is unknown");
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(900);
}
