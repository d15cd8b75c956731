//! The usage ledger agrees with what is stored and with what clients counted, to the byte and to the record,
//! whatever crashes.

use crate::{MIB, crash, cycles, small};
use levee_client::v1;
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::payload;
use levee_tests::powerloss::Disk;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::stored::{Stored, count};
use levee_tests::tenancy::{operator, topic, usage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Names that are prefixes of each other: nobody pays for a neighbour.
const TENANTS: [&str; 3] = ["pays", "pays-", "pays0"];
/// How many records are acked in each cycle, at least.
const PROGRESS: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_exact_after_kills() {
    kill_cycles("ledger", 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_the_ledger_is_exact_after_kills() {
    kill_cycles("chaos-ledger", cycles(200)).await;
}

async fn kill_cycles(test: &str, cycles: u64) {
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    // So long that what is relaxed is hardly ever synced.
    let setup = small(&dir.path().join("data")).set("storage.sync_interval_ms", 60_000);
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    let began = Instant::now();
    let worlds = create(&broker.endpoint(), &recorder).await;
    let writers = start_writers(&worlds, &mut seed);
    for _ in 0..cycles {
        worlds[0].progress(PROGRESS).await;
        tokio::time::sleep(seed.millis(0..400)).await;
        broker = crash(broker, &setup, None).await;
    }
    let mut failures = Vec::new();
    for writers in writers {
        failures.extend(writers.stop().await);
    }
    assert!(failures.is_empty(), "the client gave up on records: {failures:?}");

    let appended = check_all(&worlds).await;
    let records: u64 = appended.values().map(|appended| appended.records).sum();
    assert_eq!(records, recorder.acked(), "the ledgers and the clients count other records");
    for world in &worlds {
        drain(world).await.expect("everything can be read");
    }
    broker = crash(broker, &setup, None).await;
    assert_eq!(check_all(&worlds).await, appended, "another crash changed it");
    broker = shrink(broker, &setup, &worlds, &appended).await;
    check_byte_hours(&broker, &appended, began).await;
    broker.stop().await;
    recorder.judge().assert_ok(PROGRESS * cycles);
}

/// What was relaxed may be gone; then it was not paid for either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_is_exact_after_power_loss() {
    let test = "ledger-power";
    let Some(mut disk) = Disk::new(test, 2048 * MIB) else { return };
    let mut seed = Seed::from_env(test);
    let setup = small(&disk.path().join("data")).set("storage.sync_interval_ms", 300);
    // It is never judged: offsets that were lost are given again.
    let recorder = Recorder::new(test);
    let mut broker = Broker::start(&setup).await;
    let worlds = create(&broker.endpoint(), &recorder).await;
    let writers = start_writers(&worlds, &mut seed);
    for _ in 0..6 {
        worlds[0].progress(PROGRESS).await;
        tokio::time::sleep(seed.millis(0..600)).await;
        broker = crash(broker, &setup, Some(&mut disk)).await;
        // While others write: each ledger is what is stored at one moment, which nobody outside can name. That is
        // left for the end; but it never goes back to before what it counts.
        for tenant in TENANTS {
            usage(&operator(&broker.endpoint()), tenant).await.expect("a ledger");
        }
    }
    for writers in writers {
        // A producer whose records were lost has a sequence that nobody expects, and is given up.
        drop(writers.stop().await);
    }
    let appended = check_all(&worlds).await;
    broker = crash(broker, &setup, Some(&mut disk)).await;
    // Everything was synced by now but what came within the last moment, which is gone from both.
    let left = check_all(&worlds).await;
    assert!(
        left.iter().all(|(tenant, left)| left.bytes <= appended[tenant].bytes),
        "{left:?} of {appended:?}"
    );
    broker.stop().await;
}

/// Records that are read, calls and connections are counted; a stop loses nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_counts_reading_and_calls() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let recorder = Recorder::new("ledger-service");
    let world = World::create_in(&endpoint, TENANTS[0], "log", 1, &recorder).await;
    let connections: Vec<_> = (0..3).map(|_| world.raw()).collect();
    let mut sent = 0;
    for (counter, raw) in (0..).zip(&connections) {
        let values = [payload::make(levee_tests::history::Value { writer: 0, counter }, 5_000)];
        let request = raw::request(&world.topic, 0, &values, None);
        sent += request.batch.len() as u64;
        raw.produce().produce(request).await.expect("it can be produced");
    }
    let mut read = Stored::default();
    for raw in &connections {
        read += count(raw, &world.topic, 1).await.expect("it can be read");
    }
    assert_eq!(read, Stored { bytes: 3 * sent, records: 9 });
    // Operators use nothing of the tenant's.
    broker.stop().await;
    broker = Broker::start(&setup).await;
    let used = usage(&operator(&endpoint), TENANTS[0]).await.expect("a ledger");
    let told = (used.bytes_in, used.records_in, used.bytes_out, used.records_out);
    assert_eq!(told, (sent, 3, read.bytes, read.records));
    assert_eq!((used.requests, used.peak_connections), (6, 3));
    drop(connections);
    broker.stop().await;
}

/// A durable and a relaxed topic for each tenant.
async fn create(endpoint: &str, recorder: &Arc<Recorder>) -> Vec<World> {
    let mut worlds = Vec::new();
    for tenant in TENANTS {
        let relaxed = topic("relaxed", 2, &[("durability", "relaxed")]);
        for spec in [topic("durable", 3, &[]), relaxed] {
            worlds.push(World::create_as(endpoint, tenant, spec, recorder).await);
        }
    }
    worlds
}

fn start_writers(worlds: &[World], seed: &mut Seed) -> Vec<Writers> {
    let pace = Pace { burst: 4, every: std::time::Duration::from_millis(15), bytes: 700 };
    worlds.iter().map(|world| Writers::start(world, 1, pace, seed)).collect()
}

/// What is stored, topic by topic and as the tenant and its topics tell: everywhere the same.
async fn check_stored(tenant: &str, worlds: &[&World]) -> Stored {
    let mut stored = Stored::default();
    let mut told = 0;
    let endpoint = &worlds[0].endpoint;
    for world in worlds {
        stored += count(&world.raw(), &world.topic, world.partitions).await.expect("it can be read");
        told += stored_by_partition(world).await.iter().map(|partition| partition.stored_bytes).sum::<u64>();
    }
    let all = operator(endpoint).get_tenant(&levee_tests::tenancy::name(tenant)).await.expect("a tenant");
    assert_eq!(
        (told, all.stored_bytes),
        (stored.bytes, stored.bytes),
        "stored bytes of {tenant}, by topic and in all"
    );
    stored
}

async fn stored_by_partition(world: &World) -> Vec<v1::Partition> {
    let answer = operator(&world.endpoint).get_topic(&world.tenant, &world.topic).await.expect("a topic");
    answer.partitions
}

/// The same of all tenants, of which nothing was removed yet: it is also all that ever came in.
async fn check_all(worlds: &[World]) -> BTreeMap<String, Stored> {
    let mut all = BTreeMap::new();
    for tenant in TENANTS {
        let own: Vec<_> = worlds.iter().filter(|world| world.tenant == tenant).collect();
        let stored = check_stored(tenant, &own).await;
        check_appended(&own[0].endpoint, tenant, stored).await;
        all.insert(tenant.to_owned(), stored);
    }
    println!("{all:?}");
    all
}

async fn check_appended(endpoint: &str, tenant: &str, appended: Stored) {
    let used = usage(&operator(endpoint), tenant).await.expect("a ledger");
    let told = Stored { bytes: used.bytes_in, records: used.records_in };
    assert_eq!(told, appended, "the ledger of {tenant}");
}

/// What is stored shrinks, with a crash right after each step; what came in does not.
async fn shrink(
    mut broker: Broker,
    setup: &Setup,
    worlds: &[World],
    appended: &BTreeMap<String, Stored>,
) -> Broker {
    let endpoint = broker.endpoint();
    let (durable, relaxed) = (&worlds[0], &worlds[1]);
    let before = check_stored(TENANTS[0], &[durable, relaxed]).await;
    for world in [durable, relaxed] {
        let end = stored_by_partition(world).await[0].end_offset;
        let trimmed = operator(&endpoint).trim_partition(&world.tenant, &world.topic, 0, end / 2).await;
        assert_eq!(trimmed.expect("it can be trimmed"), end / 2);
        broker = crash(broker, setup, None).await;
    }
    let after = check_stored(TENANTS[0], &[durable, relaxed]).await;
    assert!(after.bytes < before.bytes, "nothing was trimmed: {after:?} of {before:?}");
    operator(&endpoint).delete_topic(&relaxed.tenant, &relaxed.topic).await.expect("it can be deleted");
    broker = crash(broker, setup, None).await;
    check_stored(TENANTS[0], &[durable]).await;
    for world in &worlds[2..4] {
        operator(&endpoint).delete_topic(&world.tenant, &world.topic).await.expect("it can be deleted");
    }
    broker = crash(broker, setup, None).await;
    // A topic of the same name has nothing of it.
    let again = topic(&worlds[2].topic, 3, &[]);
    operator(&endpoint).create_topics(TENANTS[1], vec![again], false).await.expect("it can be created again");
    assert_eq!(check_stored(TENANTS[1], &[&worlds[2]]).await, Stored::default());
    check_stored(TENANTS[2], &[&worlds[4], &worlds[5]]).await;
    for (tenant, appended) in appended {
        check_appended(&endpoint, tenant, *appended).await;
    }
    // And it goes on from there.
    let request = raw::request(
        &worlds[2].topic,
        0,
        &[payload::make(levee_tests::history::Value { writer: 0, counter: 0 }, 100)],
        None,
    );
    let bytes = request.batch.len() as u64;
    Raw::tenant(&endpoint, TENANTS[1]).produce().produce(request).await.expect("it can be produced");
    broker = crash(broker, setup, None).await;
    assert_eq!(check_stored(TENANTS[1], &[&worlds[2]]).await, Stored { bytes, records: 1 });
    let mut more = appended[TENANTS[1]];
    more += Stored { bytes, records: 1 };
    check_appended(&endpoint, TENANTS[1], more).await;
    broker
}

/// Byte-hours are those of some time within the run.
async fn check_byte_hours(broker: &Broker, appended: &BTreeMap<String, Stored>, began: Instant) {
    for (tenant, appended) in appended {
        let used = usage(&operator(&broker.endpoint()), tenant).await.expect("a ledger");
        // A clock that was read a little earlier or later.
        let hours = (began.elapsed().as_secs_f64() + 1.0) / 3600.0;
        let most = (appended.bytes + 4096) as f64 * hours;
        assert!(
            used.stored_byte_hours > 0.0 && used.stored_byte_hours < most,
            "{tenant}: {used:?}, at most {most}"
        );
    }
}
