//! Groups in an export, and how far they have come.

use super::convert::AS_IT_IS;
use crate::fields::{group_name, invalid, topic_name};
use crate::services::queue::settings;
use levee_proto::v1;
use levee_storage::{Group, ImportedGroup, ImportedProgress, Progress};
use levee_types::LeveeError;
use levee_types::group::{Ahead, AheadState, GroupKind};

pub(super) fn group_to_proto(group: &Group) -> v1::ExportedGroup {
    let queue = match &group.kind {
        GroupKind::Consumers => None,
        GroupKind::Queue(settings) => Some(settings::to_proto(settings)),
    };
    v1::ExportedGroup { name: group.name.to_string(), created_ms: group.created_ms, queue }
}

pub(super) fn progress_to_proto(topic: &str, partition: u32, progress: &Progress) -> v1::ExportedProgress {
    let run = |run: &Ahead| v1::ExportedRun {
        offset: run.first,
        records: run.records,
        deliveries: match run.state {
            AheadState::Done => 0,
            AheadState::Delivered(deliveries) => deliveries,
        },
    };
    v1::ExportedProgress {
        topic: topic.to_owned(),
        partition,
        offset: progress.offset,
        committed_ms: progress.committed_ms,
        ahead: progress.ahead.iter().map(run).collect(),
    }
}

/// A group of which nothing is known yet of how far it has come.
pub(super) fn group(group: v1::ExportedGroup) -> Result<ImportedGroup, LeveeError> {
    let v1::ExportedGroup { name, created_ms, queue } = group;
    let kind = match queue {
        None => GroupKind::Consumers,
        Some(settings) => GroupKind::Queue(settings::from_proto(settings)?),
    };
    Ok(ImportedGroup { name: group_name("group.name", &name)?, kind, created_ms, progress: Vec::new() })
}

pub(super) fn progress(progress: v1::ExportedProgress) -> Result<ImportedProgress, LeveeError> {
    let v1::ExportedProgress { topic, partition, offset, committed_ms, ahead } = progress;
    let mut runs = Vec::with_capacity(ahead.len());
    let mut end = offset;
    for v1::ExportedRun { offset, records, deliveries } in ahead {
        let next = offset.checked_add(records).filter(|_| offset >= end && records > 0);
        end = next.ok_or_else(|| invalid("progress.ahead", "it is not in order", AS_IT_IS))?;
        let state = if deliveries == 0 { AheadState::Done } else { AheadState::Delivered(deliveries) };
        runs.push(Ahead { first: offset, records, state });
    }
    let topic = topic_name("progress.topic", &topic)?;
    Ok(ImportedProgress { topic, partition, progress: Progress { offset, committed_ms, ahead: runs } })
}
