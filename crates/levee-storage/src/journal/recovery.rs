//! Opening a journal: replay from a checkpoint, and the decision where it ends.
//!
//! A bad entry is a torn tail, which is cut off, unless something proves that it was durable: the
//! watermark, the checkpoint, a later entry that was written after its sync, or a later segment. Then it
//! is damage, and the journal does not open.

use super::format::{
    BadHeader, ENTRY_HEADER, ENTRY_MAGIC, EntryHeader, FORMAT, Kind, SEGMENT_HEADER, Seed, SegmentHeader,
};
use super::watermark::Watermark;
use super::{Journal, Written};
use crate::operation::Operation;
use crate::rows::Checkpoint;
use crate::segments::SegmentStore;
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
    /// Its bytes.
    pub size: u64,
    /// Its segment has a successor, so it is durable already.
    pub is_sealed: bool,
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
                    entry.is_sealed = at.segment < chain.last;
                    if at.sequence > watermark.sequence() && !entry.is_sealed {
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
                    store.resize(chain.last, end).map_err(JournalDamage::from)?;
                    chain.sealed_bytes += end;
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
            segments: chain.last - chain.first + 1,
            position: scan.position,
            capacity: scan.length.max(segment_bytes),
            next_sequence: scan.sequence,
            previous_crc: scan.crc,
            durable: scan.sequence - 1,
            watermark,
            sealed_bytes: chain.sealed_bytes,
            scratch: Vec::new(),
            store,
        };
        journal.cut_tail(unproven).map_err(JournalDamage::from)?;
        Ok(journal)
    }

    /// Whether something was written to a segment, damaged or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn has_entries(store: &S, id: u64) -> io::Result<bool> {
        has_entries(store, id)
    }

    /// Makes everything behind the last entry zeros again, and everything before it durable.
    ///
    /// What was read from `unproven` on may be there only until the memory of the system is needed for
    /// something else: after a failed sync Linux takes pages for clean that are not on the disk, and the
    /// next sync would do nothing. So it is written again.
    fn cut_tail(&mut self, unproven: Option<u64>) -> io::Result<()> {
        let mut from = unproven.unwrap_or(self.position);
        let mut bytes = Vec::new();
        while from < self.position {
            let length = (self.position - from).min(READ_AHEAD);
            bytes.clear();
            self.store.read(
                self.segment,
                from,
                usize::try_from(length).map_err(io::Error::other)?,
                &mut bytes,
            )?;
            self.store.write(self.segment, from, &[&bytes])?;
            from += length;
        }
        self.store.sync(self.segment)?;
        self.store.resize(self.segment, self.position)?;
        if let Err(error) = self.store.resize(self.segment, self.capacity) {
            if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return Err(error);
            }
            // No room now: readable, and the next entry asks for a new segment.
            self.capacity = self.position;
        }
        self.watermark.raise(&*self.store, self.durable)
    }
}

/// The segments, with their links checked.
struct Chain {
    first: u64,
    last: u64,
    /// A segment behind `last` that was made, but not yet written to when the process died.
    unused: Option<Unused>,
    sealed_bytes: u64,
    journal: [u8; 16],
}

impl Chain {
    fn load(
        store: &impl SegmentStore,
        journal: [u8; 16],
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, JournalDamage> {
        let ids = store.list()?;
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else {
            return Err(JournalDamage::Missing { segment: 1 });
        };
        let expected = 1..;
        if let Some((segment, _)) = expected.zip(&ids).find(|(expected, id)| expected != *id) {
            return Err(JournalDamage::Missing { segment });
        }
        let mut chain = Self { first, last, unused: None, sealed_bytes: 0, journal };
        for id in first..last {
            match chain.check_link(store, id)? {
                Link::Sealed(bytes) => chain.sealed_bytes += bytes,
                Link::Open { next } if id + 1 == last => {
                    chain.unused = Some(Unused { id: last, first_sequence: next });
                    chain.last = id;
                }
                Link::Open { .. } => {
                    return Err(JournalDamage::Lost {
                        segment: id,
                        position: store.length(id)?.saturating_sub(ENTRY_HEADER as u64),
                        sequence: 0,
                        evidence: format!("segment {} follows", id + 1),
                    });
                }
            }
        }
        match checkpoint {
            Some(at) if at.segment > chain.last => Err(JournalDamage::Missing { segment: at.segment }),
            _ => Ok(chain),
        }
    }

    /// How a segment ends, which has another one behind it.
    fn check_link(&self, store: &impl SegmentStore, id: u64) -> Result<Link, JournalDamage> {
        let next = read_header(store, id + 1, self.journal);
        let length = store.length(id)?;
        let mut bytes = Vec::new();
        let seal = if length >= (SEGMENT_HEADER + ENTRY_HEADER) as u64 {
            store.read(id, length - ENTRY_HEADER as u64, ENTRY_HEADER, &mut bytes)?;
            EntryHeader::peek(&bytes)
                .ok()
                .filter(|seal| seal.kind == Kind::Seal && seal.check(Seed::new(self.journal), &bytes).is_ok())
        } else {
            None
        };
        let lost = |sequence, evidence: &str| JournalDamage::Lost {
            segment: id,
            position: length.saturating_sub(ENTRY_HEADER as u64),
            sequence,
            evidence: evidence.to_owned(),
        };
        match (seal, next) {
            // Only a header that was not written yet tells of a death while the segment was made.
            (None, Err(JournalDamage::Lost { .. })) if !has_entries(store, id + 1)? => {
                Ok(Link::Open { next: None })
            }
            (Some(seal), Ok(next)) => {
                if seal.sequence == next.first_sequence && seal.previous_crc == next.previous_crc {
                    Ok(Link::Sealed(length))
                } else {
                    Err(lost(next.first_sequence, "the next segment begins elsewhere"))
                }
            }
            (_, Err(error)) => Err(error),
            (None, Ok(next)) if has_entries(store, id + 1)? => {
                Err(lost(next.first_sequence, "the next segment has entries"))
            }
            (None, Ok(next)) => Ok(Link::Open { next: Some(next.first_sequence) }),
        }
    }
}

/// Whether something was written to a segment, damaged or not.
fn has_entries(store: &impl SegmentStore, id: u64) -> io::Result<bool> {
    let mut first = Vec::new();
    match store.read(id, SEGMENT_HEADER as u64, ENTRY_HEADER, &mut first) {
        Ok(()) => Ok(first.iter().any(|byte| *byte != 0)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A segment without entries.
struct Unused {
    id: u64,
    /// From its header, if it has one already.
    first_sequence: Option<u64>,
}

enum Link {
    /// Sealed, with this many bytes.
    Sealed(u64),
    /// Not sealed: its successor was made, but not used. `next`: the first sequence of the successor.
    Open { next: Option<u64> },
}

fn read_header(
    store: &impl SegmentStore,
    id: u64,
    journal: [u8; 16],
) -> Result<SegmentHeader, JournalDamage> {
    let lost = || JournalDamage::Lost {
        segment: id,
        position: 0,
        sequence: 0,
        evidence: "it must begin with a segment header".to_owned(),
    };
    let mut bytes = Vec::new();
    store.read(id, 0, SEGMENT_HEADER, &mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => lost(),
        _ => error.into(),
    })?;
    let header = SegmentHeader::decode(&bytes).map_err(|bad| match bad {
        BadHeader::Damaged => lost(),
        BadHeader::Format(format) => JournalDamage::Format { segment: id, format },
    })?;
    if header.journal != journal || header.id != id {
        return Err(JournalDamage::Foreign { segment: id });
    }
    Ok(header)
}

/// Reads entries one after the other.
struct Scan<'a, S> {
    store: &'a S,
    journal: [u8; 16],
    segment: u64,
    length: u64,
    position: u64,
    /// The sequence that comes next.
    sequence: u64,
    crc: u32,
    checkpoint: u64,
    window: Window,
}

/// A part of a segment, read ahead.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

enum Found {
    Entry(ReplayedEntry),
    Seal,
    Nothing,
}

/// Bytes of the operations of an entry that is looked at as proof; an append has a few hundred.
const MAX_PROOF_OPERATIONS: u32 = 4096;
/// How much is read at a time, in bytes.
const READ_AHEAD: u64 = 1024 * 1024;

impl<'a, S: SegmentStore> Scan<'a, S> {
    fn start(store: &'a S, chain: &Chain, checkpoint: Option<Checkpoint>) -> Result<Self, JournalDamage> {
        let mut scan = Self {
            store,
            journal: chain.journal,
            segment: 0,
            length: 0,
            position: 0,
            sequence: 0,
            crc: 0,
            checkpoint: checkpoint.map_or(0, |at| at.sequence),
            window: Window::default(),
        };
        scan.enter(checkpoint.map_or(chain.first, |at| at.segment))?;
        if let Some(at) = checkpoint {
            (scan.position, scan.sequence) = (at.position, at.sequence);
            let header = scan.peek()?.filter(|header| (header.sequence, header.crc) == (at.sequence, at.crc));
            let Some(header) = header else {
                return Err(scan.lost("the index covers it".to_owned()));
            };
            scan.position += header.size() as u64;
            (scan.sequence, scan.crc) = (at.sequence + 1, at.crc);
        }
        Ok(scan)
    }

    /// Goes to the first entry of a segment.
    fn enter(&mut self, segment: u64) -> Result<(), JournalDamage> {
        let header = read_header(self.store, segment, self.journal)?;
        self.segment = segment;
        self.length = self.store.length(segment)?;
        self.position = SEGMENT_HEADER as u64;
        (self.sequence, self.crc) = (header.first_sequence, header.previous_crc);
        self.window = Window::default();
        Ok(())
    }

    fn next(&mut self) -> Result<Found, JournalDamage> {
        let Some(header) = self.peek()? else { return Ok(Found::Nothing) };
        if header.sequence != self.sequence || header.previous_crc != self.crc {
            return Ok(Found::Nothing);
        }
        let Some(operations) = self.whole(self.position, &header)? else { return Ok(Found::Nothing) };
        if header.kind == Kind::Seal {
            return Ok(Found::Seal);
        }
        let at = Checkpoint {
            segment: self.segment,
            position: self.position,
            sequence: header.sequence,
            crc: header.crc,
        };
        let written = Written { at, payload: self.position + header.payload_start() as u64 };
        self.position += header.size() as u64;
        self.sequence += 1;
        self.crc = header.crc;
        Ok(Found::Entry(ReplayedEntry { written, operations, size: header.size() as u64, is_sealed: false }))
    }

    fn peek(&mut self) -> Result<Option<EntryHeader>, JournalDamage> {
        let bytes = self.bytes(self.position, ENTRY_HEADER)?;
        Ok(bytes.and_then(|bytes| EntryHeader::peek(bytes).ok()))
    }

    /// The operations of an entry if all of it is undamaged.
    fn whole(
        &mut self,
        position: u64,
        header: &EntryHeader,
    ) -> Result<Option<Vec<Operation>>, JournalDamage> {
        let seed = Seed::new(self.journal);
        let Some(bytes) = self.bytes(position, header.length())? else { return Ok(None) };
        Ok(header
            .check(seed, bytes)
            .ok()
            .filter(|operations| header.check_payload(operations, bytes).is_ok()))
    }

    /// Bytes of the segment; `None` beyond its end.
    fn bytes(&mut self, position: u64, length: usize) -> Result<Option<&[u8]>, JournalDamage> {
        let end = position + length as u64;
        if end > self.length {
            return Ok(None);
        }
        let window = &mut self.window;
        if position < window.start || end > window.start + window.bytes.len() as u64 {
            let ahead = (end - position).max(READ_AHEAD).min(self.length - position);
            window.start = position;
            window.bytes.clear();
            self.store.read(
                self.segment,
                position,
                usize::try_from(ahead).map_err(io::Error::other)?,
                &mut window.bytes,
            )?;
        }
        let from = usize::try_from(position - window.start).map_err(io::Error::other)?;
        Ok(Some(&window.bytes[from..from + length]))
    }

    /// Decides whether the end of the journal may be here.
    fn refuse_if_durable(&mut self, watermark: u64) -> Result<(), JournalDamage> {
        if self.sequence <= watermark {
            return Err(self.lost(format!("everything up to entry {watermark} was durable")));
        }
        if self.sequence <= self.checkpoint {
            return Err(self.lost("the index covers it".to_owned()));
        }
        let mut torn = 0;
        let mut at = self.position;
        while let Some(bytes) = self.bytes(at, ENTRY_MAGIC.len())? {
            if bytes == ENTRY_MAGIC {
                torn += 1;
                if let Some(later) = self.proof_at(at)? {
                    let evidence = format!("entry {later} at byte {at} was written after its sync");
                    return Err(self.lost(evidence));
                }
            }
            at += 8;
        }
        if torn > 0 {
            tracing::warn!(
                segment = self.segment,
                position = self.position,
                sequence = self.sequence,
                "the journal has a torn tail that was never durable; it is cut off"
            );
        }
        Ok(())
    }

    /// The sequence of an entry at `position`, if it is one that was written after the entry that should
    /// be next had been synced. Cheap for anything else, because what is torn may be long and may look
    /// like many entries: entries with many operations do not count, and payloads are not read.
    fn proof_at(&mut self, position: u64) -> Result<Option<u64>, JournalDamage> {
        let seed = Seed::new(self.journal);
        let Some(header) =
            self.bytes(position, ENTRY_HEADER)?.and_then(|bytes| EntryHeader::peek(bytes).ok())
        else {
            return Ok(None);
        };
        let is_later = header.sequence > header.synced_through && header.synced_through >= self.sequence;
        if !is_later || header.operations > MAX_PROOF_OPERATIONS {
            return Ok(None);
        }
        let bytes = self.bytes(position, header.payload_start())?;
        Ok(bytes.and_then(|bytes| header.check(seed, bytes).ok()).map(|_| header.sequence))
    }

    fn lost(&self, evidence: String) -> JournalDamage {
        JournalDamage::Lost {
            segment: self.segment,
            position: self.position,
            sequence: self.sequence,
            evidence,
        }
    }
}
