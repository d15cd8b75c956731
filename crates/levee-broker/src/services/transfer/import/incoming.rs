//! The records of an import: each log from its first batch to its end, each batch where it stood.

use super::super::convert::AS_IT_IS;
use super::super::half::Half;
use crate::codec::table_keys;
use crate::fields::{invalid, topic_name};
use bytes::Bytes;
use levee_proto::{batch, v1};
use levee_storage::{Append, LogBounds, Place, Receipt, Topic};
use levee_types::limits::{DEFAULT_PLAN_WEIGHT, MAX_IMPORT_IN_FLIGHT};
use levee_types::{Durability, ErrorCode, LeveeError, PartitionId};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a batch that waits counts for beside its bytes.
const OVERHEAD_BYTES: usize = 512;

/// What comes in.
#[derive(Default)]
pub(super) struct Incoming {
    log: Option<Log>,
    /// Batches that storage has, oldest first, with what they count for.
    in_flight: VecDeque<(Receipt<()>, usize)>,
    bytes: usize,
}

/// A log that is being filled.
struct Log {
    topic: Arc<Topic>,
    id: PartitionId,
    next: u64,
    end: u64,
}

impl Incoming {
    /// Begins a log; the one before must be full.
    pub(super) async fn begin(
        &mut self,
        half: &Half,
        partition: &v1::ExportedPartition,
    ) -> Result<(), LeveeError> {
        self.close()?;
        let v1::ExportedPartition { topic, partition, start_offset, first_offset, end_offset } = partition;
        let name = topic_name("partition.topic", topic)?;
        let known = half.shard().topic(half.id(), &name)?;
        let known = known.filter(|topic| *partition < topic.partitions).ok_or_else(|| {
            let message = format!("there is no partition {partition} of a topic {topic:?} among the topics");
            LeveeError::new(ErrorCode::NotFound, message).with_hint(AS_IT_IS)
        })?;
        let id = PartitionId { tenant: half.id(), topic: known.id, partition: *partition };
        let bounds = LogBounds { start: *start_offset, first: *first_offset, end: *end_offset };
        if bounds.start > 0 || bounds.first > 0 {
            half.shard().import_start(id, bounds).await?;
        }
        self.log = Some(Log { topic: known, id, next: bounds.first, end: bounds.end });
        Ok(())
    }

    /// Takes a batch of the log that was begun, and waits while too many are under way.
    pub(super) async fn add(&mut self, half: &Half, given: v1::ExportedBatch) -> Result<(), LeveeError> {
        let v1::ExportedBatch { base_offset, record_count, append_time_ms, batch_crc32c, batch } = given;
        let Some(log) = &mut self.log else {
            return Err(invalid("batch", "it belongs to no partition", AS_IT_IS));
        };
        // Topics may take smaller ones by now than when it was produced.
        let checked = batch::check_stored(&batch, Some(batch_crc32c))?;
        // Of a batch that was compacted there are fewer records than offsets that it covers, and perhaps none.
        let covers = checked.span.max(1) <= record_count && base_offset == log.next;
        let end = base_offset.checked_add(u64::from(record_count)).filter(|end| *end <= log.end);
        let Some(end) = end.filter(|_| covers) else {
            let problem = format!("it is not the one at offset {} of the partition", log.next);
            return Err(invalid("batch", problem, AS_IT_IS));
        };
        log.next = end;
        let append = Append {
            keys: table_keys(&log.topic, &batch)?,
            partition: log.id,
            // What was received holds the other batches of the message as well.
            batch: Bytes::copy_from_slice(&batch),
            crc: checked.crc,
            records: record_count,
            max_timestamp_ms: checked.max_timestamp_ms,
            producer: None,
            expected_offset: None,
            durability: Durability::Relaxed,
            weight: DEFAULT_PLAN_WEIGHT,
        };
        let receipt = half.shard().import_batch(append, Place { base_offset, append_time_ms }).await?;
        let bytes = batch.len() + OVERHEAD_BYTES;
        self.bytes += bytes;
        self.in_flight.push_back((receipt, bytes));
        self.wait(MAX_IMPORT_IN_FLIGHT).await
    }

    /// Ends the last log, and waits for everything.
    pub(super) async fn finish(&mut self) -> Result<(), LeveeError> {
        self.close()?;
        self.wait(0).await
    }

    fn close(&mut self) -> Result<(), LeveeError> {
        match self.log.take() {
            Some(log) if log.next != log.end => {
                let problem = format!("its batches end at offset {}, and not at {}", log.next, log.end);
                Err(invalid("partition", problem, AS_IT_IS))
            }
            _ => Ok(()),
        }
    }

    /// Waits until no more than so many bytes are under way.
    async fn wait(&mut self, bytes: usize) -> Result<(), LeveeError> {
        while self.bytes > bytes
            && let Some((receipt, of_this)) = self.in_flight.pop_front()
        {
            receipt.await?;
            self.bytes -= of_this;
        }
        Ok(())
    }
}
