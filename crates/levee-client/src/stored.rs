//! A batch as the broker sends it, and one that is handed out record by record.

use crate::error::Error;
use crate::record::{ReadBatch, ReadRecord, Record};
use levee_proto::{batch, v1};
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;
use std::vec;

/// Opens a batch of which `next` is the first offset that is still to be read, or a later batch. None: compaction left
/// nothing of it from there on.
///
/// # Errors
/// It is damaged.
pub(crate) fn open(
    stored: &v1::StoredBatch,
    topic: &Arc<str>,
    partition: u32,
    next: u64,
) -> Result<Option<ReadBatch>, Error> {
    let mut records = verified(stored).map_err(|mut error| {
        error.message = format!("{topic}/{partition} at offset {}: {}", stored.base_offset, error.message);
        error
    })?;
    let offset = |delta: u32| stored.base_offset.saturating_add(u64::from(delta));
    records.drain(..records.partition_point(|(delta, _)| offset(*delta) < next));
    let (offsets, records): (Vec<_>, Vec<_>) =
        records.into_iter().map(|(delta, record)| (offset(delta), Record::from_message(record))).unzip();
    let Some(base_offset) = offsets.first().copied() else { return Ok(None) };
    Ok(Some(ReadBatch {
        topic: Arc::clone(topic),
        partition,
        base_offset,
        offsets,
        next_offset: behind(stored),
        end_offset: stored.end_offset,
        append_time_ms: stored.append_time_ms,
        records,
        bytes: stored.batch.len(),
    }))
}

/// The offset behind a batch.
pub(crate) fn behind(stored: &v1::StoredBatch) -> u64 {
    stored.base_offset.saturating_add(u64::from(stored.record_count))
}

fn verified(stored: &v1::StoredBatch) -> Result<Vec<(u32, v1::Record)>, LeveeError> {
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
    let (last, covered) = (records.last().map(|(delta, _)| *delta), stored.record_count);
    match last {
        Some(last) if last >= covered => {
            Err(damaged(format!("batch has a record {last} offsets behind its first, and covers {covered}")))
        }
        // Compaction may leave none.
        _ => Ok(records),
    }
}

/// The rest of a batch that is handed out record by record.
pub(crate) struct Opened {
    batch: ReadBatch,
    offsets: vec::IntoIter<u64>,
    records: vec::IntoIter<Record>,
}

impl Opened {
    pub(crate) fn new(mut batch: ReadBatch) -> Self {
        let offsets = std::mem::take(&mut batch.offsets).into_iter();
        let records = std::mem::take(&mut batch.records).into_iter();
        Self { batch, offsets, records }
    }

    pub(crate) fn next(&mut self) -> Option<ReadRecord> {
        let (offset, record) = (self.offsets.next()?, self.records.next()?);
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
        let Self { batch, offsets, records } = self;
        let (offsets, records): (Vec<_>, Vec<_>) = (offsets.collect(), records.collect());
        let base_offset = *offsets.first()?;
        Some(ReadBatch { base_offset, offsets, records, ..batch })
    }
}

#[cfg(test)]
pub(crate) mod samples;
