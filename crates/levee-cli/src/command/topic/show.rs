//! Topics for people and for programs.

use super::properties;
use crate::address::{TopicAddress, full_name};
use crate::output::{Column, Section, View};
use crate::units::{show_size, show_time};
use levee_client::v1::{ConfigEntry, ConfigSource, GetTopicResponse, Partition, Topic};
use levee_types::TenantName;
use serde_json::{Value, json};

/// The properties of a topic alone.
pub(super) fn config(address: &TopicAddress, entries: &[ConfigEntry]) -> View {
    View::of("config", config_json(entries))
        .with("topic", address.json())
        .named(entries.iter().map(|entry| entry.name.clone()))
        .section(config_section(entries))
}

/// A topic with its properties and partitions.
pub(super) fn describe(address: &TopicAddress, response: &GetTopicResponse) -> View {
    const PARTITIONS: &[Column] = &[
        Column::number("PARTITION"),
        Column::number("START"),
        Column::number("END"),
        Column::number("RECORDS"),
        Column::number("STORED"),
    ];
    let topic = response.topic.clone().unwrap_or_default();
    let bytes = response.partitions.iter().map(|partition| partition.stored_bytes).sum();
    let fields = vec![
        ("Topic", address.to_string()),
        ("Id", topic.id.to_string()),
        ("Created", show_time(topic.created_ms)),
        ("Partitions", topic.partitions.to_string()),
        ("Records", response.partitions.iter().map(records).sum::<u64>().to_string()),
        ("Stored", show_size(bytes)),
    ];
    let rows = response.partitions.iter().map(|partition| {
        vec![
            partition.partition.to_string(),
            partition.start_offset.to_string(),
            partition.end_offset.to_string(),
            records(partition).to_string(),
            show_size(partition.stored_bytes),
        ]
    });
    let partitions = response.partitions.iter().map(|partition| {
        json!({
            "partition": partition.partition,
            "start_offset": partition.start_offset,
            "end_offset": partition.end_offset,
            "stored_bytes": partition.stored_bytes,
        })
    });
    View::of("topic", json(address.tenant.as_ref(), &topic))
        .with("partitions", partitions.collect())
        .named([address.to_string()])
        .section(Section::Fields(fields))
        .section(config_section(&topic.config))
        .section(Section::Rows { columns: PARTITIONS, rows: rows.collect() })
}

/// A topic as a row of a list: name, partitions, creation, what is set on it, id.
pub(super) fn row(tenant: Option<&TenantName>, topic: &Topic) -> Vec<String> {
    let set = topic.config.iter().filter(|entry| entry.source() == ConfigSource::Topic);
    let set: Vec<String> = set.map(|entry| format!("{}={}", entry.name, entry.value)).collect();
    vec![
        full_name(tenant, &topic.name),
        topic.partitions.to_string(),
        show_time(topic.created_ms),
        set.join(" "),
        topic.id.to_string(),
    ]
}

/// A topic for programs.
pub(super) fn json(tenant: Option<&TenantName>, topic: &Topic) -> Value {
    json!({
        "tenant": tenant.map(TenantName::as_str),
        "name": topic.name,
        "id": topic.id,
        "partitions": topic.partitions,
        "created_at": show_time(topic.created_ms),
        "config": config_json(&topic.config),
    })
}

fn config_json(entries: &[ConfigEntry]) -> Value {
    let json =
        |entry: &ConfigEntry| json!({"name": entry.name, "value": entry.value, "source": source(entry)});
    entries.iter().map(json).collect()
}

fn config_section(entries: &[ConfigEntry]) -> Section {
    const COLUMNS: &[Column] = &[Column::text("PROPERTY"), Column::text("VALUE"), Column::text("SOURCE")];
    let rows = entries
        .iter()
        .map(|entry| {
            let value = properties::show(&entry.name, &entry.value);
            vec![entry.name.clone(), value, source(entry).to_owned()]
        })
        .collect();
    Section::Rows { columns: COLUMNS, rows }
}

fn source(entry: &ConfigEntry) -> &'static str {
    match entry.source() {
        ConfigSource::Topic => "topic",
        ConfigSource::Tenant => "tenant",
        ConfigSource::Server => "server",
        ConfigSource::Default => "default",
        ConfigSource::Unspecified => "unknown",
    }
}

/// Records by offsets; gaps, if there are any, count too.
fn records(partition: &Partition) -> u64 {
    partition.end_offset.saturating_sub(partition.start_offset)
}
