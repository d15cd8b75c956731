//! The segments of a journal as a chain: each begins where the one before it ends, and none is missing from the one on
//! that the index covers last. Before it there may be holes, where segments were deleted.

use super::JournalDamage;
use crate::journal::format::{
    BadHeader, ENTRY_HEADER, EntryHeader, Kind, SEGMENT_HEADER, Seed, SegmentHeader,
};
use crate::rows::Checkpoint;
use crate::segments::SegmentStore;
use std::collections::BTreeMap;
use std::io;

/// The segments, with their links checked.
pub(super) struct Chain {
    pub(super) first: u64,
    pub(super) last: u64,
    /// A segment behind `last` that was made, but not yet written to when the process died.
    pub(super) unused: Option<Unused>,
    /// Bytes of each segment but the last.
    pub(super) sealed: BTreeMap<u64, u64>,
    pub(super) journal: [u8; 16],
}

impl Chain {
    pub(super) fn load(
        store: &impl SegmentStore,
        journal: [u8; 16],
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, JournalDamage> {
        let ids = store.list()?;
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else {
            return Err(JournalDamage::Missing { segment: 1 });
        };
        refuse_holes(&ids, checkpoint)?;
        let mut chain = Self { first, last, unused: None, sealed: BTreeMap::new(), journal };
        for (&id, &next) in ids.iter().zip(&ids[1..]) {
            match chain.check_link(store, id, next == id + 1)? {
                Link::Sealed(bytes) => {
                    chain.sealed.insert(id, bytes);
                }
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

    /// How a segment ends, which has another one behind it, or had it: it may be deleted.
    fn check_link(
        &self,
        store: &impl SegmentStore,
        id: u64,
        is_next_there: bool,
    ) -> Result<Link, JournalDamage> {
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
        if !is_next_there {
            return seal.map(|_| Link::Sealed(length)).ok_or_else(|| lost(0, "another segment followed"));
        }
        match (seal, read_header(store, id + 1, self.journal)) {
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

/// Holes are only possible before the segment that the index covers last.
fn refuse_holes(ids: &[u64], checkpoint: Option<Checkpoint>) -> Result<(), JournalDamage> {
    let (from, why) = match checkpoint {
        Some(at) => (at.segment, "the index does not cover it"),
        None => (1, "there is no index"),
    };
    let there = &ids[ids.partition_point(|id| *id < from)..];
    let mut expected = from..;
    match expected.by_ref().zip(there).find(|(expected, id)| expected != *id) {
        Some((segment, _)) => Err(JournalDamage::IndexNeeded { segment, why }),
        None if there.is_empty() => Err(JournalDamage::Missing { segment: from }),
        None => Ok(()),
    }
}

/// Whether something was written to a segment, damaged or not.
pub(super) fn has_entries(store: &impl SegmentStore, id: u64) -> io::Result<bool> {
    let mut first = Vec::new();
    match store.read(id, SEGMENT_HEADER as u64, ENTRY_HEADER, &mut first) {
        Ok(()) => Ok(first.iter().any(|byte| *byte != 0)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A segment without entries.
pub(super) struct Unused {
    pub(super) id: u64,
    /// From its header, if it has one already.
    pub(super) first_sequence: Option<u64>,
}

enum Link {
    /// Sealed, with this many bytes.
    Sealed(u64),
    /// Not sealed: its successor was made, but not used. `next`: the first sequence of the successor.
    Open { next: Option<u64> },
}

pub(super) fn read_header(
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
