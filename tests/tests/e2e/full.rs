//! A full disk: produce answers with a clear error, reads go on, and after space was freed and the broker
//! restarted nothing is missing.

use crate::MIB;
use levee_tests::broker::{Broker, Setup};
use levee_tests::load::{World, drain};
use levee_tests::payload;
use levee_tests::powerloss::Disk;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::{Outcome, Recorder};
use rustix::fs::FallocateFlags;
use std::fs::{self, File};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk() {
    let Some(disk) = Disk::new("full", 64 * MIB) else { return };
    let ballast = disk.path().join("ballast");
    let file = File::create(&ballast).expect("a file");
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 20 * MIB).expect("space");
    drop(file);
    let setup = Setup::new(&disk.path().join("data"))
        .set("storage.segment_bytes", 16 * MIB)
        .set("storage.replay_bytes", 16 * MIB)
        .expecting_errors();
    let recorder = Recorder::new("full");
    let broker = Broker::start(&setup).await;
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
    println!("full after {sent} records");
    assert_eq!(reason, "STORAGE_FULL");
    for _ in 0..20 {
        assert_eq!(writer.send().await, Err("STORAGE_FULL".to_owned()), "a full disk stays full");
    }
    // Reads go on.
    assert_eq!(drain(&world).await.expect("reads on a full disk"), sent);

    fs::remove_file(&ballast).expect("the ballast");
    broker.stop().await;
    let broker = Broker::start(&setup).await;
    for _ in 0..50 {
        assert_eq!(writer.send().await, Ok(()), "there is space again");
    }
    drain(&world).await.expect("everything can be read");
    broker.stop().await;
    recorder.judge().assert_ok(sent + 50);
}
