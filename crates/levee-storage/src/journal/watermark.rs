//! The watermark: a lower bound of what is durable, kept beside the journal.
//!
//! The end of a journal that lost its last entries looks like the end of one that never had them. The
//! watermark tells the difference. It is written after each sync and never synced itself: after the death
//! of the process it is exact, after a power loss it may be older, which makes it a weaker bound but
//! never a wrong one.

use crate::segments::{SegmentStore, WATERMARK_BYTES};
use std::io;

/// The sequence of an entry that is durable, and so are all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Watermark(u64);

impl Watermark {
    /// Reads the watermark; 0 when there is none, or when it was torn.
    pub(crate) fn read(store: &impl SegmentStore) -> io::Result<Self> {
        let bytes = store.watermark()?;
        let (mut sequence, mut crc) = ([0; 8], [0; 4]);
        sequence.copy_from_slice(&bytes[..8]);
        crc.copy_from_slice(&bytes[8..]);
        let is_whole = crc32c::crc32c(&sequence) == u32::from_le_bytes(crc);
        Ok(Self(if is_whole { u64::from_le_bytes(sequence) } else { 0 }))
    }

    /// Raises the watermark.
    pub(crate) fn raise(&mut self, store: &impl SegmentStore, sequence: u64) -> io::Result<()> {
        self.0 = sequence;
        let mut bytes = [0; WATERMARK_BYTES];
        bytes[..8].copy_from_slice(&sequence.to_le_bytes());
        bytes[8..].copy_from_slice(&crc32c::crc32c(&sequence.to_le_bytes()).to_le_bytes());
        store.set_watermark(bytes)
    }

    pub(crate) fn sequence(self) -> u64 {
        self.0
    }
}
