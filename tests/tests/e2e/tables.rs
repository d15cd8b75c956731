//! C1, C4 and C5: a table is its newest records, before, during and after compaction, whatever happens to the broker.

use crate::{MIB, crash, cycles, small};
use levee_tests::broker::Broker;
use levee_tests::files;
use levee_tests::load::{Pace, Table, TableReaders};
use levee_tests::powerloss::Disk;
use levee_tests::seed::Seed;
use levee_tests::strace::Strace;
use levee_tests::wait;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than the journal takes to give a segment back.
const SOON: Duration = Duration::from_secs(90);
/// A tombstone may be removed this soon after everything that it deletes is gone.
const SHORT_LIVED: [(&str, &str); 1] = [("delete.retention.ms", "300")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_c5_tables_survive_sigkill() {
    let dir = tempfile::tempdir().expect("a directory");
    crash_cycles("c1", 8, dir.path(), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_c1_c5_tables_survive_sigkill() {
    let dir = tempfile::tempdir().expect("a directory");
    crash_cycles("chaos-c1", cycles(200), dir.path(), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_deleted_keys_stay_deleted_after_power_loss() {
    let Some(mut disk) = Disk::new("c4", 4096 * MIB) else { return };
    crash_cycles("c4", 8, &disk.path(), Some(&mut disk)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_c4_deleted_keys_stay_deleted_after_power_loss() {
    let Some(mut disk) = Disk::new("chaos-c4", 4096 * MIB) else { return };
    crash_cycles("chaos-c4", cycles(200), &disk.path(), Some(&mut disk)).await;
}

/// Two tables, one whose tombstones stay and one whose tombstones go, are written, read and compacted through crashes.
/// Every second one comes right after a segment was deleted: more are to follow then, and what is live in them is being
/// moved.
async fn crash_cycles(test: &str, cycles: u64, dir: &Path, mut disk: Option<&mut Disk>) {
    let mut seed = Seed::from_env(test);
    let setup = small(&dir.join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let mut tables = Vec::new();
    for (tenant, properties) in [("keeping", &[][..]), ("removing", &SHORT_LIVED[..])] {
        let table = Table::create(&endpoint, tenant, 2, 400, properties).await;
        let writers = table.writers(2, 1, pace(), &mut seed);
        let readers = TableReaders::start(&table, 2, &mut seed);
        tables.push((table, writers, readers));
    }
    for cycle in 0..cycles {
        for (table, _, _) in &tables {
            table.progress(200).await;
        }
        if cycle % 2 == 0 {
            tokio::time::sleep(seed.millis(0..2_000)).await;
        } else {
            loses_a_segment(&setup.data).await;
            tokio::time::sleep(seed.millis(0..300)).await;
        }
        broker = crash(broker, &setup, disk.as_deref_mut()).await;
    }
    let mut written = Vec::new();
    for (table, writers, readers) in tables {
        table.progress(200).await;
        let failures = writers.stop().await;
        assert!(failures.is_empty(), "the client gave up on changes: {failures:?}");
        println!("{}: compacted {} times", table.tenant, readers.compactions());
        assert!(readers.compactions() > 0, "no compaction ended");
        readers.stop().await;
        table.check().await;
        written.push(table);
    }
    broker = crash(broker, &setup, disk).await;
    for table in written {
        table.check().await;
        table.history.assert_ok(200 * cycles);
    }
    broker.stop().await;
}

/// The broker dies when it is about to delete the file of a segment, which its index calls deleted: when it starts
/// again, the file goes, and everything is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_a_segment_that_is_half_deleted_goes_at_the_start() {
    if let Some(reason) = Strace::missing() {
        return wait::skipped("c1-unlink", &reason);
    }
    let mut seed = Seed::from_env("c1-unlink");
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let table = Table::create(&broker.endpoint(), "keeping", 2, 400, &[]).await;
    let writers = table.writers(2, 1, pace(), &mut seed);
    for _ in 0..3 {
        table.progress(100).await;
        let oldest = files::segments(&setup.data).remove(0);
        let strace = Strace::attach(broker.pid(), "unlink,unlinkat:signal=SIGKILL", Some(&oldest));
        broker.wait(SOON).await;
        assert!(oldest.exists(), "it died too late");
        drop((strace, broker));
        broker = Broker::start(&setup).await;
        assert!(!oldest.exists(), "{} is deleted, and still there", oldest.display());
    }
    let failures = writers.stop().await;
    assert!(failures.is_empty(), "the client gave up on changes: {failures:?}");
    table.check().await;
    table.history.assert_ok(300);
    broker.stop().await;
}

/// About 3 MB a second: a segment in a few seconds.
fn pace() -> Pace {
    Pace { burst: 20, every: Duration::from_millis(20), bytes: 3_000 }
}

/// Waits until one of the segments that are there now is not there any more.
async fn loses_a_segment(data: &Path) {
    let before = files::segments(data);
    let is_gone = |segment: &PathBuf| !segment.exists();
    wait::until("a segment is deleted", SOON, || before.iter().any(is_gone).then_some(())).await;
}
