//! The journal: an append-only run of segments that all tenants share, and the truth of a shard.
//!
//! Must hold: an entry that was synced is found again or its loss is reported, never passed over; what
//! follows the last durable entry may be torn and is cut off; after a failed write or sync nothing is
//! written any more. A segment that nothing needs may go, and leaves a hole: which ones did, the index knows.

mod format;
mod recovery;
mod survey;
mod watermark;

pub use crate::rows::Checkpoint;
pub(crate) use recovery::cut;
pub use recovery::{JournalDamage, ReplayedEntry};
pub(crate) use survey::tenants_of;

use crate::operation::Operation;
use crate::segments::{SegmentStore, is_full};
use bytes::Bytes;
use format::{ENTRY_HEADER, EntryHeader, Kind, SEGMENT_HEADER, Seed, SegmentHeader, padding, payload_of};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use watermark::Watermark;

/// An entry to be written: operations that happen together.
#[derive(Debug, Default)]
pub struct Entry {
    /// What it does.
    pub operations: Vec<Operation>,
    /// Of its operations that have a part of it, in their order.
    pub payload: Vec<Bytes>,
}

impl Entry {
    /// The keys of its batches of tables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Bytes> {
        let parts = self.operations.iter().filter(|operation| payload_of(operation).is_some());
        let of_keys = |(operation, part)| matches!(operation, &Operation::SetKeys(_)).then_some(part);
        parts.zip(&self.payload).filter_map(of_keys)
    }
}

/// Where an entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its place, sequence and checksum.
    pub at: Checkpoint,
    /// Where its payload begins in the segment.
    pub payload: u64,
}

/// Why the journal takes no more entries.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no room for another segment; nothing was written.
    #[error("the disk is full: {0}")]
    Full(#[source] io::Error),
    /// A write or sync failed; what is stored of the last entries is unknown.
    #[error("{what} of journal segment {segment} failed: {source}")]
    Failed {
        /// The call that failed.
        what: &'static str,
        /// Where.
        segment: u64,
        /// How.
        source: io::Error,
    },
    /// The entries are larger than a segment.
    #[error("entries of {size} bytes do not fit into a segment of {capacity} bytes")]
    TooLarge {
        /// Their bytes.
        size: u64,
        /// Bytes of an empty segment.
        capacity: u64,
    },
}

/// A small write takes zeros along, up to a multiple of this many bytes. To make a block durable that was
/// allocated and never written, a file system must commit its own log too; blocks that hold zeros already
/// cost only themselves. So of the syncs of small groups one in many pays for that, and not nearly all.
const ZEROS_AHEAD: usize = 256 * 1024;
/// Groups of this many bytes and more that follow each other write no zeros, which would be written for nothing: such
/// groups fill the blocks themselves.
const SMALL_GROUP: u64 = 16 * 1024;
/// Where small groups and large ones come by turns, there are so many zeros for the small ones between two large ones,
/// which would write over more. The large one takes them along: it has to pay for the file system's log anyway.
const ZEROS_BETWEEN: u64 = 32 * 1024;
/// A block of the file system, at most, usually.
const BLOCK: u64 = 4 * 1024;
static ZEROS: [u8; ZEROS_AHEAD] = [0; ZEROS_AHEAD];

/// The writing end of a journal.
pub struct Journal<S> {
    store: Arc<S>,
    id: [u8; 16],
    /// Capacity of the segments to come.
    segment_bytes: u64,
    segment: u64,
    /// Where the next entry begins in the last segment.
    position: u64,
    capacity: u64,
    /// Where the zeros end that were written ahead; at `position` or behind it.
    zeros_end: u64,
    /// The last group was a small one.
    was_small: bool,
    next_sequence: u64,
    previous_crc: u32,
    durable: u64,
    watermark: Watermark,
    /// Bytes of each segment but the last.
    sealed: BTreeMap<u64, u64>,
    /// The sum of these: it is asked for with each group.
    sealed_bytes: u64,
    /// Reused for the headers and operations of a group.
    scratch: Vec<u8>,
}

impl<S: SegmentStore> Journal<S> {
    /// Makes a new journal in an empty store.
    ///
    /// # Errors
    /// The store cannot make the first segment.
    pub fn create(store: &S, id: [u8; 16], segment_bytes: u64) -> io::Result<()> {
        let header = SegmentHeader { id: 1, journal: id, first_sequence: 1, previous_crc: 0 };
        store.create(1, segment_bytes, &header.encode())
    }

    /// Writes entries in one go, after rolling to a new segment if they do not fit. They are durable only
    /// after [`Self::sync`].
    ///
    /// # Errors
    /// See [`JournalError`]; after `Failed` the journal must be dropped.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Vec<Written>, JournalError> {
        let seed = Seed::new(self.id);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut written = Vec::with_capacity(entries.len());
        let mut ends = Vec::with_capacity(entries.len());
        let (mut sequence, mut crc, mut size) = (self.next_sequence, self.previous_crc, 0_u64);
        for entry in entries {
            let payload: usize = entry.payload.iter().map(Bytes::len).sum();
            let start = scratch.len();
            let header = EntryHeader {
                kind: Kind::Data,
                sequence,
                synced_through: self.durable,
                operations: 0,
                // A batch is limited to 1 MiB.
                payload: u32::try_from(payload).unwrap_or(u32::MAX),
                previous_crc: crc,
                crc: 0,
            };
            crc = header.encode(seed, &entry.operations, &mut scratch);
            ends.push(scratch.len());
            // Positions are relative to the group until the segment is known.
            let at = Checkpoint { segment: 0, position: size, sequence, crc };
            written.push(Written { at, payload: size + (scratch.len() - start) as u64 });
            let length = scratch.len() - start + payload;
            size += (length + padding(length)) as u64;
            sequence += 1;
        }
        if self.position + size + ENTRY_HEADER as u64 > self.capacity {
            self.roll(size)?;
        }
        for place in &mut written {
            place.at.segment = self.segment;
            place.at.position += self.position;
            place.payload += self.position;
        }
        let end = self.position + size;
        let zeros = self.zeros_behind(end, size);
        self.write(entries, &scratch, &ends, zeros)?;
        self.scratch = scratch;
        self.position = end;
        self.zeros_end = self.zeros_end.max(end + zeros.len() as u64);
        self.was_small = size < SMALL_GROUP;
        self.next_sequence = sequence;
        self.previous_crc = crc;
        Ok(written)
    }

    /// The zeros that go with a group of `size` bytes that ends at `end`.
    fn zeros_behind(&self, end: u64, size: u64) -> &'static [u8] {
        if end <= self.zeros_end {
            return &[];
        }
        let zeros_end = match (self.was_small, size < SMALL_GROUP) {
            (true, true) => end.next_multiple_of(ZEROS_AHEAD as u64),
            (false, false) => return &[],
            (true, false) | (false, true) => (end + ZEROS_BETWEEN).next_multiple_of(BLOCK),
        };
        let room = zeros_end.min(self.capacity) - end;
        // Less than ZEROS_AHEAD.
        &ZEROS[..usize::try_from(room).unwrap_or(0)]
    }

    fn write(
        &self,
        entries: &[Entry],
        headers: &[u8],
        ends: &[usize],
        zeros: &[u8],
    ) -> Result<(), JournalError> {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(entries.len() * 3 + 1);
        let mut start = 0;
        for (entry, &end) in entries.iter().zip(ends) {
            parts.push(&headers[start..end]);
            parts.extend(entry.payload.iter().map(|batch| &batch[..]));
            let length = end - start + entry.payload.iter().map(Bytes::len).sum::<usize>();
            parts.push(&ZEROS[..padding(length)]);
            start = end;
        }
        parts.push(zeros);
        self.store.write(self.segment, self.position, &parts).map_err(|error| self.failed("write", error))
    }

    /// Makes all entries durable that were written.
    ///
    /// # Errors
    /// `Failed`; the journal must be dropped.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.is_durable() {
            return Ok(());
        }
        self.store.sync(self.segment).map_err(|error| self.failed("sync", error))?;
        self.durable = self.next_sequence - 1;
        self.note_durable()
    }

    fn note_durable(&mut self) -> Result<(), JournalError> {
        let durable = self.durable;
        self.watermark.raise(&*self.store, durable).map_err(|error| self.failed("watermark", error))
    }

    /// Ends the last segment and begins another one that has room for `size` bytes.
    fn roll(&mut self, size: u64) -> Result<(), JournalError> {
        let capacity = self.segment_bytes - SEGMENT_HEADER as u64 - ENTRY_HEADER as u64;
        if size > capacity {
            return Err(JournalError::TooLarge { size, capacity });
        }
        // What was written and not synced must not depend on a segment that is not written any more.
        self.sync()?;
        let header = SegmentHeader {
            id: self.segment + 1,
            journal: self.id,
            first_sequence: self.next_sequence,
            previous_crc: self.previous_crc,
        };
        // First the successor, then the seal that says there is one: a seal without successor is a loss.
        self.store.create(header.id, self.segment_bytes, &header.encode()).map_err(|error| {
            if is_full(&error) { JournalError::Full(error) } else { self.failed("creation", error) }
        })?;
        let mut seal = Vec::with_capacity(ENTRY_HEADER);
        EntryHeader {
            kind: Kind::Seal,
            sequence: self.next_sequence,
            synced_through: self.durable,
            operations: 0,
            payload: 0,
            previous_crc: self.previous_crc,
            crc: 0,
        }
        .encode(Seed::new(self.id), &[], &mut seal);
        let end = self.position + seal.len() as u64;
        self.store
            .write(self.segment, self.position, &[&seal])
            .and_then(|()| self.store.sync(self.segment))
            .and_then(|()| self.store.resize(self.segment, end))
            .map_err(|error| self.failed("seal", error))?;
        self.sealed.insert(self.segment, end);
        self.sealed_bytes += end;
        self.segment = header.id;
        self.position = SEGMENT_HEADER as u64;
        self.zeros_end = self.position;
        self.capacity = self.segment_bytes;
        metrics::counter!("levee_journal_segments_created_total").increment(1);
        Ok(())
    }

    /// Begins another segment, if there is anything in the last one.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn end_segment(&mut self) -> Result<(), JournalError> {
        if self.position > SEGMENT_HEADER as u64 { self.roll(0) } else { Ok(()) }
    }

    /// Counts segments no more that somebody removes.
    pub(crate) fn forget(&mut self, ids: &[u64]) {
        for id in ids {
            self.sealed_bytes -= self.sealed.remove(id).unwrap_or(0);
        }
    }

    fn failed(&self, what: &'static str, source: io::Error) -> JournalError {
        JournalError::Failed { what, segment: self.segment, source }
    }

    /// Whether everything that was written is durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.durable + 1 == self.next_sequence
    }

    /// The sequence of the last durable entry; 0 before the first.
    #[must_use]
    pub fn durable_sequence(&self) -> u64 {
        self.durable
    }

    /// The last segment, and where the next entry begins in it.
    #[must_use]
    pub fn end(&self) -> (u64, u64) {
        (self.segment, self.position)
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.sealed.len() as u64 + 1
    }

    /// The segment that is written.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.segment
    }

    /// Bytes of all segments, without the unused rest of the last.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sealed_bytes + self.position
    }
}

#[cfg(test)]
mod tests;
