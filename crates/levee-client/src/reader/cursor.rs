//! Where a reader is in each of its partitions, and what a batch that arrives means for it. No I/O.
//!
//! Must hold: of each partition, the records from the first place on are handed out once and in order,
//! whatever happens to the connection: the next offset to read moves only when a batch is handed out.

use crate::error::Error;
use crate::position::{Position, StartAt};
use crate::record::{ReadBatch, Record};
use levee_proto::{batch, v1};
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;

/// One partition.
struct Place {
    topic: Arc<str>,
    partition: u32,
    /// The next offset once it is known; before that what was asked for. Resolved once, so that "end" and
    /// "start" mean what they meant when the reader was made.
    from: StartAt,
    /// Where reading ends, for a reader that stops.
    end: Option<u64>,
}

impl Place {
    fn is_finished(&self) -> bool {
        matches!((self.from, self.end), (StartAt::Offset(next), Some(end)) if next >= end)
    }
}

/// All partitions of a reader.
pub(super) struct Cursor {
    places: Vec<Place>,
    stop_at_end: bool,
    /// The places that the stream has, in its order.
    streamed: Vec<usize>,
}

impl Cursor {
    pub(super) fn new(positions: Vec<Position>, stop_at_end: bool) -> Self {
        let place =
            |Position { topic, partition, from }| Place { topic: topic.into(), partition, from, end: None };
        Self { places: positions.into_iter().map(place).collect(), stop_at_end, streamed: Vec::new() }
    }

    /// Everything up to the end is handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.stop_at_end && self.places.iter().all(Place::is_finished)
    }

    /// What a new stream begins with.
    pub(super) fn start(&mut self, credit_bytes: u64) -> v1::ReadStart {
        self.streamed = (0..self.places.len()).filter(|at| !self.places[*at].is_finished()).collect();
        let position = |at: &usize| {
            let Place { topic, partition, from, .. } = &self.places[*at];
            Position { topic: topic.to_string(), partition: *partition, from: *from }.to_message()
        };
        let positions = self.streamed.iter().map(position).collect();
        v1::ReadStart { positions, credit_bytes, stop_at_end: self.stop_at_end }
    }

    /// The broker found the places of the stream.
    ///
    /// # Errors
    /// They are not as many as were asked for.
    pub(super) fn started(&mut self, started: &v1::ReadStarted) -> Result<(), Error> {
        if started.positions.len() != self.streamed.len() {
            return Err(Error::protocol("the broker resolved another number of positions"));
        }
        for (at, resolved) in self.streamed.iter().zip(&started.positions) {
            let place = &mut self.places[*at];
            place.from = StartAt::Offset(resolved.offset);
            if self.stop_at_end {
                place.end.get_or_insert(resolved.end_offset);
            }
        }
        Ok(())
    }

    /// Opens a batch. None if it has nothing that is still to be read.
    ///
    /// # Errors
    /// The batch is damaged, or not what was asked for.
    pub(super) fn open(&mut self, stored: &v1::StoredBatch) -> Result<Option<ReadBatch>, Error> {
        let at = self.streamed.get(stored.position as usize).copied();
        let place = at.map(|at| &mut self.places[at]);
        let Some((place, next)) = place.and_then(|place| match place.from {
            StartAt::Offset(next) => Some((place, next)),
            _ => None,
        }) else {
            return Err(Error::protocol("the broker sent a batch of a position that is not read"));
        };
        let after = stored.base_offset.saturating_add(u64::from(stored.record_count));
        if after <= next || place.end.is_some_and(|end| stored.base_offset >= end) {
            return Ok(None);
        }
        let mut records = verified(stored).map_err(|mut error| {
            error.message = format!(
                "{}/{} at offset {}: {}",
                place.topic, place.partition, stored.base_offset, error.message
            );
            error
        })?;
        let skipped = next.saturating_sub(stored.base_offset);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX).min(records.len());
        records.drain(..skipped);
        place.from = StartAt::Offset(after);
        Ok(Some(ReadBatch {
            topic: Arc::clone(&place.topic),
            partition: place.partition,
            base_offset: stored.base_offset.max(next),
            end_offset: stored.end_offset,
            append_time_ms: stored.append_time_ms,
            records: records.into_iter().map(Record::from_message).collect(),
            bytes: stored.batch.len(),
        }))
    }
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

#[cfg(test)]
mod tests;
