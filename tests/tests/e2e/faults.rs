//! D4: a failing write or sync. Nothing that is sent from then on is acked, the broker says within a second
//! that it does not serve, or has ended, and ends with a message (or, when the disk is full, goes on reading);
//! and what it had acked survives, also a power loss right after.

use crate::{MIB, cycles, small};
use levee_client::{Position, StartAt};
use levee_tests::broker::Broker;
use levee_tests::load::{Followers, Pace, World, Writers, drain};
use levee_tests::payload;
use levee_tests::powerloss::{Cut, Disk};
use levee_tests::raw;
use levee_tests::recorder::{Outcome, Recorder};
use levee_tests::seed::Seed;
use levee_tests::strace::{self, Strace};
use levee_tests::wait;
use rustix::process::Signal;
use std::time::Duration;
use tonic::Streaming;
use tonic_health::pb::HealthCheckResponse;
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
    let health = broker.watch_health().await;
    let strace = Strace::attach(broker.pid(), &format!("{calls}:error={name}:when={when}"), None);
    let dark = tokio::spawn(dark(health));
    let failed = strace.injected(Duration::from_secs(30)).await;
    if errno == Errno::Enospc {
        refused(&world).await;
        assert_eq!(
            broker.health().await,
            Some(ServingStatus::NotServing),
            "{calls} {when}: a full disk shows"
        );
        // Reading goes on.
        let reader = world.client();
        let position = Position { topic: world.topic.clone(), partition: 0, from: StartAt::Start };
        reader.offsets(vec![position]).await.expect("it answers readers");
        broker.signal(Signal::TERM);
    }
    let status = broker.wait(Duration::from_secs(30)).await;
    let gone = strace::now();
    assert!(errno == Errno::Enospc || !status.success(), "{calls} {when}: leveed ended with success");
    let dark = dark.await.expect("the watcher of health").unwrap_or(gone);
    assert!(dark >= failed, "{calls} {when}: it did not serve before anything failed");
    assert!(dark < failed + WITHIN, "{calls} {when}: served for {:?} after the failure", dark - failed);
    let log = broker.log().complete();
    assert!(log.contains(text), "{calls} {when}: the log does not say why:\n{log}");

    drop((strace, broker));
    disk.cut(Cut::Everything);
    disk.restore();
    // All acks so far are of the broker that failed.
    let invoked = recorder.last_acked_invocation().expect("acks");
    let invoked = strace::now().saturating_sub(invoked.elapsed());
    let after = invoked.saturating_sub(failed);
    assert!(invoked < failed, "{calls} {when}: acked a record that was sent {after:?} after the failure");
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

/// Whatever is sent now is refused, with an error that promises that nothing was stored.
async fn refused(world: &World) {
    let (raw, process) = (world.raw(), world.recorder.process());
    for counter in 0..20 {
        let send = world.recorder.send(process, counter, world.number(0));
        let request = raw::request(&world.topic, 0, &[payload::make(send.value(), 100)], None);
        match raw.produce().produce(request).await {
            // Judged with all other acks.
            Ok(answer) => world.recorder.sent(send, Outcome::Acked(answer.get_ref().base_offset)),
            Err(status) => {
                world.recorder.sent(send, Outcome::Failed);
                assert_eq!(raw::reason(&status), "STORAGE_FULL", "{status}");
            }
        }
    }
}

/// When the health service said that it does not serve, since the epoch; `None` if it ended without a word.
async fn dark(mut health: Streaming<HealthCheckResponse>) -> Option<Duration> {
    let turn = async {
        while let Ok(Some(told)) = health.message().await {
            if told.status() == ServingStatus::NotServing {
                return Some(strace::now());
            }
        }
        None
    };
    tokio::time::timeout(Duration::from_secs(60), turn).await.expect("the broker serves on")
}
