//! A full disk: produce answers with a clear error, reads go on, and after space was freed and the broker
//! restarted nothing is missing.

use crate::MIB;
use levee_proto::v1::ShardState;
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{World, drain};
use levee_tests::payload;
use levee_tests::powerloss::Disk;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::{Outcome, Recorder};
use rustix::fs::FallocateFlags;
use std::fs::{self, OpenOptions};
use std::path::Path;
use tonic_health::pb::health_check_response::ServingStatus;

/// One writer that makes each attempt once, so that it knows of each failure what it means.
struct Once {
    world: World,
    raw: Raw,
    process: u32,
    counter: u32,
}

impl Once {
    /// The name of the error, if it is one.
    async fn send(&mut self) -> Result<(), String> {
        let send = self.world.recorder.send(self.process, self.counter, self.world.number(0));
        self.counter += 1;
        let value = payload::make(send.value(), 60_000);
        let request = raw::request(&self.world.topic, 0, &[value], None);
        match self.raw.produce().produce(request).await {
            Ok(answer) => {
                self.world.recorder.sent(send, Outcome::Acked(answer.get_ref().base_offset));
                Ok(())
            }
            Err(status) => {
                let reason = raw::reason(&status);
                // That error promises that nothing was stored.
                let is_certain = reason == "STORAGE_FULL";
                let outcome = if is_certain { Outcome::Failed } else { Outcome::Unknown };
                self.world.recorder.sent(send, outcome);
                assert!(!is_certain || !status.message().is_empty(), "an error without a message");
                Err(if reason.is_empty() { status.to_string() } else { reason })
            }
        }
    }
}

/// There is no room for another segment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_of_the_journal() {
    full_disk("full-journal", 16 * MIB, |path| reserve(path, 12 * MIB)).await;
}

/// There is no room at all, when there is still some in the last segment: the index cannot be flushed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_of_the_index() {
    full_disk("full-index", 40 * MIB, |path| {
        for size in [4 * MIB, MIB / 4, 16 * 1024, 1024] {
            while reserve(&path.with_extension(format!("{size}")), size) {}
        }
        true
    })
    .await;
}

/// Takes more space of the disk for a file; whether there was some.
fn reserve(path: &Path, bytes: u64) -> bool {
    let file = OpenOptions::new().create(true).append(true).open(path).expect("a file");
    let length = file.metadata().expect("a file").len();
    rustix::fs::fallocate(&file, FallocateFlags::empty(), length, bytes).is_ok()
}

/// `fill` takes space, of a disk of 64 MiB, for files whose names begin with the path that it is given.
async fn full_disk(test: &str, segment_bytes: u64, fill: impl Fn(&Path) -> bool) {
    let Some(disk) = Disk::new(test, 64 * MIB) else { return };
    let setup = Setup::new(&disk.path().join("data"))
        .set("storage.segment_bytes", segment_bytes)
        .set("storage.replay_bytes", 16 * MIB)
        .expecting_errors();
    let recorder = Recorder::new(test);
    let broker = Broker::start(&setup).await;
    assert!(fill(&disk.path().join("ballast")), "the disk has room for a ballast");
    let world = World::create(&broker.endpoint(), 1, &recorder).await;
    let mut writer = Once { raw: world.raw(), process: recorder.process(), counter: 0, world: world.clone() };

    let mut sent = 0;
    let reason = loop {
        assert!(sent < 2_000, "64 MiB take more than 64 MiB");
        match writer.send().await {
            Ok(()) => sent += 1,
            Err(reason) => break reason,
        }
    };
    println!("{test}: {reason} after {sent} records");
    // The second where something was written of what then failed: the answer must not promise anything.
    assert!(["STORAGE_FULL", "STORAGE_FAILED"].contains(&&*reason), "{reason}");
    for _ in 0..20 {
        assert_eq!(writer.send().await, Err("STORAGE_FULL".to_owned()), "a full disk stays full");
    }
    assert_eq!(broker.health().await, Some(ServingStatus::NotServing), "a full disk shows");
    let status = Raw::operator(&broker.endpoint()).status().await.expect("a status");
    assert_eq!((status.state(), status.reason.is_empty()), (ShardState::Full, false), "{status:?}");
    // Reads go on.
    assert_eq!(drain(&world).await.expect("reads on a full disk"), sent);

    for file in fs::read_dir(disk.path()).expect("a directory") {
        let path = file.expect("an entry").path();
        if path.is_file() {
            fs::remove_file(path).expect("the ballast");
        }
    }
    let still = "what was left half written is sorted out by a restart, not by the next writer";
    assert_eq!(writer.send().await, Err("STORAGE_FULL".to_owned()), "{still}");
    broker.stop().await;
    let broker = Broker::start(&setup).await;
    for _ in 0..50 {
        assert_eq!(writer.send().await, Ok(()), "there is space again");
    }
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(sent + 50);
}
