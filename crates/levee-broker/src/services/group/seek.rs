//! Setting where a group goes on.

use crate::authorize::{InTenant, Permit};
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::fields::invalid;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_storage::{Shard, StorageError, Topic};
use levee_types::limits::MAX_PARTITIONS_PER_TOPIC;
use levee_types::{ErrorCode, GroupId, LeveeError, PartitionId, TopicName};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is to be set.
pub(super) struct Asked {
    pub(super) topic: Arc<Topic>,
    /// In order.
    partitions: Vec<PartitionId>,
    to: To,
}

#[derive(Clone, Copy)]
enum To {
    Start,
    End,
    Offset(u64),
    TimestampMs(i64),
}

/// One partition that is set.
pub(super) struct Sought {
    pub(super) partition: PartitionId,
    from: Option<u64>,
    pub(super) to: u64,
}

impl Sought {
    pub(super) fn to_proto(&self) -> v1::SoughtPartition {
        let Self { partition, from, to } = self;
        v1::SoughtPartition { partition: partition.partition, from_offset: *from, to_offset: *to }
    }
}

/// Checks what is asked for, and finds the topic, which the caller may describe.
///
/// # Errors
/// Names the field that is wrong; NOT_FOUND for a topic or a partition.
pub(super) fn check(
    permit: &Permit<InTenant>,
    topic: &TopicName,
    partitions: &[u32],
    to: Option<v1::OffsetSpec>,
) -> Result<Asked, LeveeError> {
    let to = place(to)?;
    if partitions.len() > MAX_PARTITIONS_PER_TOPIC as usize {
        let problem =
            format!("there are {}; a topic has at most {MAX_PARTITIONS_PER_TOPIC}", partitions.len());
        return Err(invalid("partitions", problem, "name each once, or none for all"));
    }
    let topic = permit.shard().topic(permit.tenant(), topic)?.ok_or_else(|| {
        LeveeError::new(ErrorCode::NotFound, format!("there is no topic {:?}", topic.as_str()))
            .with_hint(format!("see those that there are with: levee topic ls {}", permit.tenant_name()))
    })?;
    let partitions = match partitions.is_empty() {
        true => (0..topic.partitions).collect::<BTreeSet<_>>(),
        false => {
            let mut each = BTreeSet::new();
            if let Some(twice) = partitions.iter().find(|partition| !each.insert(**partition)) {
                let problem = format!("{twice} is named twice");
                return Err(invalid("partitions", problem, "name each once, or none for all"));
            }
            each
        }
    };
    let partitions = partitions.into_iter().map(|partition| permit.partition(&topic, partition));
    let partitions = partitions.collect::<Result<_, _>>()?;
    Ok(Asked { topic, partitions, to })
}

fn place(to: Option<v1::OffsetSpec>) -> Result<To, LeveeError> {
    let hint = "give an offset, a timestamp, 1 for the start or 2 for the end of the log";
    match to.and_then(|to| to.spec) {
        Some(Spec::Offset(offset)) => Ok(To::Offset(offset)),
        Some(Spec::TimestampMs(timestamp_ms)) => Ok(To::TimestampMs(timestamp_ms)),
        Some(Spec::Edge(edge)) => match v1::OffsetEdge::try_from(edge) {
            Ok(v1::OffsetEdge::Start) => Ok(To::Start),
            Ok(v1::OffsetEdge::End) => Ok(To::End),
            Ok(v1::OffsetEdge::Unspecified) | Err(_) => {
                Err(invalid("to.edge", format!("{edge} is neither start nor end"), hint))
            }
        },
        None => Err(invalid("to", "it is missing", hint)),
    }
}

/// From where to where each partition would be set.
///
/// # Errors
/// `OFFSET_OUT_OF_RANGE` names the partition whose log does not have the offset.
pub(super) async fn find(
    permit: &Permit<InTenant>,
    blocking: &Blocking,
    group: GroupId,
    asked: &Asked,
) -> Result<Vec<Sought>, LeveeError> {
    let Asked { partitions, to, .. } = asked;
    let progress = permit.shard().progress_in_turn(permit.tenant(), group, partitions.clone()).await?;
    let (shard, turn) = (permit.shard().clone(), permit.turn(partitions.len() * LOOKUP_BYTES));
    let (partitions, to) = (partitions.clone(), *to);
    let find = move || {
        let each = partitions.into_iter().zip(progress);
        each.map(|(partition, progress)| {
            let from = progress.map(|progress| progress.offset);
            let to = resolve(&shard, partition, to).map_err(|error| in_partition(partition, error))?;
            Ok(Sought { partition, from, to })
        })
        .collect::<Result<Vec<_>, LeveeError>>()
    };
    blocking.run(turn, find).await
}

fn resolve(shard: &Shard, partition: PartitionId, to: To) -> Result<u64, StorageError> {
    let log = shard.offsets(partition)?;
    let (start, end) = (log.start, log.end);
    match to {
        To::Start => Ok(start),
        To::End => Ok(end),
        To::TimestampMs(time) => Ok(shard.offset_at(partition, time)?.clamp(start, end)),
        To::Offset(offset) if (start..=end).contains(&offset) => Ok(offset),
        To::Offset(offset) => Err(StorageError::OffsetOutOfRange { offset, start, end }),
    }
}

fn in_partition(partition: PartitionId, error: StorageError) -> LeveeError {
    let mut error = LeveeError::from(error);
    error.message = format!("partition {}: {}", partition.partition, error.message);
    error
}
