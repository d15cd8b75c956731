//! D4: a failing write or sync. Nothing is acked any more, the broker says that it does not serve within a
//! second and ends with a message; and what it had acked survives, also a power loss right after.

use crate::{MIB, cycles, small};
use levee_tests::broker::{Broker, health};
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::powerloss::{Cut, Disk};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::strace::{self, Strace};
use levee_tests::wait;
use std::time::{Duration, Instant};
use tonic_health::pb::health_check_response::ServingStatus;

/// From the failure to the last moment at which the broker may look alive.
const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_nothing_is_acked_after_a_failed_sync() {
    for when in [1, 2, 17] {
        fail_once("d4-sync", "fdatasync", when).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_nothing_is_acked_after_a_failed_write() {
    for when in [1, 9] {
        fail_once("d4-write", "pwritev", when).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d4_nothing_is_acked_after_a_failed_call() {
    for when in 1..=cycles(200) {
        fail_once("chaos-d4-sync", "fdatasync,fsync", when).await;
        fail_once("chaos-d4-write", "pwritev,pwrite64", when).await;
    }
}

/// The call number `when` of each thread fails with EIO, once; later ones would succeed.
async fn fail_once(test: &str, calls: &str, when: u64) {
    if let Some(reason) = Strace::missing() {
        return wait::skipped(test, &reason);
    }
    let Some(mut disk) = Disk::new(test, 512 * MIB) else { return };
    let mut seed = Seed::from_env(test);
    let setup = small(&disk.path().join("data"));
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    broker.expect_errors();
    let world = World::create(&broker.endpoint(), 6, &recorder).await;
    let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
    let followers = Followers::start(&world, 1);
    world.progress(100).await;

    let strace = Strace::attach(broker.pid(), &format!("{calls}:error=EIO:when={when}"), None);
    let dark = tokio::spawn(dark(broker.endpoint()));
    let failed = strace.injected(Duration::from_secs(30)).await;
    let dark = dark.await.expect("the watcher of health");
    let status = broker.wait(Duration::from_secs(20)).await;
    let last_ack = recorder.last_ack().map(|at| strace::now().saturating_sub(at.elapsed()));
    assert!(!status.success(), "{calls} {when}: leveed ended with success");
    assert!(dark < failed + WITHIN, "{calls} {when}: served for {:?} after the failure", dark - failed);
    let last_ack = last_ack.expect("acks");
    assert!(last_ack < failed + WITHIN, "{calls} {when}: acked {:?} after the failure", last_ack - failed);
    let log = broker.log().complete();
    assert!(log.contains("Input/output error"), "{calls} {when}: the log does not say why:\n{log}");

    drop((strace, broker));
    disk.cut(Cut::Everything);
    disk.restore();
    let broker = Broker::start(&setup).await;
    world.progress(100).await;
    let failures = writers.stop().await;
    drop(followers);
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(200);
    assert!(failures.is_empty(), "the client gave up on records: {failures:?}");
}

/// When the broker first did not say that it serves, since the epoch.
async fn dark(endpoint: String) -> Duration {
    let deadline = Instant::now() + Duration::from_secs(60);
    while health(&endpoint).await == Some(ServingStatus::Serving) {
        assert!(Instant::now() < deadline, "the broker serves on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    strace::now()
}
