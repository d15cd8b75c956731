//! A death in the middle of a backup or of a restore leaves nothing that counts.

use super::{back_up, restore, restoring, url, with_place};
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::tenancy::{name, operator};
use levee_tests::wait;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// How many files there are by now: while they come and go, a directory may be gone again.
fn files(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let count = |entry: fs::DirEntry| if entry.path().is_dir() { files(&entry.path()) } else { 1 };
    entries.filter_map(Result::ok).map(count).sum()
}

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_death_leaves_nothing_that_counts() {
    let mut seed = Seed::from_env("d10-died");
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("place");
    // So slow that it dies in the middle.
    let fast = with_place(crate::small(&dir.path().join("data")), &place);
    let slow = fast.clone().set("backup.bytes_per_second", 4 * 1024 * 1024);
    let mut broker = Broker::start(&slow).await;
    let recorder = Recorder::new("d10-died");
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let writers = Writers::start(&world, 4, Pace { bytes: 20_000, ..Pace::default() }, &mut seed);
    world.progress(2_500).await;
    assert_eq!(writers.stop().await, Vec::<String>::new());

    let objects = || files(&place.join("objects"));
    let _making = operator(&broker.endpoint()).create_backup().await.expect("it begins");
    wait::until("objects are written", PATIENCE, || (objects() > 2).then_some(())).await;
    assert!(files(&slow.data.join("scratch")) > 0);
    broker.kill();
    drop(broker);
    assert_eq!(files(&place.join("backups")), 0, "nothing is listed that is not whole");
    let left = objects();

    let broker = Broker::start(&fast).await;
    assert!(!fast.data.join("scratch").exists(), "what was left is removed");
    let admin = operator(&broker.endpoint());
    assert_eq!(admin.list_backups().await.expect("a list").backups, []);
    let backup = back_up(&admin).await;
    assert!(left > 0 && backup.written_bytes < backup.bytes, "what is there is used: {backup:?}");
    broker.stop().await;

    // The restore of a tenant.
    let mut broker = Broker::start(&slow).await;
    let admin = operator(&broker.endpoint());
    let (of, to) = (name("checked"), name("again"));
    let mut restoring = admin.restore_tenant(&of, Some(&to), None, None).await.expect("it begins");
    let fetched = || files(&slow.data.join("scratch")) > 3;
    let begun = tokio::spawn(async move { while restoring.next().await.is_ok() {} });
    wait::until("something is fetched", PATIENCE, || fetched().then_some(())).await;
    broker.kill();
    drop(broker);
    begun.await.expect("it ends");
    let broker = Broker::start(&fast).await;
    assert!(!fast.data.join("scratch").exists());
    assert!(operator(&broker.endpoint()).get_tenant(&name("again")).await.is_err());
    broker.stop().await;

    // The restore of a node, at any moment.
    for number in 0..6 {
        let data = dir.path().join(format!("restored-{number}"));
        kill_restore(&place, &data, &mut seed).await;
        if data.join("LEVEE").exists() && !data.join("RESTORING").exists() {
            let broker = Broker::start(&fast.on(&data)).await;
            broker.stop().await;
        } else if data.join("RESTORING").exists() {
            let refusal = Broker::try_start(&fast.on(&data)).await.expect_err("it is half a directory");
            assert!(refusal.log.contains("did not finish"), "{refusal}");
        } else {
            let there = ["LEVEE", "journal", "index"].map(|part| data.join(part).exists());
            assert_eq!(there, [false; 3], "it had not begun");
        }
    }
    let data = dir.path().join("restored");
    restore(&url(&place), &data, &[], &[]).expect("it is restored");
    let broker = Broker::start(&fast.on(&data)).await;
    drain(&world.at(&broker.endpoint(), &recorder)).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(2_500);
}

/// Kills a restore somewhere between its begin and its end.
async fn kill_restore(place: &Path, data: &Path, seed: &mut Seed) {
    let mut command = restoring(&url(place), data);
    let mut restoring = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("leveed runs");
    wait::until("it begins", PATIENCE, || data.join("journal").exists().then_some(())).await;
    let enough = usize::try_from(seed.range(0..12)).expect("few");
    let is_far = || (files(data) > enough || data.join("LEVEE").exists()).then_some(());
    wait::until("it is under way", PATIENCE, is_far).await;
    restoring.kill().expect("it is killed");
    restoring.wait().expect("it ends");
    assert!(fs::exists(data).expect("a directory"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_goes_on_without_its_caller_and_there_is_one_at_a_time() {
    let mut seed = Seed::from_env("d10-alone");
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("place");
    let setup = with_place(Setup::new(&dir.path().join("data")), &place);
    let broker = Broker::start(&setup.set("backup.bytes_per_second", 4 * 1024 * 1024)).await;
    let admin = operator(&broker.endpoint());
    let world = World::create(&broker.endpoint(), 1, &Recorder::new("d10-alone")).await;
    let writers = Writers::start(&world, 2, Pace { bytes: 20_000, ..Pace::default() }, &mut seed);
    world.progress(1_000).await;
    writers.stop().await;
    let making = admin.create_backup().await.expect("it begins");
    let second = admin.create_backup().await.err().expect("one goes on").to_string();
    assert!(second.contains("goes on already"), "{second}");
    drop(making);
    let listed = wait::poll("the backup is made", PATIENCE, async || {
        admin.list_backups().await.ok().map(|list| list.backups).filter(|backups| !backups.is_empty())
    });
    assert_eq!(listed.await.len(), 1);
    broker.stop().await;
}
