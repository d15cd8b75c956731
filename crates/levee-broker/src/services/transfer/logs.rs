//! The records of an export: each log up to the end that it had, a message at a time.
//!
//! Must hold: a log is told without a hole, or not at all. Every offset is covered by a batch, and meanwhile nothing is
//! compacted: so the batches are those that there were.

use super::catalog::announcement;
use super::parts::Parts;
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_storage::{LogBounds, Shard, StorageError, StoredBatch};
use levee_types::{ErrorCode, LeveeError, PartitionId};
use std::collections::VecDeque;
use std::sync::Arc;

/// Logs that are looked at for one message: each may cost a seek.
const LOGS_AT_ONCE: usize = 256;

/// A log that is to be told.
pub(super) struct Log {
    pub(super) topic: Arc<str>,
    pub(super) id: PartitionId,
    pub(super) bounds: LogBounds,
    is_announced: bool,
    /// Offset of the first record that is not told yet.
    next: u64,
}

impl Log {
    pub(super) fn new(topic: Arc<str>, id: PartitionId, bounds: LogBounds) -> Self {
        Self { topic, id, bounds, is_announced: false, next: bounds.first }
    }
}

/// Logs that are being told.
pub(super) struct Logs {
    shard: Shard,
    logs: VecDeque<Log>,
    /// A batch that was read and had no room.
    held: Option<StoredBatch>,
    counts: v1::TransferCounts,
}

impl Logs {
    /// `counts` is what is told beside.
    pub(super) fn new(shard: Shard, logs: VecDeque<Log>, counts: v1::TransferCounts) -> Self {
        Self { shard, logs, held: None, counts }
    }

    /// How much was told.
    pub(super) fn counts(&self) -> v1::TransferCounts {
        self.counts
    }

    /// The next message; none when everything is told. May block.
    pub(super) fn message(&mut self) -> Result<Option<v1::TenantParts>, LeveeError> {
        let mut parts = Parts::default();
        for _ in 0..LOGS_AT_ONCE {
            let Some(log) = self.logs.front_mut() else { break };
            if !log.is_announced {
                if parts.add(announcement(log)).is_err() {
                    break;
                }
                log.is_announced = true;
            }
            while log.next < log.bounds.end && parts.room() > 0 {
                let batches = match self.held.take() {
                    Some(batch) => vec![batch],
                    None => read(&self.shard, log, parts.room())?,
                };
                for batch in batches {
                    // What comes behind was appended since.
                    if log.next == log.bounds.end {
                        break;
                    }
                    if batch.base_offset != log.next {
                        return Err(changed(log));
                    }
                    let (end, records, bytes) = (batch.end(), batch.records, batch.bytes.len() as u64);
                    if let Err(Kind::Batch(_)) = parts.add(to_proto(&batch)) {
                        self.held = Some(batch);
                        return Ok(parts.finish());
                    }
                    log.next = end;
                    self.counts.batches += 1;
                    self.counts.records += u64::from(records);
                    self.counts.batch_bytes += bytes;
                }
            }
            if log.next < log.bounds.end {
                break;
            }
            self.logs.pop_front();
        }
        Ok(parts.finish())
    }
}

/// At least one batch.
fn read(shard: &Shard, log: &Log, room: usize) -> Result<Vec<StoredBatch>, LeveeError> {
    // The first batch is found by a record that is still in the log.
    let from = log.next.max(log.bounds.start);
    match shard.fetch(log.id, from, room) {
        Ok(fetched) if fetched.batches.is_empty() => Err(changed(log)),
        Ok(fetched) => Ok(fetched.batches),
        Err(StorageError::OffsetOutOfRange { .. }) => Err(changed(log)),
        Err(StorageError::NoTopic) => {
            let message = format!("topic {} was deleted before all of it was exported", log.topic);
            Err(LeveeError::new(ErrorCode::NotFound, message).with_hint("export the tenant again"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Records that were there at the beginning are gone.
fn changed(log: &Log) -> LeveeError {
    let message = format!(
        "partition {} of topic {} was trimmed behind offset {} before all of it was exported",
        log.id.partition, log.topic, log.next
    );
    let hint = "export the tenant again, and trim nothing meanwhile: suspending it prevents that";
    LeveeError::new(ErrorCode::OffsetOutOfRange, message).with_hint(hint)
}

fn to_proto(batch: &StoredBatch) -> Kind {
    Kind::Batch(v1::ExportedBatch {
        base_offset: batch.base_offset,
        record_count: batch.records,
        append_time_ms: batch.append_time_ms,
        batch_crc32c: batch.crc,
        batch: batch.bytes.clone(),
    })
}
