//! D4: a failing write or sync. Nothing is acked any more, the broker says that it does not serve within a
//! second, and ends with a message (or, when the disk is full, goes on reading); and what it had acked
//! survives, also a power loss right after.

use crate::{MIB, cycles, small};
use levee_client::{Position, StartAt};
use levee_tests::broker::{Broker, health};
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::powerloss::{Cut, Disk};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::strace::{self, Strace};
use levee_tests::wait;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tonic_health::pb::health_check_response::ServingStatus;

/// From the failure to the last moment at which the broker may look alive.
const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_nothing_is_acked_after_a_failed_sync() {
    for when in [1, 2, 17] {
        fail_once("d4-sync", "fdatasync", Errno::Eio, when).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_nothing_is_acked_after_the_disk_was_full_in_the_middle() {
    fail_once("d4-full-sync", "fdatasync", Errno::Enospc, 5).await;
    fail_once("d4-full-write", "pwritev", Errno::Enospc, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_nothing_is_acked_after_a_failed_write() {
    for when in [1, 9] {
        fail_once("d4-write", "pwritev", Errno::Eio, when).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d4_nothing_is_acked_after_a_failed_call() {
    for when in 1..=cycles(200) {
        fail_once("chaos-d4-sync", "fdatasync,fsync", Errno::Eio, when).await;
        fail_once("chaos-d4-write", "pwritev,pwrite64", Errno::Eio, when).await;
        fail_once("chaos-d4-full", "fdatasync,pwritev", Errno::Enospc, when).await;
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errno {
    Eio,
    Enospc,
}

impl Errno {
    /// Its name, and what the log says of it.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Eio => ("EIO", "Input/output error"),
            Self::Enospc => ("ENOSPC", "No space left on device"),
        }
    }
}

/// The call number `when` of each thread fails, once; later ones would succeed.
async fn fail_once(test: &str, calls: &str, errno: Errno, when: u64) {
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

    let (name, text) = errno.texts();
    let strace = Strace::attach(broker.pid(), &format!("{calls}:error={name}:when={when}"), None);
    let dark = tokio::spawn(dark(broker.endpoint()));
    let failed = strace.injected(Duration::from_secs(30)).await;
    let dark = dark.await.expect("the watcher of health");
    if errno == Errno::Eio {
        let status = broker.wait(Duration::from_secs(20)).await;
        assert!(!status.success(), "{calls} {when}: leveed ended with success");
    } else {
        // Reading goes on.
        let reader = world.client();
        let position = Position { topic: world.topic.clone(), partition: 0, from: StartAt::Start };
        reader.offsets(vec![position]).await.expect("it answers readers");
        tokio::time::sleep(WITHIN).await;
        broker.signal(Signal::TERM);
        broker.wait(Duration::from_secs(30)).await;
    }
    let last_ack = recorder.last_ack().map(|at| strace::now().saturating_sub(at.elapsed()));
    assert!(dark < failed + WITHIN, "{calls} {when}: served for {:?} after the failure", dark - failed);
    let last_ack = last_ack.expect("acks");
    assert!(last_ack < failed + WITHIN, "{calls} {when}: acked {:?} after the failure", last_ack - failed);
    let log = broker.log().complete();
    assert!(log.contains(text), "{calls} {when}: the log does not say why:\n{log}");

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
    // A full disk is told to whoever sends; everything else the client library gets over.
    let may_fail = errno == Errno::Enospc;
    assert!(may_fail || failures.is_empty(), "the client gave up on records: {failures:?}");
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
