//! Groups for people and for programs.

use crate::address::{GroupAddress, full_name};
use crate::output::{Column, Section, View};
use crate::units::show_time;
use levee_client::v1::{GetGroupResponse, Group, GroupKind, GroupMember, GroupPartition, SoughtPartition};
use levee_types::TenantName;
use serde_json::{Value, json};

/// A group as a row of a list: name, kind, members, creation.
pub(super) fn row(tenant: Option<&TenantName>, group: &Group) -> Vec<String> {
    vec![
        full_name(tenant, &group.name),
        kind(group).to_owned(),
        group.members.to_string(),
        show_time(group.created_ms),
    ]
}

/// A group for programs.
pub(super) fn json(tenant: Option<&TenantName>, group: &Group) -> Value {
    json!({
        "tenant": tenant.map(TenantName::as_str),
        "name": group.name,
        "kind": kind(group),
        "members": group.members,
        "created_at": show_time(group.created_ms),
    })
}

/// A group with its members and partitions.
pub(super) fn describe(address: &GroupAddress, response: &GetGroupResponse) -> View {
    let group = response.group.clone().unwrap_or_default();
    let lag: u64 = response.partitions.iter().map(|partition| partition.lag).sum();
    let fields = vec![
        ("Group", address.to_string()),
        ("Kind", kind(&group).to_owned()),
        ("Created", show_time(group.created_ms)),
        ("Members", group.members.to_string()),
        ("Generation", response.generation.to_string()),
        ("Lag", lag.to_string()),
    ];
    let members = response.members.iter().map(|member| {
        json!({
            "member_id": member_id(member.member_id),
            "instance": Some(&member.instance).filter(|instance| !instance.is_empty()),
            "user": member.user,
            "joined_at": show_time(member.joined_ms),
            "assigned": member.assigned,
            "away": member.away,
        })
    });
    let partitions = response.partitions.iter().map(|partition| {
        json!({
            "topic": partition.topic,
            "partition": partition.partition,
            "committed_offset": partition.committed_offset,
            "committed_at": committed_at(partition),
            "start_offset": partition.start_offset,
            "end_offset": partition.end_offset,
            "lag": partition.lag,
            "member_id": partition.member_id.map(member_id),
            "leased": partition.leased,
        })
    });
    View::of("group", json(address.tenant.as_ref(), &group))
        .with("generation", json!(response.generation))
        .with("lag", json!(lag))
        .with("members", members.collect())
        .with("partitions", partitions.collect())
        .named([address.to_string()])
        .section(Section::Fields(fields))
        .section(members_section(&response.members))
        .section(partitions_section(&response.partitions, group.kind()))
}

/// Where a group went on in a topic, and where it does.
pub(super) fn sought(partitions: &[SoughtPartition]) -> View {
    const COLUMNS: &[Column] = &[Column::number("PARTITION"), Column::number("FROM"), Column::number("TO")];
    let rows = partitions.iter().map(|sought| {
        vec![sought.partition.to_string(), offset(sought.from_offset), sought.to_offset.to_string()]
    });
    let json = partitions.iter().map(|sought| {
        json!({
            "partition": sought.partition,
            "from_offset": sought.from_offset,
            "to_offset": sought.to_offset,
        })
    });
    View::of("partitions", json.collect()).section(Section::Rows { columns: COLUMNS, rows: rows.collect() })
}

fn members_section(members: &[GroupMember]) -> Section {
    const COLUMNS: &[Column] = &[
        Column::text("MEMBER"),
        Column::text("INSTANCE"),
        Column::text("USER"),
        Column::number("ASSIGNED"),
        Column::text("STATE"),
        Column::text("JOINED").wide(),
    ];
    let row = |member: &GroupMember| {
        vec![
            member_id(member.member_id),
            member.instance.clone(),
            member.user.clone(),
            member.assigned.to_string(),
            if member.away { "away" } else { "here" }.to_owned(),
            show_time(member.joined_ms),
        ]
    };
    Section::Rows { columns: COLUMNS, rows: members.iter().map(row).collect() }
}

fn partitions_section(partitions: &[GroupPartition], kind: GroupKind) -> Section {
    const CONSUMERS: &[Column] = &[
        Column::text("TOPIC"),
        Column::number("PARTITION"),
        Column::number("COMMITTED"),
        Column::number("END"),
        Column::number("LAG"),
        Column::text("MEMBER"),
        Column::number("START").wide(),
        Column::text("COMMITTED AT").wide(),
    ];
    const QUEUE: &[Column] = &[
        Column::text("TOPIC"),
        Column::number("PARTITION"),
        Column::number("COMMITTED"),
        Column::number("END"),
        Column::number("LAG"),
        Column::number("LEASED"),
        Column::number("START").wide(),
        Column::text("COMMITTED AT").wide(),
    ];
    let is_queue = kind == GroupKind::Queue;
    let row = |partition: &GroupPartition| {
        let who = partition.member_id.map(member_id).unwrap_or_default();
        vec![
            partition.topic.clone(),
            partition.partition.to_string(),
            offset(partition.committed_offset),
            partition.end_offset.to_string(),
            partition.lag.to_string(),
            if is_queue { partition.leased.to_string() } else { who },
            partition.start_offset.to_string(),
            committed_at(partition).unwrap_or_default(),
        ]
    };
    let columns = if is_queue { QUEUE } else { CONSUMERS };
    Section::Rows { columns, rows: partitions.iter().map(row).collect() }
}

fn kind(group: &Group) -> &'static str {
    match group.kind() {
        GroupKind::Consumers => "consumers",
        GroupKind::Queue => "queue",
        GroupKind::Unspecified => "unknown",
    }
}

/// Random and large: no number for programs.
fn member_id(id: u64) -> String {
    format!("{id:016x}")
}

fn committed_at(partition: &GroupPartition) -> Option<String> {
    partition.committed_offset.map(|_| show_time(partition.committed_ms))
}

fn offset(offset: Option<u64>) -> String {
    offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string())
}

#[cfg(test)]
mod tests;
