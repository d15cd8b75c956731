//! One tenant of a backup becomes one of the broker, beside the one that it was.

use super::{back_up, with_place};
use levee_client::{Admin, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::tenancy::{name, now_ms, operator};
use std::time::Instant;

/// Restores a tenant.
async fn restored(admin: &Admin, new: &str, backup: Option<&str>, at_ms: Option<i64>) -> v1::Tenant {
    let begun = admin.restore_tenant(&name("checked"), Some(&name(new)), backup, at_ms).await;
    let mut restoring = begun.expect("it begins");
    loop {
        if let Some(tenant) = restoring.next().await.expect("it is restored").tenant {
            return tenant;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_tenant_is_restored_beside_what_it_is_now() {
    let mut seed = Seed::from_env("d10-tenant");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = with_place(Setup::new(&dir.path().join("data")), &dir.path().join("place"));
    let broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let recorder = Recorder::new("d10-tenant");
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let beside = Recorder::new("d10-beside");
    let other = World::create_in(&broker.endpoint(), "other", "log", 1, &beside).await;
    let of_other = Writers::start(&other, 1, Pace::default(), &mut seed);
    let writers = Writers::start(&world, 2, Pace::default(), &mut seed);
    world.progress(200).await;
    let since = Instant::now();
    let first = back_up(&admin).await;
    world.progress(200).await;
    let (then, then_ms) = (Instant::now(), now_ms());
    world.progress(200).await;
    writers.stop().await;
    world.raw().delete_topic("log").await.expect("it is deleted");
    back_up(&admin).await;

    let cases = [("by-id", Some(first.id.as_str()), None, since), ("by-time", None, Some(then_ms), then)];
    for (new, backup, at_ms, since) in cases {
        let tenant = restored(&admin, new, backup, at_ms).await;
        assert_eq!((tenant.name.as_str(), tenant.state(), tenant.topics), (new, v1::TenantState::Active, 1));
        let forked = recorder.fork("d10-tenant-restored");
        let copy = World { tenant: new.to_owned(), ..world.at(&broker.endpoint(), &forked) };
        for partition in 0..copy.partitions {
            forked.forgive(copy.number(partition), since);
        }
        let records = drain(&copy).await.expect("everything can be read");
        assert!(records > 0);
        forked.judge().assert_ok(200);
    }
    let newest = restored(&admin, "newest", None, None).await;
    assert_eq!(newest.topics, 0, "the topic was deleted before the newest backup");
    let taken = admin.restore_tenant(&name("checked"), None, None, None).await;
    let taken = taken.err().expect("it is there").to_string();
    assert!(taken.contains("there is a tenant"), "{taken}");
    let absent = admin.restore_tenant(&name("nobody"), None, None, None).await.expect("it begins");
    let mut absent = absent;
    let error = loop {
        match absent.next().await {
            Ok(message) => assert_eq!(message.tenant, None),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("in the backup"), "{error}");
    of_other.stop().await;
    drain(&other).await.expect("everything can be read");
    beside.judge().assert_ok(200);
    broker.stop().await;
}
