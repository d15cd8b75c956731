//! What is missing or damaged at a place is named, and nothing comes of it.

use super::{back_up, restore, url, with_place};
use levee_tests::broker::{Broker, Setup, levee};
use levee_tests::files::{flip, under};
use levee_tests::load::{Pace, World, Writers};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::tenancy::{name, operator};
use std::fs;
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_what_is_damaged_or_missing_is_named() {
    let mut seed = Seed::from_env("d10-damaged");
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("place");
    let setup = with_place(Setup::new(&dir.path().join("data")), &place);
    let broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let world = World::create(&broker.endpoint(), 1, &Recorder::new("d10-damaged")).await;
    let writers = Writers::start(&world, 1, Pace::default(), &mut seed);
    world.progress(100).await;
    writers.stop().await;
    let backup = back_up(&admin).await;

    let objects = [under(&place.join("objects")), under(&place.join("backups"))].concat();
    assert!(objects.len() > 5, "{objects:?}");
    for (number, object) in objects.iter().enumerate() {
        let called = object.file_name().and_then(|name| name.to_str()).expect("a name");
        let content = fs::read(object).expect("an object");
        for (harm, problem) in [("flip", "checksum"), ("remove", "missing"), ("cut", "checksum")] {
            match harm {
                "flip" => flip(object, seed.range(0..content.len() as u64), 3),
                "remove" => fs::remove_file(object).expect("it is removed"),
                _ => fs::write(object, &content[..content.len() - 1]).expect("it is cut"),
            }
            let data = dir.path().join(format!("restored-{number}-{harm}"));
            let refusal = restore(&url(&place), &data, &["--backup", &backup.id], &[]).expect_err(harm);
            let is_manifest = object.starts_with(place.join("backups"));
            assert!(refusal.contains(called), "{called}, {harm}: {refusal}");
            assert!(is_manifest || refusal.contains(problem), "{called}, {harm}: {refusal}");
            // Half of it serves nobody.
            if is_manifest {
                let begun = fs::read_dir(&data).expect("a directory").count();
                assert_eq!(begun, 0, "{called}, {harm}: nothing is begun");
            } else {
                let half = Broker::try_start(&setup.on(&data)).await;
                let refusal = half.expect_err("it does not start").log;
                assert!(refusal.contains("did not finish"), "{refusal}");
            }
            fs::write(object, &content).expect("it is put back");
        }
    }
    let data = dir.path().join("whole");
    restore(&url(&place), &data, &[], &[]).expect("it is restored");
    // What lies there stays.
    let refusal = restore(&url(&place), &data, &[], &[]).expect_err("it is no new directory");
    assert!(refusal.contains("new or empty directory"), "{refusal}");

    // A tenant is restored whole or not at all, and leaves nothing on the disk.
    let object = &under(&place.join("objects"))[0];
    let content = fs::read(object).expect("an object");
    fs::remove_file(object).expect("it is removed");
    let mut restoring =
        admin.restore_tenant(&name("checked"), Some(&name("again")), None, None).await.expect("it begins");
    let error = loop {
        match restoring.next().await {
            Ok(message) => assert_eq!(message.tenant, None),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("it is missing"), "{error}");
    assert!(admin.get_tenant(&name("again")).await.is_err());
    fs::write(object, &content).expect("it is put back");
    broker.stop().await;
    assert_eq!(fs::read_dir(setup.data.join("scratch")).map_or(0, Iterator::count), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_restored_says_what_can() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("place");
    let broker = Broker::start(&with_place(Setup::new(&dir.path().join("data")), &place)).await;
    let admin = operator(&broker.endpoint());
    let refused = |arguments: &[&str]| {
        restore(&url(&place), &dir.path().join("restored"), arguments, &[]).expect_err("it is refused")
    };
    assert!(refused(&[]).contains("levee backup create"), "{}", refused(&[]));
    admin.create_tenant(&name("acme"), None, false).await.expect("it is created");
    let first = back_up(&admin).await;
    assert!(refused(&["--backup", "1-2"]).contains("no backup \"1-2\""));
    assert!(refused(&["--position", "0"]).contains("before the first backup"));
    assert!(refused(&["--position", "1000000"]).contains("behind the last backup"));
    assert!(refused(&["--time", "2020-01-01T00:00:00Z"]).contains("before the first backup"));
    assert!(refused(&["--time", "2200-01-01T00:00:00Z"]).contains("behind the last backup"));
    assert!(refused(&["--backup", &first.id, "--position", "0"]).contains("before backup"));
    // What came after the second is not in what the first goes on with.
    let second = back_up(&admin).await;
    for at in [["--time", "2200-01-01T00:00:00Z"], ["--position", "1000000"]] {
        let behind = refused(&[&["--backup", &first.id], &at[..]].concat());
        assert!(behind.contains("behind the backup after"), "{behind}");
    }
    // One that is damaged is in nobody's way, but for those who might mean it.
    let damaged = place.join("backups").join(&second.id);
    let content = fs::read(&damaged).expect("a backup");
    flip(&damaged, 3, 3);
    let listed = admin.list_backups().await.expect("a list");
    assert_eq!(listed.backups, std::slice::from_ref(&first));
    let [named] = &listed.damaged[..] else { panic!("{listed:?}") };
    assert!(named.id == second.id && named.problem.contains(&second.id), "{named:?}");
    let mut ls = Command::new(levee());
    ls.env_clear().env("HOME", dir.path()).env("LEVEE_ENDPOINT", broker.endpoint()).args(["backup", "ls"]);
    let shown = String::from_utf8(ls.output().expect("levee runs").stdout).expect("a text");
    assert!(shown.contains(&format!("backup {} is damaged", second.id)), "{shown}");
    for arguments in [&[][..], &["--backup", &second.id]] {
        assert!(refused(arguments).contains(&second.id), "{}", refused(arguments));
    }
    restore(&url(&place), &dir.path().join("first"), &["--backup", &first.id], &[]).expect("it is whole");
    back_up(&admin).await;
    fs::write(&damaged, content).expect("it is put back");
    assert!(restore("ftp://x", dir.path(), &[], &[]).expect_err("no place").contains("s3://BUCKET"));
    broker.stop().await;

    let plain = Broker::start(&Setup::new(&dir.path().join("other"))).await;
    let error = match operator(&plain.endpoint()).create_backup().await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("there is no place"),
    };
    assert!(error.contains("there is no place for backups"), "{error}");
    plain.stop().await;
}
