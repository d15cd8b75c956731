//! The real binaries under harm: crashes, power loss, failing disks, damage, floods.
//!
//! Each test is bounded; together they take a few minutes on two cores. The long versions are ignored tests
//! of the same functions (`make chaos`), and longer with a larger `LEVEE_CYCLES`. What each test would show,
//! and how it was seen to fail, is in `tests/README.md`.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "tests of real processes in real time"
)]

mod append;
mod backup;
mod bootstrap;
mod cancel;
mod cli;
mod copy;
mod crash;
mod damage;
mod faults;
mod flood;
mod full;
mod golden;
mod groups;
mod isolation;
mod ledger;
mod lifecycle;
mod metrics;
mod network;
mod power;
mod producers;
mod queues;
mod quotas;
mod recovery;
mod recreate;
mod relaxed;
mod secrets;
mod space;
mod stop;
mod tables;
mod top;
mod transactions;
mod under_load;

use levee_tests::broker::{Broker, Setup};
use levee_tests::powerloss::{Cut, Disk};
use std::path::Path;

/// Bytes of a mebibyte.
const MIB: u64 = 1024 * 1024;

/// How many cycles a long test runs: `LEVEE_CYCLES`, else `default`.
fn cycles(default: u64) -> u64 {
    std::env::var("LEVEE_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Kills the broker and starts it again; with a disk, its power goes at the same moment.
async fn crash(broker: Broker, setup: &Setup, disk: Option<&mut Disk>) -> Broker {
    kill(broker, disk).await;
    Broker::start(setup).await
}

/// Kills the broker; with a disk, its power goes at the same moment.
async fn kill(mut broker: Broker, disk: Option<&mut Disk>) {
    if let Some(disk) = disk {
        broker.halt().await;
        disk.cut(Cut::Everything);
        broker.kill();
        drop(broker);
        disk.restore();
    } else {
        broker.kill();
    }
}

/// A broker's settings with small segments, so that little data is many of them, and frequent flushes of
/// the index.
fn small(data: &Path) -> Setup {
    Setup::new(data).set("storage.segment_bytes", 16 * MIB).set("storage.replay_bytes", 16 * MIB)
}
