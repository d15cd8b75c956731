//! Finding the places in logs that a client names.

use crate::authorize::{InTenant, Permit};
use crate::fields::invalid;
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_storage::{PartitionOffsets, StorageError, Topic};
use levee_types::limits::MAX_READ_POSITIONS;
use levee_types::{LeveeError, PartitionId};
use std::collections::HashSet;
use std::sync::Arc;

/// Places as a client named them, no more than are looked for.
#[derive(Debug)]
pub(super) struct Named(Vec<v1::ReadPosition>);

impl Named {
    /// Checks their number: before anything waits, because what waits is held in memory.
    ///
    /// # Errors
    /// There are none, or too many.
    pub(super) fn new(positions: Vec<v1::ReadPosition>) -> Result<Self, LeveeError> {
        if (1..=MAX_READ_POSITIONS).contains(&positions.len()) {
            return Ok(Self(positions));
        }
        let problem = format!("there are {}; it takes 1 to {MAX_READ_POSITIONS}", positions.len());
        Err(invalid("positions", problem, "ask for them in several requests"))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A place in a log.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) topic: Arc<Topic>,
    pub(super) partition: PartitionId,
    /// What was asked for.
    pub(super) offset: u64,
    /// The log.
    pub(super) log: PartitionOffsets,
}

impl Resolved {
    pub(super) fn to_proto(&self) -> v1::ResolvedPosition {
        let PartitionOffsets { start, end, .. } = self.log;
        v1::ResolvedPosition { offset: self.offset, start_offset: start, end_offset: end }
    }
}

/// Finds every place, in their order. May block.
///
/// # Errors
/// Names the first position and the field that is wrong.
pub(super) fn resolve(permit: &Permit<InTenant>, positions: Named) -> Result<Vec<Resolved>, LeveeError> {
    positions
        .0
        .into_iter()
        .enumerate()
        .map(|(index, position)| find(permit, position).map_err(|error| in_position(index, error)))
        .collect()
}

/// Says which position an error is about.
pub(super) fn in_position(index: usize, mut error: LeveeError) -> LeveeError {
    error.message = format!("positions[{index}]: {}", error.message);
    error
}

fn find(permit: &Permit<InTenant>, position: v1::ReadPosition) -> Result<Resolved, LeveeError> {
    let v1::ReadPosition { topic, partition, from } = position;
    let topic = permit.topic("topic", &topic)?;
    let partition = permit.partition(&topic, partition)?;
    let spec = from
        .and_then(|from| from.spec)
        .ok_or_else(|| invalid("from", "it is missing", "give an offset, a timestamp or an edge"))?;
    let log = permit.shard().offsets(partition)?;
    let offset = match spec {
        Spec::Offset(offset) => offset,
        Spec::TimestampMs(timestamp_ms) => permit.shard().offset_at(partition, timestamp_ms)?,
        Spec::Edge(edge) => match v1::OffsetEdge::try_from(edge) {
            Ok(v1::OffsetEdge::Start) => log.start,
            Ok(v1::OffsetEdge::End) => log.end,
            Ok(v1::OffsetEdge::Unspecified) | Err(_) => {
                let problem = format!("{edge} is neither start nor end");
                return Err(invalid(
                    "from.edge",
                    problem,
                    "give 1 for the start or 2 for the end of the log",
                ));
            }
        },
    };
    // The log may have grown, or lost its oldest records, since it was looked at: then this is checked
    // again with the first fetch.
    if matches!(spec, Spec::Offset(_)) && !(log.start..=log.end).contains(&offset) {
        return Err(StorageError::OffsetOutOfRange { offset, start: log.start, end: log.end }.into());
    }
    Ok(Resolved { topic, partition, offset, log })
}

/// Each position is told of every growth of its partition: once is enough for a stream.
pub(super) fn refuse_repeated(positions: &[Resolved]) -> Result<(), LeveeError> {
    let mut seen = HashSet::with_capacity(positions.len());
    match positions.iter().position(|position| !seen.insert(position.partition)) {
        Some(index) => {
            let hint = "name each partition once, or open another stream";
            Err(in_position(index, invalid("partition", "it is in the stream already", hint)))
        }
        None => Ok(()),
    }
}
