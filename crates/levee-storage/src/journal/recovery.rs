//! Opening a journal: replay from a checkpoint, and the decision where it ends.
//!
//! A bad entry is a torn tail, which is cut off, unless something proves that it was durable: the
//! watermark, the checkpoint, a later entry that was written after its sync, or a later segment. Then it
//! is damage, and the journal does not open.

mod chain;
mod cut;
mod scan;

pub(crate) use cut::cut;

use super::format::{ENTRY_HEADER, FORMAT};
use super::watermark::Watermark;
use super::{Journal, Written};
use crate::operation::Operation;
use crate::rows::{Checkpoint, SegmentsRow};
use crate::segments::{SegmentStore, is_full};
use bytes::Bytes;
use chain::{Chain, has_entries};
use scan::{Found, READ_AHEAD, Scan};
use std::io;
use std::sync::Arc;

/// Why a journal does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalDamage {
    /// The medium cannot be read or prepared.
    #[error("the journal cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A segment that must exist is not there.
    #[error("journal segment {segment} is missing")]
    Missing {
        /// Its id.
        segment: u64,
    },
    /// A segment is not there that only the rows of an index can do without, and there is none, or one from before.
    #[error(
        "journal segment {segment} is not there. Segments are deleted when nothing but the index needs them, and {why}: \
         put back the directory index as it was last, or restore a backup with: leveed restore"
    )]
    IndexNeeded {
        /// Its id.
        segment: u64,
        /// What tells so.
        why: &'static str,
    },
    /// A segment was written by another version.
    #[error("journal segment {segment} has format {format}; this version reads format {FORMAT}")]
    Format {
        /// Its id.
        segment: u64,
        /// Its format.
        format: u32,
    },
    /// A segment belongs to another data directory.
    #[error("journal segment {segment} belongs to another data directory")]
    Foreign {
        /// Its id.
        segment: u64,
    },
    /// Bytes that were durable are not what was written, or are not there.
    #[error(
        "journal segment {segment} is damaged or older than it was: there is no entry {sequence} at byte \
         {position}, but {evidence}"
    )]
    Lost {
        /// Its id.
        segment: u64,
        /// Where the entry should be, in bytes.
        position: u64,
        /// The sequence of the entry.
        sequence: u64,
        /// What proves that it was there.
        evidence: String,
    },
}

/// An entry found at opening, behind the checkpoint.
#[derive(Debug)]
pub struct ReplayedEntry {
    /// Where it is.
    pub written: Written,
    /// What it does.
    pub operations: Vec<Operation>,
    /// The keys of its batches of tables, in their order.
    pub keys: Vec<Bytes>,
    /// Its bytes.
    pub size: u64,
    /// Something proves that it is durable already: its segment has a successor, or the watermark.
    pub is_durable: bool,
}

impl<S: SegmentStore> Journal<S> {
    /// Opens a journal and hands every entry behind `checkpoint` to `apply`, in order. What is torn at
    /// the end is cut off. Everything that was replayed is durable afterwards.
    ///
    /// # Errors
    /// See [`JournalDamage`]. `E` is the error of `apply`.
    pub fn open<E: From<JournalDamage>>(
        store: Arc<S>,
        id: [u8; 16],
        segment_bytes: u64,
        checkpoint: Option<Checkpoint>,
        mut apply: impl FnMut(ReplayedEntry) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut chain = Chain::load(&*store, id, checkpoint)?;
        let watermark = Watermark::read(&*store).map_err(JournalDamage::from)?;
        let mut scan = Scan::start(&*store, &chain, checkpoint)?;
        // Where the first entry begins that nothing says is durable.
        let mut unproven = None;
        loop {
            match scan.next()? {
                Found::Entry(mut entry) => {
                    let at = entry.written.at;
                    entry.is_durable = at.segment < chain.last || at.sequence <= watermark.sequence();
                    if !entry.is_durable {
                        unproven.get_or_insert(at.position);
                    }
                    apply(entry)?;
                }
                Found::Seal if scan.segment < chain.last => scan.enter(scan.segment + 1)?,
                Found::Seal => {
                    // The process died between sealing this segment and cutting it to its length.
                    let next =
                        chain.unused.take().ok_or(JournalDamage::Missing { segment: chain.last + 1 })?.id;
                    let end = scan.position + ENTRY_HEADER as u64;
                    rewrite(&*store, chain.last, scan.position, end).map_err(JournalDamage::from)?;
                    store.resize(chain.last, end).map_err(JournalDamage::from)?;
                    chain.sealed.insert(chain.last, end);
                    chain.last = next;
                    scan.enter(next)?;
                }
                Found::Nothing if scan.segment < chain.last => {
                    return Err(scan.lost(format!("segment {} follows", scan.segment + 1)).into());
                }
                Found::Nothing => break,
            }
        }
        scan.refuse_if_durable(watermark.sequence())?;

        if let Some(unused) = chain.unused {
            // It was made when everything before it was durable.
            if unused.first_sequence.is_some_and(|first| first > scan.sequence) {
                return Err(scan.lost(format!("segment {} begins behind it", unused.id)).into());
            }
            store.remove(unused.id).map_err(JournalDamage::from)?;
        }
        let mut journal = Self {
            id,
            segment_bytes,
            segment: chain.last,
            position: scan.position,
            capacity: scan.length.max(segment_bytes),
            zeros_end: scan.position,
            was_small: false,
            next_sequence: scan.sequence,
            previous_crc: scan.crc,
            durable: scan.sequence - 1,
            watermark,
            sealed_bytes: chain.sealed.values().sum(),
            sealed: chain.sealed,
            scratch: Vec::new(),
            store,
        };
        journal.cut_tail(unproven).map_err(JournalDamage::from)?;
        Ok(journal)
    }

    /// Compares the segments that there are with those that are deleted. Gives those that are there all the same,
    /// because the process died before they were removed.
    ///
    /// # Errors
    /// `Missing`.
    pub(crate) fn leftovers(&self, deleted: &SegmentsRow) -> Result<Vec<u64>, JournalDamage> {
        let mut missing = (deleted.first.max(1)..self.segment)
            .filter(|id| !deleted.contains(*id) && !self.sealed.contains_key(id));
        if let Some(segment) = missing.next() {
            return Err(JournalDamage::Missing { segment });
        }
        Ok(self.sealed.keys().copied().filter(|id| deleted.contains(*id)).collect())
    }

    /// Removes segments that are deleted.
    pub(crate) fn remove(&mut self, ids: &[u64]) -> io::Result<()> {
        self.forget(ids);
        ids.iter().try_for_each(|id| self.store.remove(*id))
    }

    /// Whether something was written to a segment, damaged or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn has_entries(store: &S, id: u64) -> io::Result<bool> {
        has_entries(store, id)
    }

    /// Makes everything behind the last entry zeros again, and everything before it durable. `unproven`:
    /// where the first entry begins that nothing proves to be durable.
    fn cut_tail(&mut self, unproven: Option<u64>) -> io::Result<()> {
        rewrite(&*self.store, self.segment, unproven.unwrap_or(self.position), self.position)?;
        self.store.resize(self.segment, self.position)?;
        if let Err(error) = self.store.resize(self.segment, self.capacity) {
            if !is_full(&error) {
                return Err(error);
            }
            // No room now: readable, and the next entry asks for a new segment.
            self.capacity = self.position;
        }
        self.watermark.raise(&*self.store, self.durable)
    }
}

/// Makes durable what was read of a segment.
///
/// It may be there only until the memory of the system is needed for something else: after a failed sync
/// Linux takes pages for clean that are not on the disk, and the next sync would do nothing. So it is
/// written again.
fn rewrite(store: &impl SegmentStore, segment: u64, mut from: u64, to: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    while from < to {
        let length = (to - from).min(READ_AHEAD);
        bytes.clear();
        store.read(segment, from, usize::try_from(length).map_err(io::Error::other)?, &mut bytes)?;
        store.write(segment, from, &[&bytes])?;
        from += length;
    }
    store.sync(segment)
}
