//! What a member of a group wants: plain data.

use crate::config::all;
use crate::error::Error;
use crate::position::StartAt;
use levee_types::GroupName;
use levee_types::limits::{
    DEFAULT_SESSION_TIMEOUT_MS, MAX_READ_CREDIT, MAX_SESSION_TIMEOUT_MS, MAX_TOPICS_PER_GROUP,
    MIN_SESSION_TIMEOUT_MS,
};
use std::time::Duration;

/// How a consumer consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// The group, made when its first member joins.
    pub group: String,
    /// 1 to 100 topics, each once.
    pub topics: Vec<String>,
    /// The name of a static member: when it comes back within the session timeout, it gets the same partitions, and
    /// nobody else is disturbed. None: a dynamic member, whose partitions go to others as soon as it leaves.
    pub instance: Option<String>,
    /// How long the consumer may be silent, or keep partitions that others are to get, before the broker takes it for
    /// dead. 1 to 300 s. Default: 10 s.
    pub session_timeout: Duration,
    /// Where a partition begins of which the group has committed nothing: not an offset. Default: the start.
    pub start: StartAt,
    /// Bytes of batches that the broker may send ahead. 1 to 64 MiB. Default: 8 MiB.
    pub credit_bytes: u64,
    /// Commits by itself, so often, what is done: what was handed out, once the caller has asked for more after it. More
    /// than zero. Default: none; only what the caller commits is committed.
    pub auto_commit: Option<Duration>,
}

impl ConsumerSettings {
    /// A dynamic member of this group, with defaults.
    pub fn new(group: impl Into<String>, topics: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            group: group.into(),
            topics: topics.into_iter().map(Into::into).collect(),
            instance: None,
            session_timeout: Duration::from_millis(DEFAULT_SESSION_TIMEOUT_MS.into()),
            start: StartAt::Start,
            credit_bytes: 8 * 1024 * 1024,
            auto_commit: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        GroupName::new(&self.group).map_err(|error| Error::invalid(error.to_string()))?;
        let session_ms = u128::from(MIN_SESSION_TIMEOUT_MS)..=u128::from(MAX_SESSION_TIMEOUT_MS);
        all(&[
            ((1..=MAX_TOPICS_PER_GROUP).contains(&self.topics.len()), "topics are 1 to 100"),
            (session_ms.contains(&self.session_timeout.as_millis()), "session_timeout is 1 to 300 s"),
            (!matches!(self.start, StartAt::Offset(_)), "start is the start, the end or a timestamp"),
            ((1..=MAX_READ_CREDIT).contains(&self.credit_bytes), "credit_bytes is 1 to 67108864"),
            (self.auto_commit.is_none_or(|every| every > Duration::ZERO), "auto_commit is more than zero"),
        ])
    }

    pub(super) fn session_timeout_ms(&self) -> u32 {
        u32::try_from(self.session_timeout.as_millis()).unwrap_or(MAX_SESSION_TIMEOUT_MS)
    }
}
