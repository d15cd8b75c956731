//! Reading entries one after the other, and deciding whether the journal may end where they do.

use super::chain::{Chain, read_header};
use super::{JournalDamage, ReplayedEntry};
use crate::journal::Written;
use crate::journal::format::{ENTRY_HEADER, ENTRY_MAGIC, EntryHeader, Kind, SEGMENT_HEADER, Seed};
use crate::operation::Operation;
use crate::rows::Checkpoint;
use crate::segments::SegmentStore;
use bytes::Bytes;
use std::io;

/// Reads entries one after the other.
pub(super) struct Scan<'a, S> {
    store: &'a S,
    journal: [u8; 16],
    pub(super) segment: u64,
    pub(super) length: u64,
    pub(super) position: u64,
    /// The sequence that comes next.
    pub(super) sequence: u64,
    pub(super) crc: u32,
    checkpoint: u64,
    window: Window,
}

/// A part of a segment, read ahead.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

/// The operations of an entry, and the keys of its batches of tables.
type Whole = (Vec<Operation>, Vec<Bytes>);

pub(super) enum Found {
    Entry(ReplayedEntry),
    Seal,
    Nothing,
}

/// Bytes of the operations of an entry that is looked at as proof; an append has a few hundred.
const MAX_PROOF_OPERATIONS: u32 = 4096;
/// How much is read at a time, in bytes.
pub(super) const READ_AHEAD: u64 = 1024 * 1024;

impl<'a, S: SegmentStore> Scan<'a, S> {
    pub(super) fn start(
        store: &'a S,
        chain: &Chain,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, JournalDamage> {
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
            let header = match header {
                Some(header) if scan.is_undamaged(at.position, &header)? => Some(header),
                _ => None,
            };
            let Some(header) = header else {
                return Err(scan.lost("the index covers it".to_owned()));
            };
            scan.position += header.size() as u64;
            (scan.sequence, scan.crc) = (at.sequence + 1, at.crc);
        }
        Ok(scan)
    }

    /// Goes to the first entry of a segment.
    pub(super) fn enter(&mut self, segment: u64) -> Result<(), JournalDamage> {
        let header = read_header(self.store, segment, self.journal)?;
        self.segment = segment;
        self.length = self.store.length(segment)?;
        self.position = SEGMENT_HEADER as u64;
        (self.sequence, self.crc) = (header.first_sequence, header.previous_crc);
        self.window = Window::default();
        Ok(())
    }

    pub(super) fn next(&mut self) -> Result<Found, JournalDamage> {
        let Some(header) = self.peek()? else { return Ok(Found::Nothing) };
        if header.sequence != self.sequence || header.previous_crc != self.crc {
            return Ok(Found::Nothing);
        }
        let Some((operations, keys)) = self.whole(self.position, &header)? else { return Ok(Found::Nothing) };
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
        Ok(Found::Entry(ReplayedEntry {
            written,
            operations,
            keys,
            size: header.size() as u64,
            is_durable: false,
        }))
    }

    fn peek(&mut self) -> Result<Option<EntryHeader>, JournalDamage> {
        let bytes = self.bytes(self.position, ENTRY_HEADER)?;
        Ok(bytes.and_then(|bytes| EntryHeader::peek(bytes).ok()))
    }

    /// Whether header and operations of an entry are undamaged, and so its lengths can be relied on. The
    /// payload is not looked at: who reads it meets its checksum.
    fn is_undamaged(&mut self, position: u64, header: &EntryHeader) -> Result<bool, JournalDamage> {
        let seed = Seed::new(self.journal);
        let bytes = self.bytes(position, header.payload_start())?;
        Ok(bytes.is_some_and(|bytes| header.check(seed, bytes).is_ok()))
    }

    /// The operations of an entry, and the keys of its batches of tables, if all of it is undamaged.
    fn whole(&mut self, position: u64, header: &EntryHeader) -> Result<Option<Whole>, JournalDamage> {
        let seed = Seed::new(self.journal);
        let Some(bytes) = self.bytes(position, header.length())? else { return Ok(None) };
        let checked = header.check(seed, bytes).and_then(|operations| {
            let mut keys = Vec::new();
            header.check_payload(&operations, bytes, |operation, part| {
                if matches!(operation, Operation::SetKeys(_)) {
                    keys.push(Bytes::copy_from_slice(part));
                }
            })?;
            Ok((operations, keys))
        });
        Ok(checked.ok())
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
    pub(super) fn refuse_if_durable(&mut self, watermark: u64) -> Result<(), JournalDamage> {
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
        let Some(header) =
            self.bytes(position, ENTRY_HEADER)?.and_then(|bytes| EntryHeader::peek(bytes).ok())
        else {
            return Ok(None);
        };
        let is_later = header.sequence > header.synced_through && header.synced_through >= self.sequence;
        if !is_later || header.operations > MAX_PROOF_OPERATIONS {
            return Ok(None);
        }
        Ok(self.is_undamaged(position, &header)?.then_some(header.sequence))
    }

    pub(super) fn lost(&self, evidence: String) -> JournalDamage {
        JournalDamage::Lost {
            segment: self.segment,
            position: self.position,
            sequence: self.sequence,
            evidence,
        }
    }
}
