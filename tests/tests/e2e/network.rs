//! O3 and O6 over a network that breaks, and R2: a broker without file descriptors.

use crate::small;
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Followers, Pace, World, Writers, drain, hop};
use levee_tests::proxy::Proxy;
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::strace::Strace;
use levee_tests::wait;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::TcpStream;
use std::time::Duration;

/// Connections are cut after a random number of bytes: producers send again, readers resume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_o6_order_through_broken_connections() {
    let mut seed = Seed::from_env("o3");
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("o3");
    let world = World::create(&broker.endpoint(), 3, &recorder).await;
    let target = broker.endpoint();
    let target = target.trim_start_matches("http://");
    let proxy = Proxy::start(target, 2_000..400_000, seed.fork()).await;
    let broken = world.at(&proxy.endpoint(), &recorder);
    let writers = Writers::start(&broken, 3, Pace::default(), &mut seed);
    let followers = Followers::start(&broken, 2).and_hoppers(&broken, 1, &mut seed);
    world.progress(10_000).await;
    proxy.has_cut(20).await;
    let failures = writers.stop().await;
    drop(followers);
    println!("{} connections were cut", proxy.cuts());
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(10_000);
    assert!(failures.is_empty(), "the client gave up on records: {failures:?}");
}

/// Readers begin and end at random offsets while records arrive: each sees exactly what follows its offset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o6_reading_resumes_at_any_offset() {
    let mut seed = Seed::from_env("o6");
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let recorder = Recorder::new("o6");
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
    world.progress(500).await;
    for _ in 0..300 {
        hop(&world, &mut seed).await;
    }
    writers.stop().await;
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(500);
}

/// Accepting fails a few times, as it does without descriptors or memory, and with clients that are gone
/// again: the broker accepts later ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_errors_of_accept_are_survived() {
    if let Some(reason) = Strace::missing() {
        return wait::skipped("r2-accept", &reason);
    }
    for error in ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut broker = Broker::start(&Setup::new(&dir.path().join("data"))).await;
        let strace = Strace::attach(broker.pid(), &format!("accept4:error={error}:when=1..3"), None);
        // Each thread that accepts meets up to three.
        broker.ready(Duration::from_secs(10)).await.expect("leveed lives");
        assert!(strace.injections() > 0, "{error}: no call failed");
        drop(strace);
        broker.stop().await;
    }
}

/// 1,000 connections to a broker that may have 64 files: it lives, and serves when they are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_running_out_of_descriptors_is_survived() {
    let mut seed = Seed::from_env("r2");
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("a limit");
    let dir = tempfile::tempdir().expect("a directory");
    let setup =
        Setup::new(&dir.path().join("data")).through(&["prlimit", "--nofile=64:64"]).expecting_errors();
    let mut broker = Broker::start(&setup).await;
    let recorder = Recorder::new("r2");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let address = broker.endpoint().trim_start_matches("http://").parse().expect("an address");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
    let flood: Vec<_> = (0..1_000).filter_map(|_| connect()).collect();
    println!("{} of 1000 connections were made", flood.len());
    assert!(flood.len() > 64, "no flood: {}", flood.len());
    assert_eq!(broker.exited(), None, "leveed died:\n{}", broker.log().tail());
    drop(flood);
    broker.ready(Duration::from_secs(10)).await.expect("leveed lives");
    let writers = Writers::start(&world, 1, Pace::default(), &mut seed);
    world.progress(100).await;
    writers.stop().await;
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(100);
}
