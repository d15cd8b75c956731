//! U1: data directories of earlier versions open, and those of later ones are refused.
//!
//! `tests/golden/<format>/` holds data directories as they were written by the first version with that format:
//! `stopped` after a graceful stop, `killed` with a journal that the index does not cover. They are never
//! written again; a new format gets a directory of its own, by `write_golden` below. Since format 3 the last records
//! came in a transaction, and a group has consumed all. Since format 4 there is what [`tables`] has.

mod tables;

use levee_client::v1;
use levee_client::{ConsumerSettings, Position, ReaderSettings, StartAt};
use levee_tests::broker::{Broker, Setup};
use levee_tests::history::Value;
use levee_tests::load::World;
use levee_tests::payload;
use levee_tests::raw;
use levee_tests::recorder::Recorder;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PARTITIONS: u32 = 2;
const RECORDS: u32 = 20;
/// The group that has consumed all.
const GROUP: &str = "golden";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn tar(arguments: &[&str], dir: &Path) {
    let status = Command::new("tar").args(arguments).current_dir(dir).status().expect("tar can be started");
    assert!(status.success(), "tar {arguments:?}: {status}");
}

fn value(partition: u32, counter: u32) -> Value {
    Value { writer: partition, counter }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_data_of_earlier_versions_open() {
    let mut archives: Vec<_> = levee_tests::files::under(&golden());
    archives.retain(|path| path.to_string_lossy().ends_with(".tar.gz"));
    assert!(archives.len() >= 2, "no golden data: {archives:?}");
    for archive in archives {
        let dir = tempfile::tempdir().expect("a directory");
        tar(&["-xzf", &archive.to_string_lossy()], dir.path());
        let setup = Setup::new(&dir.path().join("data"));
        let broker = Broker::start(&setup).await;
        let recorder = Recorder::new("u1");
        let world = World::create(&broker.endpoint(), PARTITIONS, &recorder).await;
        for partition in 0..PARTITIONS {
            let expected: Vec<_> = (0..RECORDS).map(|n| Some(value(partition, n))).collect();
            assert_eq!(read(&world, partition).await, expected, "{}", archive.display());
        }
        if has_groups(&archive) {
            let group = world.raw().group(GROUP).await.expect("it is there");
            let committed: Vec<_> =
                group.partitions.iter().map(|partition| partition.committed_offset).collect();
            assert_eq!(committed, [Some(u64::from(RECORDS)); PARTITIONS as usize], "{}", archive.display());
        }
        if has_tables(&archive) {
            tables::check(&world, &archive.to_string_lossy()).await;
        }
        append(&world, 1, RECORDS).await;
        assert_eq!(read(&world, 1).await.len(), RECORDS as usize + 1);
        broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_data_of_later_versions_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = Setup::new(&dir.path().join("data"));
    Broker::start(&setup).await.stop().await;
    let marker = setup.data.join("LEVEE");
    let text = fs::read_to_string(&marker).expect("the marker is text");
    let line = text.lines().find(|line| line.starts_with("format = ")).expect("it names the format");
    let format: u32 = line.trim_start_matches("format = ").parse().expect("a number");
    let later = (format + 1).to_string();
    fs::write(&marker, text.replace(line, &format!("format = {later}"))).expect("a file");
    let before = fs::read_dir(&setup.data).expect("a directory").count();
    let refusal = Broker::try_start(&setup).await.expect_err("a later format");
    assert!(!refusal.status.success(), "{refusal}");
    assert!(refusal.log.contains(&format!("format {later}")), "it does not name the format: {refusal}");
    assert!(!refusal.log.contains("panicked"), "{refusal}");
    assert_eq!(fs::read_dir(&setup.data).expect("a directory").count(), before, "it changed the directory");
}

/// Whether data of this format can have groups and transactions.
fn has_groups(archive: &Path) -> bool {
    !is_of(archive, &["v1", "v2"])
}

/// Whether data of this format can have tables.
fn has_tables(archive: &Path) -> bool {
    has_groups(archive) && !is_of(archive, &["v3"])
}

fn is_of(archive: &Path, formats: &[&str]) -> bool {
    formats.iter().any(|format| archive.components().any(|part| part.as_os_str() == *format))
}

/// A record for each partition, staged for a transaction.
async fn transact(world: &World, counter: u32) {
    let raw = world.raw();
    let v1::InitProducerResponse { producer_id, epoch } = raw.init_producer().await.expect("a producer");
    for partition in 0..PARTITIONS {
        let (number, index) = (1, partition);
        let place = v1::TransactionSequence { producer_id, epoch, number, index, timeout_ms: 0 };
        let values = [payload::make(value(partition, counter), 50)];
        let request = v1::ProduceRequest {
            transaction: Some(place),
            ..raw::request(&world.topic, partition, &values, None)
        };
        raw.produce().produce(request).await.expect("it is staged");
    }
    let request = v1::CommitTransactionRequest {
        producer_id,
        epoch,
        number: 1,
        staged: PARTITIONS,
        ..Default::default()
    };
    raw.transactions().commit_transaction(request).await.expect("it is committed");
}

/// Reads everything as a group, and says so.
async fn consume(world: &World) {
    let settings = ConsumerSettings::new(GROUP, [&world.topic]);
    let mut consumer = world.client().consumer(settings).await.expect("a member");
    for _ in 0..PARTITIONS * RECORDS {
        consumer.next().await.expect("a record");
    }
    consumer.commit().await.expect("it is committed");
    consumer.close().await.expect("it leaves");
}

async fn append(world: &World, partition: u32, counter: u32) {
    let request =
        raw::request(&world.topic, partition, &[payload::make(value(partition, counter), 50)], None);
    world.raw().produce().produce(request).await.expect("it can be produced");
}

async fn read(world: &World, partition: u32) -> Vec<Option<Value>> {
    let position = Position { topic: world.topic.clone(), partition, from: StartAt::Start };
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = world.client().reader(vec![position], settings).await.expect("a reader");
    let mut values = Vec::new();
    while let Some(record) = reader.next().await {
        let record = record.expect("a record");
        assert_eq!(record.offset, values.len() as u64);
        values.push(record.record.value.as_deref().and_then(payload::parse));
    }
    values
}

/// Writes the golden data of the format of today into the directory that `LEVEE_WRITE_GOLDEN` names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes files: name a directory in LEVEE_WRITE_GOLDEN"]
async fn write_golden() {
    let Some(target) = std::env::var_os("LEVEE_WRITE_GOLDEN").map(PathBuf::from) else { return };
    fs::create_dir_all(&target).expect("a directory");
    for name in ["stopped", "killed"] {
        let dir = tempfile::tempdir().expect("a directory");
        let setup = crate::small(&dir.path().join("data")).set("storage.retention_interval_ms", 100);
        let mut broker = Broker::start(&setup).await;
        let recorder = Recorder::new("golden");
        let world = World::create(&broker.endpoint(), PARTITIONS, &recorder).await;
        for counter in 0..RECORDS - 1 {
            for partition in 0..PARTITIONS {
                append(&world, partition, counter).await;
            }
        }
        transact(&world, RECORDS - 1).await;
        consume(&world).await;
        tables::write(&world, &setup.data).await;
        if name == "stopped" {
            broker.stop().await;
        } else {
            broker.kill();
        }
        let archive = target.join(format!("{name}.tar.gz"));
        // RocksDB's log is for people, and describes the machine.
        let options = ["--sparse", "--owner=0", "--group=0", "--numeric-owner", "--exclude=LOG*", "-czf"];
        tar(&[&options[..], &[&*archive.to_string_lossy(), "data"]].concat(), dir.path());
    }
}
