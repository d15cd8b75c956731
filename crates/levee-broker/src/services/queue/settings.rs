//! The settings of a queue, as clients give and get them.

use crate::fields::{invalid, out_of_range, start_at, topic_name};
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_types::group::{QueueSettings, StartAt};
use levee_types::limits::{DEFAULT_DELIVERIES, MAX_DELIVERIES, MAX_TOPICS_PER_GROUP};
use levee_types::{LeveeError, TopicName};
use std::collections::HashSet;
use std::fmt::Display;

/// Checks every field.
pub(in crate::services) fn from_proto(settings: v1::QueueSettings) -> Result<QueueSettings, LeveeError> {
    let v1::QueueSettings { topics, max_deliveries, dead_letter_topic, ordered_by_key, start } = settings;
    let topics = topic_names(&topics)?;
    let start = start_at("settings.start", start)?;
    let max_deliveries = match max_deliveries {
        0 => DEFAULT_DELIVERIES,
        1..=MAX_DELIVERIES => max_deliveries,
        _ => return Err(out_of_range("settings.max_deliveries", max_deliveries, 0, MAX_DELIVERIES)),
    };
    let dead_letter_topic = match dead_letter_topic.as_str() {
        "" => None,
        name => Some(topic_name("settings.dead_letter_topic", name)?),
    };
    if dead_letter_topic.as_ref().is_some_and(|name| topics.contains(name)) {
        let problem = "it is one of the topics of the queue, which would hand its dead records out again";
        return Err(invalid("settings.dead_letter_topic", problem, "give another topic"));
    }
    Ok(QueueSettings { topics, max_deliveries, dead_letter_topic, ordered_by_key, start })
}

fn topic_names(topics: &[String]) -> Result<Vec<TopicName>, LeveeError> {
    if !(1..=MAX_TOPICS_PER_GROUP).contains(&topics.len()) {
        return Err(out_of_range("settings.topics", topics.len(), 1, MAX_TOPICS_PER_GROUP));
    }
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(topics.len());
    for (index, name) in topics.iter().enumerate() {
        let field = format!("settings.topics[{index}]");
        names.push(topic_name(&field, name)?);
        if !seen.insert(name) {
            return Err(invalid(&field, format!("{name:?} is named twice"), "name each topic once"));
        }
    }
    Ok(names)
}

/// The same for a client.
pub(in crate::services) fn to_proto(settings: &QueueSettings) -> v1::QueueSettings {
    let start = match settings.start {
        StartAt::Start => Spec::Edge(v1::OffsetEdge::Start as i32),
        StartAt::End => Spec::Edge(v1::OffsetEdge::End as i32),
        StartAt::TimestampMs(timestamp_ms) => Spec::TimestampMs(timestamp_ms),
    };
    v1::QueueSettings {
        topics: settings.topics.iter().map(ToString::to_string).collect(),
        max_deliveries: settings.max_deliveries,
        dead_letter_topic: settings.dead_letter_topic.as_ref().map(ToString::to_string).unwrap_or_default(),
        ordered_by_key: settings.ordered_by_key,
        start: Some(v1::OffsetSpec { spec: Some(start) }),
    }
}

/// Refuses settings that are not those of the queue that there is.
///
/// # Errors
/// INVALID_ARGUMENT names the field, and both values.
pub(super) fn require_same(given: &QueueSettings, current: &QueueSettings) -> Result<(), LeveeError> {
    let names = |topics: &[TopicName]| {
        let mut names: Vec<_> = topics.iter().map(TopicName::as_str).collect();
        // In which order they were named does not matter.
        names.sort_unstable();
        format!("{names:?}")
    };
    let dead = |settings: &QueueSettings| {
        format!("{:?}", settings.dead_letter_topic.as_ref().map_or("", TopicName::as_str))
    };
    let start = |start: StartAt| match start {
        StartAt::Start => "the start".to_owned(),
        StartAt::End => "the end".to_owned(),
        StartAt::TimestampMs(timestamp_ms) => format!("the timestamp {timestamp_ms}"),
    };
    same("topics", &names(&given.topics), &names(&current.topics))?;
    same("max_deliveries", &given.max_deliveries, &current.max_deliveries)?;
    same("dead_letter_topic", &dead(given), &dead(current))?;
    same("ordered_by_key", &given.ordered_by_key, &current.ordered_by_key)?;
    same("start", &start(given.start), &start(current.start))
}

fn same<T: PartialEq + Display>(field: &str, given: &T, current: &T) -> Result<(), LeveeError> {
    if given == current {
        return Ok(());
    }
    let problem = format!("it is {given}, and the queue has {current}");
    Err(invalid(
        &format!("settings.{field}"),
        problem,
        "leave the settings out to work on the queue as it is, or name another group",
    ))
}
