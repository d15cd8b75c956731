//! D2 and D3: power loss, and the proof that this harness can see it.

use crate::under_load::UnderLoad;
use crate::{MIB, cycles, small};
use levee_tests::broker::Broker;
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::powerloss::{Cut, Disk};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::strace::Strace;
use levee_tests::wait;
use rustix::process::Signal;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_acked_records_survive_power_loss() {
    power_cycles("d2", 10, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d2_acked_records_survive_power_loss() {
    power_cycles("chaos-d2", cycles(500), 1_000).await;
}

/// Writers and readers go on through `cycles` power losses. In half of them the broker stands still when the
/// power goes; in the others it runs on, meets EIO, must not ack, and must end.
/// Records have `bytes`.
async fn power_cycles(test: &str, cycles: u64, bytes: usize) {
    let Some(mut disk) = Disk::new(test, 4096 * MIB) else { return };
    let mut seed = Seed::from_env(test);
    let setup = small(&disk.path().join("data"));
    let (mut load, mut broker) = UnderLoad::start(test, &setup, bytes, &mut seed).await;
    for cycle in 0..cycles {
        load.progress().await;
        tokio::time::sleep(seed.millis(0..800)).await;
        let cut = if cycle % 2 == 0 { Cut::Everything } else { Cut::LogFlushed };
        if cycle % 4 < 2 {
            broker.halt().await;
            disk.cut(cut);
            broker.kill();
        } else {
            broker.expect_errors();
            disk.cut(cut);
            let status = broker.wait(Duration::from_secs(10)).await;
            assert!(!status.success(), "leveed ended with success on a dead disk");
        }
        drop(broker);
        disk.restore();
        broker = Broker::start(&setup).await;
    }
    load.finish(broker).await;
}

/// A broker whose syncs are dropped loses acked records, and the checker says so: otherwise D2 proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_dropped_syncs_are_found() {
    if let Some(reason) = Strace::missing() {
        return wait::skipped("d3", &reason);
    }
    let Some(mut disk) = Disk::new("d3", 1024 * MIB) else { return };
    let mut seed = Seed::from_env("d3");
    let setup = small(&disk.path().join("data"));
    let recorder = Recorder::new("d3");
    let mut broker = Broker::start(&setup).await;
    let world = World::create(&broker.endpoint(), 6, &recorder).await;
    let writers = Writers::start(&world, 4, Pace::default(), &mut seed);
    world.progress(200).await;
    let strace = Strace::attach(broker.pid(), "fsync,fdatasync,sync_file_range:retval=0", None);
    world.progress(500).await;
    // strace hands the signal on when it likes: the broker may still meet the dead disk, and say so.
    broker.expect_errors();
    broker.signal(Signal::STOP);
    disk.cut(Cut::Everything);
    broker.kill();
    drop((strace, writers, broker));
    disk.restore();
    let broker = Broker::start(&setup).await;
    drain(&world).await.expect("what is left can be read");
    broker.stop().await;
    let report = recorder.judge();
    assert!(report.lost() > 0, "syncs were dropped, and nothing is lost:\n{report}");
}
