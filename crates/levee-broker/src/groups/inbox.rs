//! What a member is to be told, until its stream takes it.
//!
//! Must hold: it is no longer than the partitions that the member has or was told of; what was assigned and taken away
//! again in between is not told at all.

use levee_groups::consumers::Expelled;
use levee_storage::{Fence, Topic};
use levee_types::PartitionId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What one member is to be told.
#[derive(Default)]
pub(super) struct Inbox {
    news: Mutex<News>,
    told: Notify,
}

/// What has happened to a member.
#[derive(Default)]
pub struct News {
    /// Of the last of it.
    pub generation: u64,
    /// By assignment, what it has from now on.
    pub assigned: BTreeMap<u32, Offer>,
    /// What it must let go of.
    pub revoked: Vec<u32>,
    /// What it has lost; also what it was never told of.
    pub lost: Vec<u32>,
    /// It is no member any more.
    pub expelled: Option<Expelled>,
}

/// A partition for a member.
#[derive(Clone)]
pub struct Offer {
    /// Its topic.
    pub topic: Arc<Topic>,
    /// The partition.
    pub partition: PartitionId,
    /// Closed when it is the member's no more.
    pub fence: Fence,
}

impl News {
    fn is_empty(&self) -> bool {
        self.assigned.is_empty() && self.revoked.is_empty() && self.lost.is_empty() && self.expelled.is_none()
    }
}

impl Inbox {
    pub(super) fn assign(&self, generation: u64, offers: impl IntoIterator<Item = (u32, Offer)>) {
        let mut news = self.lock();
        news.generation = generation;
        news.assigned.extend(offers);
        self.told.notify_one();
    }

    /// Returns what the member was not told of yet, and lets go of at once.
    pub(super) fn revoke(&self, generation: u64, assignments: Vec<u32>) -> Vec<u32> {
        let mut news = self.lock();
        news.generation = generation;
        let (untold, told): (Vec<_>, Vec<_>) =
            assignments.into_iter().partition(|assignment| news.assigned.remove(assignment).is_some());
        news.revoked.extend(told);
        self.told.notify_one();
        untold
    }

    pub(super) fn lose(&self, generation: u64, assignments: Vec<u32>) {
        let mut news = self.lock();
        news.generation = generation;
        for assignment in assignments {
            if news.assigned.remove(&assignment).is_none() {
                news.lost.push(assignment);
            }
        }
        self.told.notify_one();
    }

    pub(super) fn expel(&self, generation: u64, why: Expelled) {
        *self.lock() = News { generation, expelled: Some(why), ..News::default() };
        self.told.notify_one();
    }

    pub(super) fn take(&self) -> Option<News> {
        let mut news = self.lock();
        (!news.is_empty()).then(|| std::mem::take(&mut *news))
    }

    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
