//! Retention: when which topics are looked at.

use super::Maintenance;
use crate::catalog::retention::{Place, Retained};
use crate::error::StorageError;
use crate::retention::wall::Wall;
use crate::retention::{Cut, Retention};
use crate::segments::SegmentStore;
use levee_types::{Clock, PartitionId, TenantId};
use std::time::Duration;

/// Rows of tenants and topics in one step.
const ROWS_AT_ONCE: usize = 1_000;
/// Partitions of one tenant in one entry.
const CUTS_AT_ONCE: usize = 100;
/// A look at everything is followed by so many times its duration without one: with a million topics it then takes a
/// twentieth of this thread.
const PAUSE: u32 = 20;

/// What is remembered between two looks.
#[derive(Debug)]
pub(super) struct Looks {
    wall: Wall,
    /// When the next one is due, by the time that never leaps.
    due: Duration,
}

impl Looks {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { wall: Wall::new(clock.unix_ms(), clock.monotonic()), due: Duration::ZERO }
    }
}

impl<S: SegmentStore> Maintenance<S> {
    /// One look, if it is due.
    pub(super) async fn retention(&mut self) -> Result<(), StorageError> {
        let started = self.shard.clock().monotonic();
        // Also in between, so that no leap goes unseen.
        self.looks.wall.believe(self.shard.clock().unix_ms(), started);
        if started < self.looks.due {
            return Ok(());
        }
        self.remove_expired().await?;
        let took = self.shard.clock().monotonic().saturating_sub(started);
        let interval = Duration::from_millis(self.shard.settings().retention_interval_ms);
        self.looks.due = started + took + interval.max(took * PAUSE);
        metrics::histogram!("levee_retention_seconds").record(took);
        Ok(())
    }

    /// Looks at every topic.
    pub(crate) async fn remove_expired(&mut self) -> Result<(), StorageError> {
        let clock = self.shard.clock();
        let now_ms = self.looks.wall.believe(clock.unix_ms(), clock.monotonic());
        let mut place = Some(Place::default());
        while let Some(from) = place {
            let (topics, next) = self.shard.retained(from, ROWS_AT_ONCE)?;
            place = next;
            let mut cuts = Cuts::default();
            for topic in topics {
                if cuts.tenant != Some(topic.tenant) {
                    self.expire(&mut cuts).await?;
                }
                cuts.tenant = Some(topic.tenant);
                self.look_at(topic, now_ms, &mut cuts).await?;
            }
            self.expire(&mut cuts).await?;
            if !self.goes_on() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn look_at(&self, topic: Retained, now_ms: i64, cuts: &mut Cuts) -> Result<(), StorageError> {
        let Retained { tenant, topic, partitions, retention } = topic;
        for partition in 0..partitions {
            let partition = PartitionId { tenant, topic, partition };
            while self.goes_on()
                && let Some(cut) = self.shard.expired(partition, retention, now_ms)?
            {
                cuts.found.push((cut, retention));
                let mut removed = 0;
                if cut.is_partial || cuts.found.len() >= CUTS_AT_ONCE {
                    removed = self.expire(cuts).await?;
                }
                // Nothing goes of a tenant that was frozen meanwhile, or of a topic that keeps it now.
                if !cut.is_partial || removed == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Removes what was found. Tells how many bytes went.
    async fn expire(&self, cuts: &mut Cuts) -> Result<u64, StorageError> {
        let found = std::mem::take(&mut cuts.found);
        match cuts.tenant {
            Some(tenant) if !found.is_empty() => self.shard.expire(tenant, found).await,
            _ => Ok(0),
        }
    }
}

/// What was found, and is to be removed together.
#[derive(Default)]
struct Cuts {
    tenant: Option<TenantId>,
    found: Vec<(Cut, Retention)>,
}
