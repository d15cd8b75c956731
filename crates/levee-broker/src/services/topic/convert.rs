//! Between messages and what storage takes and gives.

use crate::authorize::{InTenant, Permit};
use crate::fields::{out_of_range, topic_name};
use levee_proto::v1;
use levee_storage::{NewTopic, PartitionOffsets, Topic};
use levee_types::limits::MAX_PARTITIONS_PER_TOPIC;
use levee_types::topic::{Layers, PROPERTIES, Properties, PropertySource};
use levee_types::{ErrorCode, LeveeError, TopicConfig};
use std::collections::BTreeMap;

/// Checks one topic that is to be created; `index` is its place in the request.
pub(in crate::services) fn new_topic(index: usize, spec: v1::TopicSpec) -> Result<NewTopic, LeveeError> {
    let v1::TopicSpec { name, partitions, config } = spec;
    let field = |name: &str| format!("topics[{index}].{name}");
    let name = topic_name(&field("name"), &name)?;
    if partitions > MAX_PARTITIONS_PER_TOPIC {
        return Err(out_of_range(&field("partitions"), partitions, 1, MAX_PARTITIONS_PER_TOPIC));
    }
    let set: BTreeMap<_, _> = config.into_iter().collect();
    TopicConfig::evaluate(&set)?;
    Ok(NewTopic { name, partitions: partitions.max(1), set })
}

/// The name is taken.
pub(super) fn duplicate(name: &str) -> LeveeError {
    LeveeError::new(ErrorCode::AlreadyExists, format!("there is a topic {name:?} already"))
        .with_hint("choose another name, or set if_not_exists to leave it as it is")
}

/// Refuses names of properties that do not exist.
pub(super) fn known_properties(names: &[String]) -> Result<(), LeveeError> {
    let Some(unknown) = names.iter().find(|name| !PROPERTIES.contains(&name.as_str())) else {
        return Ok(());
    };
    let unknown: String = unknown.chars().take(60).collect();
    Err(LeveeError::new(ErrorCode::InvalidArgument, format!("unknown topic property {unknown:?}"))
        .with_hint(format!("known properties: {}", PROPERTIES.join(", "))))
}

/// A topic of a tenant as clients see it, with every property and where its value comes from.
pub(super) fn to_proto(topic: &Topic, permit: &Permit<InTenant>) -> Result<v1::Topic, LeveeError> {
    let snapshot = permit.snapshot()?;
    let none = Properties::new();
    let tenant = snapshot.tenant().map_or(&none, |tenant| &tenant.topic_defaults);
    let layers = Layers { topic: &topic.set, tenant, server: permit.shard().topic_defaults() };
    let config = layers.evaluate()?;
    let entry = |name: &str| {
        let source = match layers.source(name) {
            PropertySource::Topic => v1::ConfigSource::Topic,
            PropertySource::Tenant => v1::ConfigSource::Tenant,
            PropertySource::Server => v1::ConfigSource::Server,
            PropertySource::Default => v1::ConfigSource::Default,
        };
        config.value(name).map(|value| v1::ConfigEntry {
            name: name.to_owned(),
            value,
            source: source as i32,
        })
    };
    Ok(v1::Topic {
        name: topic.name.as_str().to_owned(),
        id: topic.id.0,
        partitions: topic.partitions,
        created_ms: topic.created_ms,
        config: PROPERTIES.into_iter().filter_map(entry).collect(),
    })
}

/// Partitions as clients see them, from 0.
pub(super) fn partitions_to_proto(offsets: &[PartitionOffsets]) -> Vec<v1::Partition> {
    (0..)
        .zip(offsets)
        .map(|(partition, offsets)| v1::Partition {
            partition,
            start_offset: offsets.start,
            end_offset: offsets.end,
            stored_bytes: offsets.stored_bytes,
        })
        .collect()
}
