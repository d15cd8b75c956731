//! Checking what somebody says who wants to become a member.

use crate::authorize::{InTenant, Permit};
use crate::fields::{
    group_name, instance_name, invalid, out_of_range, session_timeout, start_at, topic_name,
};
use crate::groups::Wanted;
use levee_proto::v1;
use levee_storage::Topic;
use levee_types::group::StartAt;
use levee_types::limits::{MAX_READ_CREDIT, MAX_TOPICS_PER_GROUP};
use levee_types::{GroupName, LeveeError, TopicName};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// A member as it described itself, checked as far as that goes without looking anything up.
pub(super) struct Described {
    pub(super) group: GroupName,
    pub(super) topics: Vec<TopicName>,
    instance: Option<String>,
    pub(super) session_timeout: Duration,
    pub(super) start: StartAt,
    pub(super) credit: u64,
}

/// Checks each field.
///
/// # Errors
/// Names the first field that is wrong.
pub(super) fn check(join: v1::ConsumeJoin) -> Result<Described, LeveeError> {
    let v1::ConsumeJoin { group, topics, instance, session_timeout_ms, start, credit_bytes } = join;
    let group = group_name("group", &group)?;
    if !(1..=MAX_TOPICS_PER_GROUP).contains(&topics.len()) {
        let problem = format!("there are {}; it takes 1 to {MAX_TOPICS_PER_GROUP}", topics.len());
        return Err(invalid("topics", problem, "consume some of them in another group"));
    }
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(topics.len());
    for (index, name) in topics.into_iter().enumerate() {
        let field = format!("topics[{index}]");
        let name = topic_name(&field, &name)?;
        if !seen.insert(name.clone()) {
            return Err(invalid(&field, "it was named before", "name each topic once"));
        }
        names.push(name);
    }
    let instance = instance_name("instance", instance)?;
    let session_timeout = session_timeout("session_timeout_ms", session_timeout_ms)?;
    let start = start_at("start", start)?;
    if !(1..=MAX_READ_CREDIT).contains(&credit_bytes) {
        return Err(out_of_range("credit_bytes", credit_bytes, 1, MAX_READ_CREDIT));
    }
    Ok(Described { group, topics: names, instance, session_timeout, start, credit: credit_bytes })
}

impl Described {
    /// Decides whether the caller may, and finds the topics.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, or NOT_FOUND for a topic.
    pub(super) fn find(&self, permit: &Permit<InTenant>) -> Result<Wanted, LeveeError> {
        permit.require_group(self.group.as_str())?;
        let topics = self.topics.iter().enumerate();
        let topics = topics
            .map(|(index, name)| permit.topic(&format!("topics[{index}]"), name.as_str()))
            .collect::<Result<Vec<Arc<Topic>>, _>>()?;
        let Self { group, instance, session_timeout, .. } = self;
        Ok(Wanted {
            group: group.clone(),
            instance: instance.clone(),
            topics,
            session_timeout: *session_timeout,
        })
    }

    /// Whether the caller still may.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`
    pub(super) fn require(&self, permit: &Permit<InTenant>) -> Result<(), LeveeError> {
        permit.require_group(self.group.as_str())?;
        self.topics.iter().try_for_each(|topic| permit.require(topic.as_str()))
    }
}
