//! What is deleted leaves the disk, and stays deleted: X6, D8 of removals, and how much of the disk is used.

use crate::{MIB, crash, kill, small};
use levee_client::{ConsumerSettings, Position, ProducerSettings, ReaderSettings, Record, StartAt, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::files;
use levee_tests::load::{Pace, Table, TableReaders, World, Writers, drain};
use levee_tests::powerloss::Disk;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::tenancy::{member, operator, topic};
use levee_tests::wait;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whose records are removed.
const TENANT: &str = "removing";
/// Longer than the journal takes to give space back.
const SOON: Duration = Duration::from_secs(120);
/// Longer than it takes until something has vanished: others are given a minute to end the segment.
const VANISHED: Duration = Duration::from_secs(240);
/// Bytes of a segment of [`small`].
const SEGMENT: u64 = 16 * MIB;

/// A tenant is deleted while others work: soon nothing of what it stored, and none of its names, is in any file, though
/// what lies beside it in the journal stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_a_deleted_tenant_is_gone_from_the_disk() {
    let mut seed = Seed::from_env("x6");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let recorder = Recorder::new("x6");
    let other = World::create(&endpoint, 2, &recorder).await;
    let writers = Writers::start(&other, 2, pace(), &mut seed);
    let canary = Canary::settle(&endpoint, &mut seed).await;
    other.progress(5_000).await;
    let before = canary.found(&setup.data);
    assert!(before.iter().any(|path| is_segment(path)), "it was in the journal: {before:?}");
    let request = v1::DeleteTenantRequest { name: Canary::TENANT.to_owned(), grace_ms: Some(0) };
    Raw::operator(&endpoint).tenants().delete_tenant(request).await.expect("it can be deleted");
    let deleted = Instant::now();
    // Once more after a crash in the middle of it.
    broker = crash(broker, &setup, None).await;
    loop {
        let left = canary.found(&setup.data);
        if left.is_empty() {
            break;
        }
        assert!(deleted.elapsed() < VANISHED, "after {VANISHED:?} something is left in {left:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("nothing is left after {:?}", deleted.elapsed());
    let failures = writers.stop().await;
    assert!(failures.is_empty(), "others were disturbed: {failures:?}");
    drain(&other).await.expect("everything can be read");
    broker = crash(broker, &setup, None).await;
    assert_eq!(canary.found(&setup.data), Vec::<PathBuf>::new());
    drain(&other).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(5_000);
}

/// A tenant all of whose names and records carry a random mark, but for its own name: the audit log of the operators
/// tells that it was deleted.
struct Canary {
    mark: String,
}

impl Canary {
    const TENANT: &str = "canary";

    async fn settle(endpoint: &str, seed: &mut Seed) -> Self {
        let mark = format!("{:016x}{:016x}", seed.next(), seed.next());
        let canary = Self { mark };
        let name = |what: &str| format!("{what}-{}", canary.mark);
        let operator = operator(endpoint);
        Raw::operator(endpoint).create_tenant(Self::TENANT).await.expect("a tenant");
        let topics =
            vec![topic(&name("log"), 1, &[]), topic(&name("table"), 1, &[("cleanup.policy", "compact")])];
        operator.create_topics(Self::TENANT, topics, false).await.expect("topics");
        let user = v1::CreateUserRequest {
            tenant: Self::TENANT.to_owned(),
            name: name("user"),
            ..Default::default()
        };
        operator.create_user(user).await.expect("a user");
        let client = member(endpoint, Self::TENANT);
        let producer = client.producer(ProducerSettings::default()).await.expect("a producer");
        // Over some segments, between the records of others.
        for number in 0..1_000 {
            let record = Record {
                key: Some(format!("{}-{}", name("key"), number % 500).into()),
                value: Some(canary.mark.repeat(64).into()),
                ..Default::default()
            };
            let topic = name(if number % 2 == 0 { "log" } else { "table" });
            let delivery = producer.send(&topic, record).await.expect("it can be sent");
            if number % 20 == 0 {
                delivery.await.expect("it is stored");
            }
        }
        producer.close().await.expect("everything is stored");
        let settings = ConsumerSettings::new(name("group"), [name("log")]);
        let mut consumer = client.consumer(settings).await.expect("a member");
        consumer.next().await.expect("a record");
        consumer.commit().await.expect("it is committed");
        canary
    }

    /// The files that hold the mark.
    fn found(&self, data: &Path) -> Vec<PathBuf> {
        let mark = self.mark.as_bytes();
        let holds = |path: &PathBuf| {
            // It may be deleted at this moment.
            fs::read(path).is_ok_and(|bytes| bytes.windows(mark.len()).any(|window| window == mark))
        };
        files::under(data).into_iter().filter(holds).collect()
    }
}

/// What was removed and acknowledged stays removed when the power goes right after. Each removal is the last one in
/// turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_what_was_removed_stays_removed_after_power_loss() {
    let Some(mut disk) = Disk::new("d8", 1024 * MIB) else { return };
    let setup = small(&disk.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let raw = Raw::tenant(&endpoint, TENANT);
    Raw::operator(&endpoint).create_tenant(TENANT).await.expect("a tenant");
    for cycle in 0..6 {
        let [trimmed, deleted, erased] =
            ["trimmed", "deleted", "erased"].map(|what| format!("{what}-{cycle}"));
        let specs = vec![
            topic(&trimmed, 1, &[]),
            topic(&deleted, 1, &[]),
            topic(&erased, 1, &[("cleanup.policy", "compact")]),
        ];
        operator(&endpoint).create_topics(TENANT, specs, false).await.expect("topics");
        for name in [&trimmed, &deleted, &erased] {
            send_keys(&raw, name).await;
        }
        for step in 0..3 {
            match (cycle + step) % 3 {
                0 => drop(operator(&endpoint).trim_partition(TENANT, &trimmed, 0, 7).await.expect("trimmed")),
                1 => operator(&endpoint).delete_topic(TENANT, &deleted).await.expect("deleted"),
                _ => erase(&raw, &erased, "key-3").await,
            }
        }
        broker = crash(broker, &setup, Some(&mut disk)).await;
        assert_eq!(offsets(&endpoint, &trimmed).await, (7, 10), "what was trimmed");
        operator(&endpoint).get_topic(TENANT, &deleted).await.expect_err("it was deleted");
        let keys: Vec<_> =
            raw.scan(&erased).await.expect("a scan").into_iter().map(|value| value.key).collect();
        assert_eq!(keys, ["key-0", "key-1", "key-2", "key-4"], "what was erased");
        let read = log_keys(&endpoint, &erased).await;
        assert!(!read.iter().any(|key| key == "key-3"), "it is still in the log: {read:?}");
    }
    broker.stop().await;
}

/// Ten records with five keys, each in a batch of its own.
async fn send_keys(raw: &Raw, topic: &str) {
    for number in 0..10 {
        let request = raw::change(topic, 0, &format!("key-{}", number % 5), Some(vec![b'v'; 100].into()));
        raw.produce().produce(request).await.expect("it can be produced");
    }
}

async fn erase(raw: &Raw, topic: &str, key: &str) {
    let (tenant, topic, key) = (String::new(), topic.to_owned(), key.to_owned().into());
    let answer = raw.tables().erase_key(v1::EraseKeyRequest { tenant, topic, key }).await;
    let answer = answer.expect("it can be erased").into_inner();
    assert!(!answer.receipt.is_empty() && answer.removed_records > 0, "{answer:?}");
}

/// Start and end of the only partition.
async fn offsets(endpoint: &str, topic: &str) -> (u64, u64) {
    let position = Position { topic: topic.to_owned(), partition: 0, from: StartAt::Start };
    let offsets = member(endpoint, TENANT).offsets(vec![position]).await.expect("offsets");
    (offsets[0].start, offsets[0].end)
}

async fn log_keys(endpoint: &str, topic: &str) -> Vec<String> {
    let position = Position { topic: topic.to_owned(), partition: 0, from: StartAt::Start };
    let settings = ReaderSettings { stop_at_end: true, ..Default::default() };
    let mut reader = member(endpoint, TENANT).reader(vec![position], settings).await.expect("a reader");
    let mut keys = Vec::new();
    while let Some(record) = reader.next().await {
        let key = record.expect("a record").record.key.expect("a key");
        keys.push(String::from_utf8_lossy(&key).into_owned());
    }
    keys
}

/// Topics are deleted, and nobody writes any more: their space comes back all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn space_comes_back_after_topics_are_deleted() {
    let mut seed = Seed::from_env("space");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    // What stays lies between what goes.
    let kept = Table::create(&endpoint, "keeping", 2, 500, &[]).await;
    Raw::operator(&endpoint).create_topics("keeping", &["big"], 1).await.expect("a topic");
    let writers = kept.writers(1, 0, Pace { bytes: 500, ..pace() }, &mut seed);
    let raw = Raw::tenant(&endpoint, "keeping");
    while files::disk_use(&setup.data) < 8 * SEGMENT {
        let request = raw::request("big", 0, &[vec![b'x'; 500_000].into()], None);
        raw.produce().produce(request).await.expect("it can be produced");
    }
    writers.stop().await;
    let before = files::disk_use(&setup.data);
    raw.delete_topic("big").await.expect("it can be deleted");
    let back = || (files::disk_use(&setup.data) <= 3 * SEGMENT).then_some(());
    wait::until("space comes back", SOON, back).await;
    println!("{} MiB were used, now {} MiB are", before / MIB, files::disk_use(&setup.data) / MIB);
    kept.check().await;
    kept.history.assert_ok(100);
    broker.stop().await;
}

/// A table whose keys are overwritten again and again takes at most twice what is live, and some segments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_use_is_bounded() {
    overwrite("disk-use", 20_000, 1_000, Duration::from_secs(25)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_disk_use_is_bounded() {
    overwrite("chaos-disk-use", 1_000_000, 1_000, Duration::from_secs(30 * 60)).await;
}

/// Bytes that are overwritten in a second, at most: faster than that, room is what it costs.
const OVERWRITTEN_PER_S: f64 = 8e6;

/// Overwrites `keys` records of `bytes` for `time`, and until twice as much was written as may be there.
async fn overwrite(test: &str, keys: u32, bytes: usize, time: Duration) {
    let mut seed = Seed::from_env(test);
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let properties = [("cleanup.policy", "compact"), ("durability", "relaxed")];
    Raw::operator(&endpoint).create_tenant("steady").await.expect("a tenant");
    operator(&endpoint)
        .create_topics("steady", vec![topic("table", 2, &properties)], false)
        .await
        .expect("a table");
    let raw = Raw::tenant(&endpoint, "steady");
    let size = bytes as u64 + 40;
    // What is written between two looks of maintenance, on a busy machine too, and the segment that is written.
    let bound = 2 * u64::from(keys) * size + 6 * SEGMENT;
    let mut versions = vec![0_u64; keys as usize];
    let (mut written, mut most) = (0, 0);
    let (began, mut looked) = (Instant::now(), Instant::now());
    while began.elapsed() < time || written < 2 * bound {
        assert!(began.elapsed() < time * 20, "{written} bytes in {:?} are too few to judge", began.elapsed());
        let partition = u32::try_from(seed.index(2)).unwrap_or(0);
        let keys: Vec<_> =
            (0..500).map(|_| seed.index(versions.len() / 2) * 2 + partition as usize).collect();
        keys.iter().for_each(|key| versions[*key] += 1);
        let record = |key: &usize| v1::Record {
            key: Some(format!("{key:012}").into()),
            value: Some(version(versions[*key], bytes).into()),
            ..Default::default()
        };
        let records: Vec<_> = keys.iter().map(record).collect();
        let batch = levee_proto::batch::encode(&records, v1::Compression::Unspecified);
        written += batch.len() as u64;
        let request = v1::ProduceRequest { batch, ..raw::request("table", partition, &[], None) };
        raw.produce().produce(request).await.expect("it can be produced");
        tokio::time::sleep_until(
            (began + Duration::from_secs_f64(written as f64 / OVERWRITTEN_PER_S)).into(),
        )
        .await;
        if looked.elapsed() > Duration::from_millis(200) {
            looked = Instant::now();
            most = most.max(files::disk_use(&setup.data));
            assert!(
                most <= bound,
                "{} MiB are used after {} MiB; at most {}",
                most / MIB,
                written / MIB,
                bound / MIB
            );
        }
    }
    println!("at most {} MiB were used, of at most {}, for {} MiB", most / MIB, bound / MIB, written / MIB);
    let there = raw.scan("table").await.expect("a scan");
    for value in &there {
        let key: usize = String::from_utf8_lossy(&value.key).parse().expect("a key");
        let found = value.record.as_ref().and_then(|record| record.value.as_deref()).expect("a value");
        assert_eq!(found, version(versions[key], bytes), "key {key}");
    }
    let written = versions.iter().filter(|version| **version > 0).count();
    assert_eq!(there.len(), written, "keys in the table");
    broker.stop().await;
}

/// The value of a key that was written so often.
fn version(number: u64, bytes: usize) -> Vec<u8> {
    let mut value = format!("{number} ").into_bytes();
    value.resize(bytes, b'x');
    value
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "seg")
}

fn pace() -> Pace {
    Pace { burst: 20, every: Duration::from_millis(20), bytes: 3_000 }
}

/// Once segments are deleted, the journal alone is not enough any more: a broker whose index is gone, or older than
/// what was deleted, does not start, and says why and what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_an_index_that_is_needed_is_missed() {
    let mut seed = Seed::from_env("d7-index");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    let table = Table::create(&broker.endpoint(), "keeping", 2, 400, &[]).await;
    let writers = table.writers(2, 0, pace(), &mut seed);
    table.progress(100).await;
    kill(broker, None).await;
    files::copy(&setup.data.join("index"), &dir.path().join("older"));
    let first = files::segments(&setup.data).remove(0);
    let broker = Broker::start(&setup).await;
    wait::until("the first segment is deleted", SOON, || (!first.exists()).then_some(())).await;
    let failures = writers.stop().await;
    assert!(failures.is_empty(), "the client gave up on changes: {failures:?}");
    broker.stop().await;
    for (what, index) in [("lost", None), ("older", Some("older"))] {
        let copy = dir.path().join("copy");
        files::copy(&setup.data, &copy);
        fs::remove_dir_all(copy.join("index")).expect("the index");
        if let Some(index) = index {
            files::copy(&dir.path().join(index), &copy.join("index"));
        }
        let refusal = Broker::try_start(&setup.on(&copy).expecting_errors()).await;
        let refusal = refusal.expect_err("records would be missing");
        assert!(!refusal.log.contains("panicked"), "the index is {what}: {refusal}");
        for word in ["segment", "index", "restore"] {
            assert!(refusal.log.contains(word), "the index is {what}, and no {word:?} in: {refusal}");
        }
        fs::remove_dir_all(&copy).expect("the copy");
    }
    let broker = Broker::start(&setup).await;
    table.check().await;
    table.history.assert_ok(100);
    broker.stop().await;
}

/// A disk that is full while a table is compacted: nothing is lost, and once there is room it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_of_a_table_that_is_compacted() {
    let Some(disk) = Disk::new("full-table", 160 * MIB) else { return };
    let mut seed = Seed::from_env("full-table");
    let setup: Setup = small(&disk.path().join("data")).expecting_errors();
    let broker = Broker::start(&setup).await;
    let table = Table::create(&broker.endpoint(), "full", 2, 4_000, &[]).await;
    let writers = table.writers(2, 1, pace(), &mut seed);
    table.progress(500).await;
    let ballast = disk.path().join("ballast");
    let mut sizes = [8 * MIB, MIB, MIB / 16].into_iter();
    let mut size = sizes.next();
    let mut fill = Vec::new();
    // All of the room is taken, while segments come and go.
    let (began, mut full) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(15) {
        fill.resize(usize::try_from(size.unwrap_or(MIB / 16)).unwrap_or(0), 7_u8);
        if append_file(&ballast, &fill).is_err() {
            size = sizes.next().or(size);
        }
        match table.raw().compact(&table.topic).await {
            Ok(_) => {}
            Err(status) => {
                full += 1;
                let reason = raw::reason(&status);
                assert!(["STORAGE_FULL", "STORAGE_FAILED"].contains(&&*reason), "{status}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    println!("{full} compactions were refused");
    assert!(full > 0, "the disk was never full");
    table.scan(None).await.expect("reads go on");
    fs::remove_file(&ballast).expect("the ballast");
    let broker = crash(broker, &setup, None).await;
    // What was refused is a failure of the client's, which says so.
    println!("{} changes failed", writers.stop().await.len());
    let readers = TableReaders::start(&table, 1, &mut seed);
    let writers = table.writers(2, 1, pace(), &mut seed);
    table.progress(500).await;
    writers.stop().await;
    readers.stop().await;
    table.check().await;
    table.history.assert_ok(1_000);
    broker.stop().await;
}

fn append_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
