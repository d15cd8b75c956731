//! What a worker of a queue wants: plain data.

use crate::config::all;
use crate::error::Error;
use crate::position::StartAt;
use levee_proto::v1;
use levee_types::GroupName;
use levee_types::limits::{
    DEFAULT_DELIVERIES, DEFAULT_LEASE_MS, MAX_DELIVERIES, MAX_LEASE_MS, MAX_TOPICS_PER_GROUP,
    MAX_WORK_CREDIT, MIN_LEASE_MS,
};
use std::time::Duration;

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The name of the queue, which is a group.
    pub group: String,
    /// Makes the queue if there is none; if there is one, it must be like this. None: it must be there.
    pub queue: Option<QueueSettings>,
    /// How long the worker has for a record before it is handed out to another one. 1 s to 12 h. Default: 30 s.
    pub lease: Duration,
    /// How many records the worker may have at once. 1 to 1,000. Default: 100.
    pub credit: u32,
    /// Extends leases by itself, for so long after the delivery. At most 12 h. Default: none.
    pub auto_extend: Option<Duration>,
}

/// What holds for all workers of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// 1 to 100 topics that exist, each once.
    pub topics: Vec<String>,
    /// How often a record is handed out before it is dead. 1 to 1,000. Default: 5.
    pub max_deliveries: u32,
    /// Takes dead records, with headers that say where they come from and why. None: they are dropped.
    pub dead_letter_topic: Option<String>,
    /// Records of a partition with the same key are handed out one after the other. Default: false.
    pub ordered_by_key: bool,
    /// Where the queue begins: not an offset. Default: the start.
    pub start: StartAt,
}

impl WorkerSettings {
    /// A worker of a queue that is there, with defaults.
    pub fn new(group: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            queue: None,
            lease: Duration::from_millis(DEFAULT_LEASE_MS.into()),
            credit: 100,
            auto_extend: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        GroupName::new(&self.group).map_err(|error| Error::invalid(error.to_string()))?;
        let lease_ms = u128::from(MIN_LEASE_MS)..=u128::from(MAX_LEASE_MS);
        let longest = Duration::from_millis(MAX_LEASE_MS.into());
        all(&[
            (lease_ms.contains(&self.lease.as_millis()), "lease is 1 s to 12 h"),
            ((1..=MAX_WORK_CREDIT).contains(&self.credit), "credit is 1 to 1000"),
            (self.auto_extend.is_none_or(|extend| extend <= longest), "auto_extend is at most 12 h"),
        ])?;
        self.queue.as_ref().map_or(Ok(()), QueueSettings::check)
    }

    pub(super) fn to_message(&self) -> v1::WorkStart {
        v1::WorkStart {
            group: self.group.clone(),
            settings: self.queue.as_ref().map(QueueSettings::to_message),
            lease_ms: millis(self.lease),
            credit: self.credit,
        }
    }
}

impl QueueSettings {
    /// A queue of these topics, with defaults.
    pub fn new(topics: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            topics: topics.into_iter().map(Into::into).collect(),
            max_deliveries: DEFAULT_DELIVERIES,
            dead_letter_topic: None,
            ordered_by_key: false,
            start: StartAt::Start,
        }
    }

    fn check(&self) -> Result<(), Error> {
        all(&[
            ((1..=MAX_TOPICS_PER_GROUP).contains(&self.topics.len()), "topics are 1 to 100"),
            ((1..=MAX_DELIVERIES).contains(&self.max_deliveries), "max_deliveries is 1 to 1000"),
            (!matches!(self.start, StartAt::Offset(_)), "start is the start, the end or a timestamp"),
        ])
    }

    fn to_message(&self) -> v1::QueueSettings {
        v1::QueueSettings {
            topics: self.topics.clone(),
            max_deliveries: self.max_deliveries,
            dead_letter_topic: self.dead_letter_topic.clone().unwrap_or_default(),
            ordered_by_key: self.ordered_by_key,
            start: Some(self.start.to_message()),
        }
    }
}

/// Of a lease or a delay; at most 12 hours.
pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(MAX_LEASE_MS).min(MAX_LEASE_MS)
}
