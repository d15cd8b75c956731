//! Queues: workers crash, reject and let leases end, while the broker dies. Every record is done or dead in the end,
//! and none is handed out again after its acknowledgement was answered.

use crate::{MIB, kill, small};
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Conduct, Pace, Queue, Workers, World, Writers, drain};
use levee_tests::powerloss::Disk;
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::wait;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_a_queue_is_done_or_dead_through_sigkill() {
    let dir = tempfile::tempdir().expect("a directory");
    die_and_work_on("w1", 6, &small(&dir.path().join("data")), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_a_queue_is_done_or_dead_through_power_loss() {
    let Some(disk) = Disk::new("w1-power", 2048 * MIB) else { return };
    die_and_work_on("w1-power", 3, &small(&disk.path().join("data")), Some(disk)).await;
}

async fn die_and_work_on(test: &str, cycles: u64, setup: &Setup, mut disk: Option<Disk>) {
    let mut seed = Seed::from_env(test);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(setup).await;
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let queue = Queue::new(&world, "jobs", 3).await;
    let pace = Pace { burst: 2, every: Duration::from_millis(10), bytes: 100 };
    let writers = Writers::start(&world, 2, pace, &mut seed);
    let workers = Workers::start(&queue, 6, Conduct::default(), &mut seed);
    // Long enough for leases to end.
    world.progress(1_000).await;
    for _ in 0..cycles {
        world.progress(100).await;
        tokio::time::sleep(seed.millis(0..1_000)).await;
        kill(broker, disk.as_mut()).await;
        recorder.died();
        broker = Broker::start(setup).await;
    }
    world.progress(100).await;
    let enough = || matches!(workers.mishaps(), (1.., 1..)).then_some(());
    wait::until("workers fail", Duration::from_secs(60), enough).await;
    writers.stop().await;
    workers.calm_down();
    queue.empties(Duration::from_secs(30)).await;
    let (deaths, expired) = workers.mishaps();
    drop(workers);
    let dead = queue.read_dead().await.expect("the dead letters can be read");
    println!("{deaths} workers died, {expired} acknowledgements came too late, {dead} records are dead");
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    let report = recorder.judge();
    report.assert_ok(100 * cycles);
    assert!(report.delivered >= report.acked, "{report}");
    assert!(dead > 0, "too little happened to judge");
    drop(disk);
}
