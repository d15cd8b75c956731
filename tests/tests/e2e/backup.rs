//! D10: what is restored is all tenants at one cut, whatever went on, and whatever died meanwhile.

mod chain;
mod damaged;
mod died;
mod s3;
mod tenant;

use chain::Chain;
use levee_client::{Admin, v1};
use levee_tests::broker::{Broker, Setup, leveed};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::tenancy::operator;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A setup whose backups go to a directory.
fn with_place(setup: Setup, place: &Path) -> Setup {
    setup.set_text("backup.url", &url(place))
}

fn url(place: &Path) -> String {
    format!("file://{}", place.display())
}

/// Makes a backup.
async fn back_up(admin: &Admin) -> v1::Backup {
    let mut making = admin.create_backup().await.expect("a backup begins");
    loop {
        let message = making.next().await.expect("a backup is made");
        if let Some(backup) = message.backup {
            assert_eq!(message.done_bytes, backup.bytes);
            return backup;
        }
    }
}

/// Restores a node; gives what it says, or what it complains of.
fn restore(
    from: &str,
    to: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<String, String> {
    let mut command = restoring(from, to);
    command.args(arguments);
    let output = command.envs(environment.iter().copied()).output().expect("leveed runs");
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// `leveed restore`, without what the environment of the tests says.
fn restoring(from: &str, to: &Path) -> Command {
    let mut command = Command::new(leveed());
    command.env_clear().args(["restore", "--from", from, "--data-dir"]).arg(to);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_what_is_restored_is_all_tenants_at_one_cut() {
    let mut seed = Seed::from_env("d10");
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("place");
    let setup = with_place(crate::small(&dir.path().join("data")), &place);
    let broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let recorder = Recorder::new("d10");
    let mut worlds = Vec::new();
    for tenant in ["first", "second", "third"] {
        worlds.push(World::create_in(&broker.endpoint(), tenant, "log", 2, &recorder).await);
    }
    let pace = Pace { bytes: 4_000, ..Pace::default() };
    let writers: Vec<_> = worlds.iter().map(|world| Writers::start(world, 2, pace, &mut seed)).collect();
    let chain = Chain::start(&broker.endpoint()).await;

    let mut backups = Vec::new();
    for _ in 0..3 {
        worlds[0].progress(1_500).await;
        let (since, before) = (Instant::now(), chain.steps());
        let backup = back_up(&admin).await;
        backups.push((backup, since, before, chain.steps()));
    }
    worlds[0].progress(300).await;
    chain.stop().await;
    for writers in writers {
        assert_eq!(writers.stop().await, Vec::<String>::new());
    }
    let listed = admin.list_backups().await.expect("a list").backups;
    assert_eq!(listed, backups.iter().map(|(backup, ..)| backup.clone()).collect::<Vec<_>>());
    broker.stop().await;

    for (number, (backup, since, before, after)) in backups.iter().enumerate() {
        let data = dir.path().join(format!("restored-{number}"));
        let said = restore(&url(&place), &data, &["--backup", &backup.id], &[]).expect("it is restored");
        assert!(said.contains(&format!("up to entry {},", backup.sequence)), "{said}");
        let broker = Broker::start(&setup.on(&data)).await;
        // All that was acked before it began is there; of what came since, a beginning.
        let forked = recorder.fork("d10-restored");
        for world in &worlds {
            let world = world.at(&broker.endpoint(), &forked);
            for partition in 0..world.partitions {
                forked.forgive(world.number(partition), *since);
            }
            drain(&world).await.expect("everything can be read");
        }
        forked.judge().assert_ok(1_500);
        let found = chain::found(&broker.endpoint()).await.expect("it is one cut");
        assert!((*before..=*after + 1).contains(&found), "{before} <= {found} <= {after}");
        // It goes on by itself, but not at a place that is another's.
        let mut making = operator(&broker.endpoint()).create_backup().await.expect("a backup begins");
        let refused = loop {
            match making.next().await {
                Ok(message) => assert_eq!(message.backup, None),
                Err(error) => break error.to_string(),
            }
        };
        assert!(refused.contains("another data directory"), "{refused}");
        broker.stop().await;
    }

    // Between the backups, by position and by time.
    let (from, to) = (&backups[0].0, &backups[1].0);
    for step in 1..4 {
        let data = dir.path().join(format!("between-{step}"));
        let position = from.sequence + (to.sequence - from.sequence) * step / 4;
        let said = restore(&url(&place), &data, &["--position", &position.to_string()], &[]);
        assert!(
            said.expect("it is restored").contains(&format!("up to entry {position}, of backup {}", from.id))
        );
        let broker = Broker::start(&setup.on(&data)).await;
        let found = chain::found(&broker.endpoint()).await.expect("it is one cut");
        assert!((backups[0].2..=backups[1].3 + 1).contains(&found));
        broker.stop().await;
    }
    let time_ms = from.created_ms + (to.created_ms - from.created_ms) / 2;
    let time = jiff::Timestamp::from_millisecond(time_ms).expect("a time").to_string();
    let data = dir.path().join("then");
    restore(&url(&place), &data, &["--time", &time], &[]).expect("it is restored");
    let broker = Broker::start(&setup.on(&data)).await;
    let found = chain::found(&broker.endpoint()).await.expect("it is one cut");
    assert!((backups[0].2..=backups[1].3 + 1).contains(&found));
    let newest = chain::newest_ms(&broker.endpoint()).await;
    assert!(newest <= time_ms && newest + 2_000 > time_ms, "{newest} is the last before {time_ms}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_backup_writes_only_what_is_new() {
    let mut seed = Seed::from_env("d10-new");
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("place");
    let setup = with_place(crate::small(&dir.path().join("data")), &place);
    let broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let recorder = Recorder::new("d10-new");
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let writers = Writers::start(&world, 4, Pace { bytes: 20_000, ..Pace::default() }, &mut seed);
    world.progress(2_000).await;
    writers.stop().await;
    let stored = |place: &Path| -> u64 {
        let objects = levee_tests::files::under(&place.join("objects"));
        objects.iter().map(|object| object.metadata().expect("an object").len()).sum()
    };
    let first = back_up(&admin).await;
    assert!(first.bytes >= 2_000 * 20_000 && first.written_bytes == first.bytes, "{first:?}");
    assert_eq!(stored(&place), first.written_bytes);
    let second = back_up(&admin).await;
    assert!(second.written_bytes < 64 * 1024, "nothing but a few lines of the index is new: {second:?}");
    let writers = Writers::start(&world, 1, Pace { bytes: 20_000, ..Pace::default() }, &mut seed);
    world.progress(50).await;
    writers.stop().await;
    let third = back_up(&admin).await;
    let new = third.bytes - second.bytes;
    assert!(new >= 50 * 20_000, "{third:?}");
    assert!(third.written_bytes < new + 256 * 1024, "{new} bytes are new: {third:?}");
    assert_eq!(stored(&place), first.written_bytes + second.written_bytes + third.written_bytes);
    broker.stop().await;
}
