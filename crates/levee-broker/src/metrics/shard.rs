//! How the shard is, as gauges.

use crate::blocking::{Blocking, Turn};
use levee_storage::{Shard, ShardState, ShardStatus};
use levee_types::LeveeError;
use metrics::{Gauge, gauge};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often the shard is asked. A scrape shows what it said last, so that it answers also when the disk
/// does not.
const INTERVAL: Duration = Duration::from_secs(1);

/// Gauges of one shard, looked up once.
pub struct ShardGauges {
    states: [(ShardState, Gauge); 3],
    journal_bytes: Gauge,
    tail_cache_bytes: Gauge,
    disk_free_bytes: Gauge,
}

impl ShardGauges {
    /// With the collector that is installed now.
    #[must_use]
    pub fn new() -> Self {
        let state = |state, name: &'static str| (state, gauge!("levee_shard_state", "state" => name));
        Self {
            states: [
                state(ShardState::Serving, "serving"),
                state(ShardState::Full, "full"),
                state(ShardState::Failed, "failed"),
            ],
            journal_bytes: gauge!("levee_journal_stored_bytes"),
            tail_cache_bytes: gauge!("levee_tail_cache_bytes"),
            disk_free_bytes: gauge!("levee_disk_free_bytes"),
        }
    }

    /// Keeps them up to date until it is dropped.
    pub async fn follow(self, shard: Shard, blocking: Blocking) -> Infallible {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut state = shard.watch_state();
        let mut is_watched = true;
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                changed = state.changed(), if is_watched => is_watched = changed.is_ok(),
            }
            let asked = shard.clone();
            // It asks the file system for free space.
            if let Ok(status) = blocking.run(Turn::SYSTEM, move || Ok::<_, LeveeError>(asked.status())).await
            {
                self.set(&status);
            }
        }
    }

    fn set(&self, status: &ShardStatus) {
        for (state, gauge) in &self.states {
            gauge.set(if *state == status.state { 1.0 } else { 0.0 });
        }
        self.journal_bytes.set(float(status.journal_bytes));
        self.tail_cache_bytes.set(float(status.tail_cache_bytes));
        self.disk_free_bytes.set(float(status.disk_free_bytes));
    }
}

impl Default for ShardGauges {
    fn default() -> Self {
        Self::new()
    }
}

/// Prometheus knows no other numbers; they are exact up to 8 PiB.
fn float(bytes: u64) -> f64 {
    bytes as f64
}
