//! What each tenant uses, as metrics with its name; only if the operator wants that.
//!
//! Must hold: there are at most as many series of each metric as the settings say, and one for all other tenants.

mod series;

use crate::blocking::{Blocking, Turn};
use crate::tenants::Tenants;
use levee_storage::{Page, StorageError};
use levee_types::limits::MAX_PAGE_SIZE;
use series::{Series, Used, render};
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often the tenants are looked at. A scrape shows what was seen last, so that it answers also when the disk does
/// not, and costs nothing however often it comes.
const INTERVAL: Duration = Duration::from_secs(5);

/// What a scrape shows of tenants: empty, unless somebody writes it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TenantPage(Arc<RwLock<String>>);

impl TenantPage {
    /// The lines of the exposition format.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps it up to date until this is dropped, with at most so many tenants by their names.
    pub async fn follow(self, tenants: Tenants, max_series: usize, blocking: Blocking) -> Infallible {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut series = Series::new(max_series);
        loop {
            interval.tick().await;
            let asked = tenants.clone();
            match blocking.run(Turn::SYSTEM, move || read(&asked)).await {
                Ok(used) => {
                    let text = render(&series.update(&used));
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = text;
                }
                Err(error) => tracing::debug!(%error, "the metrics of tenants are those of before"),
            }
        }
    }
}

/// What every tenant uses, also those that nobody asked for since the broker started. May block.
fn read(tenants: &Tenants) -> Result<Vec<Used>, StorageError> {
    let mut used = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let Page { items, next } = tenants.shard().list_tenants(after.as_deref(), MAX_PAGE_SIZE as usize)?;
        used.extend(items.into_iter().map(|tenant| Used {
            id: tenant.id,
            counters: tenants.known_one(tenant.id).map(|entry| entry.counters()).unwrap_or_default(),
            stored_bytes: tenant.stored_bytes,
            name: tenant.name,
        }));
        match next {
            Some(name) => after = Some(name),
            None => return Ok(used),
        }
    }
}
