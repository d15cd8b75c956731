//! The bytes of a segment. Persisted, format 1: a change of anything here is a new format.
//!
//! A segment is a header of 64 bytes, then entries one behind the other, each aligned to 8 bytes, then
//! zeros up to its capacity. A segment that has a successor ends with a seal instead of zeros.
//!
//! ```text
//! segment header: magic "LEVEESEG", format u32, segment id u64, journal id [16],
//!                 first sequence u64, previous crc u32, crc u32, zeros up to 64
//! entry:          magic "LVE1", kind u8, zeros [3], sequence u64, synced through u64,
//!                 operations length u32, payload length u32, previous crc u32, crc u32,
//!                 operations, payload, zeros up to a multiple of 8
//! ```
//!
//! All integers are little endian. `crc` is CRC32C: of a segment header, of what stands before it; of an
//! entry, of the journal id, what stands before it and the operations. The id is random and told to nobody,
//! so that no payload can look like an entry. Each operation with a payload holds the checksum of its
//! part of the payload, so that no byte is summed twice. `previous crc` is the `crc` of the entry before.
//! A seal is an entry without operations that has the sequence of the entry to come.

use crate::operation::Operation;

/// Size of a segment header; the first entry begins here.
pub(crate) const SEGMENT_HEADER: usize = 64;
/// Size of an entry without operations and payload; also of a seal.
pub(crate) const ENTRY_HEADER: usize = 40;
/// The version of everything in this file.
pub(crate) const FORMAT: u32 = 1;

const SEGMENT_MAGIC: &[u8; 8] = b"LEVEESEG";
/// First bytes of every entry.
pub(crate) const ENTRY_MAGIC: [u8; 4] = *b"LVE1";
const ALIGNMENT: usize = 8;
/// Where `crc` stands in a segment header.
const SEGMENT_CRC: usize = 48;
/// Where `crc` stands in an entry.
const ENTRY_CRC: usize = 36;

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: u64,
    /// The same in all segments of a data directory.
    pub(crate) journal: [u8; 16],
    /// The sequence of its first entry.
    pub(crate) first_sequence: u64,
    /// The checksum of the entry before its first.
    pub(crate) previous_crc: u32,
}

/// What is wrong with bytes that should be a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Not a header, or damaged.
    Damaged,
    /// Another format than [`FORMAT`].
    Format(u32),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0; SEGMENT_HEADER];
        out[..8].copy_from_slice(SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        out[12..20].copy_from_slice(&self.id.to_le_bytes());
        out[20..36].copy_from_slice(&self.journal);
        out[36..44].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[44..48].copy_from_slice(&self.previous_crc.to_le_bytes());
        let crc = crc32c::crc32c(&out[..SEGMENT_CRC]);
        out[SEGMENT_CRC..SEGMENT_CRC + 4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        if bytes.len() < SEGMENT_HEADER || bytes[..8] != *SEGMENT_MAGIC {
            return Err(BadHeader::Damaged);
        }
        if u32_at(bytes, SEGMENT_CRC) != crc32c::crc32c(&bytes[..SEGMENT_CRC]) {
            return Err(BadHeader::Damaged);
        }
        match u32_at(bytes, 8) {
            FORMAT => {}
            other => return Err(BadHeader::Format(other)),
        }
        let mut journal = [0; 16];
        journal.copy_from_slice(&bytes[20..36]);
        Ok(Self {
            id: u64_at(bytes, 12),
            journal,
            first_sequence: u64_at(bytes, 36),
            previous_crc: u32_at(bytes, 44),
        })
    }
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// It has operations.
    Data = 1,
    /// The segment ends here; another one follows.
    Seal = 2,
}

/// The fixed part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryHeader {
    pub(crate) kind: Kind,
    pub(crate) sequence: u64,
    /// The last entry that was durable when this one was written. Tells a torn tail from damage.
    pub(crate) synced_through: u64,
    pub(crate) operations: u32,
    pub(crate) payload: u32,
    pub(crate) previous_crc: u32,
    pub(crate) crc: u32,
}

/// Bytes that are not an undamaged entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEntry;

impl EntryHeader {
    /// Appends header and operations to `out`; sets the lengths and the checksum. Returns the checksum.
    pub(crate) fn encode(mut self, journal: Seed, operations: &[Operation], out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        out.resize(start + ENTRY_HEADER, 0);
        operations.iter().for_each(|operation| operation.encode(out));
        let length = out.len() - start - ENTRY_HEADER;
        // An entry is at most a few MiB: requests and batches are limited.
        self.operations = u32::try_from(length).unwrap_or(u32::MAX);

        let header = &mut out[start..start + ENTRY_HEADER];
        header[..4].copy_from_slice(&ENTRY_MAGIC);
        header[4] = self.kind as u8;
        header[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        header[16..24].copy_from_slice(&self.synced_through.to_le_bytes());
        header[24..28].copy_from_slice(&self.operations.to_le_bytes());
        header[28..32].copy_from_slice(&self.payload.to_le_bytes());
        header[32..36].copy_from_slice(&self.previous_crc.to_le_bytes());
        let crc = journal.checksum(&out[start..]);
        out[start + ENTRY_CRC..start + ENTRY_CRC + 4].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    /// Reads the fixed part. It is not checked yet: its lengths may be wrong.
    pub(crate) fn peek(bytes: &[u8]) -> Result<Self, BadEntry> {
        if bytes.len() < ENTRY_HEADER || bytes[..4] != ENTRY_MAGIC {
            return Err(BadEntry);
        }
        let kind = match bytes[4] {
            1 => Kind::Data,
            2 => Kind::Seal,
            _ => return Err(BadEntry),
        };
        Ok(Self {
            kind,
            sequence: u64_at(bytes, 8),
            synced_through: u64_at(bytes, 16),
            operations: u32_at(bytes, 24),
            payload: u32_at(bytes, 28),
            previous_crc: u32_at(bytes, 32),
            crc: u32_at(bytes, ENTRY_CRC),
        })
    }

    /// Checks header and operations, which `bytes` must hold, and decodes the operations.
    pub(crate) fn check(&self, journal: Seed, bytes: &[u8]) -> Result<Vec<Operation>, BadEntry> {
        let bytes = bytes.get(..self.payload_start()).ok_or(BadEntry)?;
        if journal.checksum(bytes) != self.crc {
            return Err(BadEntry);
        }
        let operations = Operation::decode_all(&bytes[ENTRY_HEADER..]).map_err(|_| BadEntry)?;
        let payload: u64 =
            operations.iter().filter_map(payload_of).map(|(length, _)| u64::from(length)).sum();
        if payload != u64::from(self.payload) { Err(BadEntry) } else { Ok(operations) }
    }

    /// Checks the payload, with which `bytes` must end, against the checksums in the operations, and shows each part.
    pub(crate) fn check_payload(
        &self,
        operations: &[Operation],
        bytes: &[u8],
        mut show: impl FnMut(&Operation, &[u8]),
    ) -> Result<(), BadEntry> {
        let mut payload = bytes.get(self.payload_start()..).ok_or(BadEntry)?;
        for operation in operations {
            if let Some((length, crc)) = payload_of(operation) {
                let (batch_bytes, rest) = payload.split_at_checked(length as usize).ok_or(BadEntry)?;
                if crc32c::crc32c(batch_bytes) != crc {
                    return Err(BadEntry);
                }
                show(operation, batch_bytes);
                payload = rest;
            }
        }
        Ok(())
    }

    /// Where the payload begins, from the start of the entry.
    pub(crate) fn payload_start(&self) -> usize {
        ENTRY_HEADER + self.operations as usize
    }

    /// The whole entry without the zeros behind it.
    pub(crate) fn length(&self) -> usize {
        self.payload_start() + self.payload as usize
    }

    /// The whole entry.
    pub(crate) fn size(&self) -> usize {
        self.length() + padding(self.length())
    }
}

/// What the checksums of the entries of one journal begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(journal: [u8; 16]) -> Self {
        Self(crc32c::crc32c(&journal))
    }

    fn checksum(self, header_and_operations: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.0, &header_and_operations[..ENTRY_CRC]);
        crc32c::crc32c_append(crc, &header_and_operations[ENTRY_HEADER..])
    }
}

/// How many zeros follow `length` bytes.
pub(crate) fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}

/// Length and checksum of the part of the payload that belongs to an operation.
pub(crate) fn payload_of(operation: &Operation) -> Option<(u32, u32)> {
    match operation {
        Operation::Append(batch) => Some((batch.length, batch.crc)),
        Operation::Stage(batch) => Some((batch.length, batch.crc)),
        Operation::SetKeys(keys) => Some((keys.length, keys.crc)),
        Operation::Rewrite(rewrite) => Some((rewrite.batch.length, rewrite.batch.crc)),
        Operation::AppendStaged(..)
        | Operation::Put { .. }
        | Operation::Delete { .. }
        | Operation::DeleteRange { .. } => None,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}
