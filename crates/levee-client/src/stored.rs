//! A batch as the broker sends it, and one that is handed out record by record.

use crate::error::Error;
use crate::record::{ReadBatch, ReadRecord, Record};
use levee_proto::{batch, v1};
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;
use std::vec;

/// Opens a batch of which `next` is the first offset that is still to be read, or a later batch.
///
/// # Errors
/// It is damaged.
pub(crate) fn open(
    stored: &v1::StoredBatch,
    topic: &Arc<str>,
    partition: u32,
    next: u64,
) -> Result<ReadBatch, Error> {
    let mut records = verified(stored).map_err(|mut error| {
        error.message = format!("{topic}/{partition} at offset {}: {}", stored.base_offset, error.message);
        error
    })?;
    let skipped = next.saturating_sub(stored.base_offset);
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX).min(records.len());
    records.drain(..skipped);
    Ok(ReadBatch {
        topic: Arc::clone(topic),
        partition,
        base_offset: stored.base_offset.max(next),
        end_offset: stored.end_offset,
        append_time_ms: stored.append_time_ms,
        records: records.into_iter().map(Record::from_message).collect(),
        bytes: stored.batch.len(),
    })
}

fn verified(stored: &v1::StoredBatch) -> Result<Vec<v1::Record>, LeveeError> {
    let damaged = |message: String| {
        LeveeError::new(ErrorCode::DataCorrupt, message)
            .with_hint("it was damaged on the way or in store: read it again")
    };
    let crc = crc32c::crc32c(&stored.batch);
    if crc != stored.batch_crc32c {
        let expected = stored.batch_crc32c;
        return Err(damaged(format!("batch has the CRC32C {crc:#010x}, not {expected:#010x}")));
    }
    let records = batch::decode(&stored.batch)?;
    if records.len() != stored.record_count as usize {
        return Err(damaged(format!("batch has {} records, not {}", records.len(), stored.record_count)));
    }
    Ok(records)
}

/// The rest of a batch that is handed out record by record.
pub(crate) struct Opened {
    batch: ReadBatch,
    records: vec::IntoIter<Record>,
}

impl Opened {
    pub(crate) fn new(mut batch: ReadBatch) -> Self {
        let records = std::mem::take(&mut batch.records).into_iter();
        Self { batch, records }
    }

    pub(crate) fn next(&mut self) -> Option<ReadRecord> {
        let record = self.records.next()?;
        let offset = self.batch.base_offset;
        self.batch.base_offset += 1;
        Some(ReadRecord {
            topic: Arc::clone(&self.batch.topic),
            partition: self.batch.partition,
            offset,
            timestamp_ms: record.timestamp_ms.unwrap_or(self.batch.append_time_ms),
            record,
        })
    }

    /// What is left, if anything is.
    pub(crate) fn rest(self) -> Option<ReadBatch> {
        let Self { batch, records } = self;
        (records.len() > 0).then(|| ReadBatch { records: records.collect(), ..batch })
    }
}

#[cfg(test)]
pub(crate) mod samples;
