//! Where a reader is in each of its partitions, and what a batch that arrives means for it. No I/O.
//!
//! Must hold: of each partition, the records from the first place on are handed out once and in order,
//! whatever happens to the connection: the next offset to read moves only when a batch is handed out.

use crate::error::Error;
use crate::position::{Position, StartAt};
use crate::record::ReadBatch;
use crate::stored;
use levee_proto::v1;
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
        let after = stored::behind(stored);
        if after <= next || place.end.is_some_and(|end| stored.base_offset >= end) {
            return Ok(None);
        }
        let batch = stored::open(stored, &place.topic, place.partition, next)?;
        place.from = StartAt::Offset(after);
        Ok(batch)
    }

    /// The broker ended the stream. False: it had no reason to, as it has when a reader that stops was sent everything.
    /// Then there is nothing between the last record and the end, where compaction may leave a gap.
    pub(super) fn ended(&mut self) -> bool {
        for at in &self.streamed {
            let place = &mut self.places[*at];
            if let (StartAt::Offset(next), Some(end)) = (place.from, place.end) {
                place.from = StartAt::Offset(next.max(end));
            }
        }
        self.stop_at_end
    }
}

#[cfg(test)]
mod tests;
