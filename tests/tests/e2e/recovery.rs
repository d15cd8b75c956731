//! D6 and R4: recovery that is killed again and again comes to the same state, and takes bounded time.

use crate::{MIB, cycles, kill};
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::powerloss::Disk;
use levee_tests::raw::Raw;
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use std::path::Path;
use std::time::Duration;
use tonic_health::pb::health_check_response::ServingStatus;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_recovery_can_be_killed_at_any_moment() {
    let dir = tempfile::tempdir().expect("a directory");
    kill_recovery("d6", dir.path(), None, 10, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d6_recovery_can_be_killed_at_any_moment() {
    let dir = tempfile::tempdir().expect("a directory");
    kill_recovery("chaos-d6", dir.path(), None, cycles(200), 50_000).await;
}

/// What recovery itself writes may be lost at any moment, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_the_power_can_go_during_recovery() {
    let Some(mut disk) = Disk::new("d6-power", 512 * MIB) else { return };
    kill_recovery("d6-power", &disk.path(), Some(&mut disk), 10, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d6_the_power_can_go_during_recovery() {
    let Some(mut disk) = Disk::new("chaos-d6-power", 2048 * MIB) else { return };
    kill_recovery("chaos-d6-power", &disk.path(), Some(&mut disk), cycles(200), 50_000).await;
}

/// Writes `records` of 12 KB that the index does not cover, then kills every recovery but the last; with a
/// disk, its power goes at the same moment.
async fn kill_recovery(test: &str, dir: &Path, mut disk: Option<&mut Disk>, kills: u64, records: u64) {
    let mut seed = Seed::from_env(test);
    let setup = Setup::new(&dir.join("data"))
        .set("storage.segment_bytes", 16 * MIB)
        .set("storage.replay_bytes", 4096 * MIB);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    let world = World::create(&broker.endpoint(), 6, &recorder).await;
    let pace = Pace { burst: 20, every: Duration::from_millis(2), bytes: 12_000 };
    let writers = Writers::start(&world, 2, pace, &mut seed);
    world.progress(records).await;
    broker.kill();
    drop((broker, writers));
    // On another port: the writers' clients would go on, and nothing is to come while everything is read.
    let setup = setup.on(&setup.data);

    let mut unfinished = 0;
    // Within the time that recovery is known to take, so that most kills hit it.
    let mut longest = 1_000;
    for _ in 0..kills {
        let broker = Broker::spawn(&setup);
        tokio::time::sleep(seed.millis(5..longest)).await;
        if broker.health().await == Some(ServingStatus::Serving) {
            longest = (longest / 2).max(20);
        } else {
            unfinished += 1;
        }
        kill(broker, disk.as_deref_mut()).await;
    }
    println!("{unfinished} of {kills} kills hit a recovery");
    assert!(unfinished >= kills / 4, "too few kills hit a recovery: {unfinished} of {kills}");

    let broker = Broker::start(&setup).await;
    drain(&world.at(&broker.endpoint(), &recorder)).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(records);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_restart_time_is_bounded() {
    restart("r4", 128 * MIB, 2_000, 16 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_r4_restart_time_is_bounded() {
    restart("chaos-r4", 10 * 1024 * MIB, 10_000, 512 * MIB).await;
}

/// A killed broker serves again within 10 seconds, with this much data in this many topics, because at most
/// `replay` bytes of the journal, and a group or two, are not in the index on disk.
async fn restart(test: &str, bytes: u64, topics: u64, replay: u64) {
    const RECORD: u64 = 16_000;
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    let setup = Setup::new(&dir.path().join("data")).set("storage.replay_bytes", replay);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    let world = World::create(&broker.endpoint(), 100, &recorder).await;
    let raw = Raw::operator(&broker.endpoint());
    let names: Vec<_> = (0..topics).map(|n| format!("idle-{n}")).collect();
    for names in names.chunks(1_000) {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        raw.create_topics(&world.tenant, &names, 1).await.expect("topics");
    }
    let pace =
        Pace { burst: 50, every: Duration::from_millis(2), bytes: usize::try_from(RECORD).unwrap_or(0) };
    let writers = Writers::start(&world, 2, pace, &mut seed);
    while recorder.acked() < bytes / RECORD {
        world.progress(100).await;
    }
    let journal = raw.status().await.expect("a status").journal.expect("of the journal");
    let uncovered = journal.durable_sequence - journal.flushed_sequence;
    let uncovered_bytes = journal.bytes / journal.durable_sequence * uncovered;
    println!("{} MiB of {} MiB are not in the index", uncovered_bytes / MIB, journal.bytes / MIB);
    // Two groups; and entries are not all of the same size.
    assert!(uncovered_bytes <= replay + 4 * MIB, "a restart would replay {uncovered_bytes} bytes");
    broker.kill();
    drop((broker, writers));
    // On another port, as above.
    let setup = setup.on(&setup.data);
    let mut broker = Broker::spawn(&setup);
    let took = broker.ready(Duration::from_secs(60)).await.expect("leveed starts");
    println!("ready {took:?} after the start, with {} MiB in {topics} topics", bytes / MIB);
    assert!(took < Duration::from_secs(10), "the restart took {took:?}");
    drain(&world.at(&broker.endpoint(), &recorder)).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(bytes / RECORD);
}
