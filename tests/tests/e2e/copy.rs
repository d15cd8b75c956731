//! T3: reading, copying and committing how far one has come, in one transaction, is exactly once. After Kafka's system
//! test of transactions, with 750 records in each.

use crate::{crash, cycles, small};
use levee_tests::broker::Broker;
use levee_tests::load::{Copiers, Group, Pace, World, Writers, drain, read_copies};
use levee_tests::proxy::Proxy;
use levee_tests::raw::Raw;
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use std::time::Duration;

const TARGET: &str = "copies";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t3_copies_are_exactly_once() {
    copy_exactly_once("t3", 20_000, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_t3_copies_are_exactly_once() {
    copy_exactly_once("chaos-t3", 100_000 * cycles(1), 20).await;
}

/// Copiers that die at any moment, over connections that are cut, copy so many records while the broker is killed.
async fn copy_exactly_once(test: &str, records: u64, kills: u64) {
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let recorder = Recorder::new(test);
    let world = World::create(&broker.endpoint(), 4, &recorder).await;
    let operator = Raw::operator(&broker.endpoint());
    operator.create_topics(&world.tenant, &[TARGET], 4).await.expect("a topic can be created");
    let proxy =
        Proxy::start(broker.endpoint().trim_start_matches("http://"), 100_000..2_000_000, seed.fork()).await;
    let group = Group::new(&world, "copiers");
    let pace = Pace { burst: 50, every: Duration::from_millis(10), bytes: 50 };
    let writers = Writers::start(&world, 2, pace, &mut seed);
    let broken = world.at(&proxy.endpoint(), &recorder);
    let copiers = Copiers::start(&broken, (&group.name, TARGET), 4, 500..5_000, &mut seed);
    for _ in 0..kills {
        world.progress(records / (kills + 1)).await;
        tokio::time::sleep(seed.millis(0..500)).await;
        broker = crash(broker, &setup, None).await;
    }
    world.progress(records / (kills + 1)).await;
    writers.stop().await;
    group.is_at_the_end(Duration::from_secs(60)).await;
    let (committed, failed) = copiers.transactions();
    println!("{committed} transactions were committed, {failed} failed, {} connections cut", proxy.cuts());
    drop(copiers);
    drain(&world).await.expect("everything can be read");
    let copies = read_copies(&world, TARGET).await.expect("the copies can be read");
    broker.stop().await;
    let report = recorder.judge();
    println!("{copies} copies of {} records", report.acked);
    report.assert_ok(records);
    assert!(
        copies >= report.acked && failed > 0,
        "too little happened to judge: {copies} copies, {failed} failed"
    );
}
