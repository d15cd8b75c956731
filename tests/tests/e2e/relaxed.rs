//! D1 and D2 for topics with `durability=relaxed`, whose records are acked before they are synced: the death
//! of the process takes nothing of them, and a power loss only what was acked within the last sync interval.

use crate::{MIB, cycles, small};
use levee_tests::broker::Broker;
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::powerloss::{Cut, Disk};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use std::time::{Duration, Instant};

/// How long a record may wait for its sync.
const SYNC_INTERVAL: Duration = Duration::from_millis(200);

/// What a sync that is due may take to begin and to end, on a busy machine.
const SYNC_TAKES: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_relaxed_records_survive_sigkill() {
    kill_cycles("d1-relaxed", 10, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d1_relaxed_records_survive_sigkill() {
    kill_cycles("chaos-d1-relaxed", cycles(200), 5_000).await;
}

/// Writers and readers go on through `cycles` kills, each at a random moment of the `millis` after the broker
/// has acked again.
async fn kill_cycles(test: &str, cycles: u64, millis: u64) {
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    // So long that next to nothing is synced.
    let setup = small(&dir.path().join("data")).set("storage.sync_interval_ms", 60_000);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    let world = World::create_relaxed(&broker.endpoint(), 6, &recorder).await;
    let writers = Writers::start(&world, 4, Pace { bytes: 3_000, ..Pace::default() }, &mut seed);
    let followers = Followers::start(&world, 2);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_relaxed_records_lose_only_the_last_moment() {
    power_cycles("d2-relaxed", 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d2_relaxed_records_lose_only_the_last_moment() {
    power_cycles("chaos-d2-relaxed", cycles(200)).await;
}

/// What is left of each partition is a beginning of it. Each cycle has a topic and a history of its own, because
/// offsets that were lost are given again; and no readers, because they saw what was lost.
async fn power_cycles(test: &str, cycles: u64) {
    let Some(mut disk) = Disk::new(test, 1024 * MIB) else { return };
    let mut seed = Seed::from_env(test);
    let interval = SYNC_INTERVAL.as_millis().try_into().expect("a few digits");
    let mut setup = small(&disk.path().join("data")).set("storage.sync_interval_ms", interval);
    let mut broker = Broker::start(&setup).await;
    for cycle in 0..cycles {
        let recorder = Recorder::new(test);
        let world = World::create_relaxed(&broker.endpoint(), 4, &recorder).await;
        let writers = Writers::start(&world, 3, Pace { bytes: 1_000, ..Pace::default() }, &mut seed);
        world.progress(100).await;
        // Longer than the time whose records may be lost, so that there are some that may not.
        tokio::time::sleep(seed.millis(1_500..2_500)).await;
        let went = Instant::now();
        broker.halt().await;
        disk.cut(if cycle % 2 == 0 { Cut::Everything } else { Cut::LogFlushed });
        broker.kill();
        drop((broker, writers));
        disk.restore();
        for partition in 0..world.partitions {
            recorder.forgive(world.number(partition), went - SYNC_INTERVAL - SYNC_TAKES);
        }
        // On another port: the writers' clients would send again what was not acked, and take offsets again
        // that were lost.
        setup = setup.on(&setup.data);
        broker = Broker::start(&setup).await;
        let world = world.at(&broker.endpoint(), &recorder);
        drain(&world).await.expect("everything can be read");
        world.raw().delete_topic(&world.topic).await.expect("it can be deleted");
        recorder.judge().assert_ok(100);
    }
    broker.stop().await;
}
