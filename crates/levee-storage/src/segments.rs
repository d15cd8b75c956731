//! Where a journal keeps its bytes: numbered segments, and one small watermark.
//!
//! This is the seam between the journal and a medium. [`FileSegments`] is the local disk,
//! [`MemorySegments`] models written, synced and torn bytes for simulation; one conformance suite runs
//! on both. A medium that stores objects buffers what is written and puts it when it is synced.

mod file;
mod memory;

pub use file::FileSegments;
pub(crate) use file::{segment_file, sync_directory};
pub use memory::{Fault, MemorySegments};

use std::io;

/// A medium for segments. Positions and lengths are in bytes.
///
/// Everything but the watermark is addressed by segment id. Methods are called by one writer; `read` also
/// by any number of readers, for bytes that were written before.
pub trait SegmentStore: Send + Sync + 'static {
    /// The ids of all segments, ascending.
    ///
    /// # Errors
    /// The medium cannot be read.
    fn list(&self) -> io::Result<Vec<u64>>;

    /// Makes a segment of `capacity` zeros that begins with `header`. Durable when it returns.
    ///
    /// # Errors
    /// No room ([`is_full`]), and nothing is left behind. Anything else is fatal.
    fn create(&self, id: u64, capacity: u64, header: &[u8]) -> io::Result<()>;

    /// Removes a segment. Durable when it returns.
    ///
    /// # Errors
    /// Fatal.
    fn remove(&self, id: u64) -> io::Result<()>;

    /// The length of a segment, including zeros that were never written.
    ///
    /// # Errors
    /// `NotFound`, or the medium cannot be read.
    fn length(&self, id: u64) -> io::Result<u64>;

    /// Sets the length of a segment: what is beyond is gone, what is new reads as zeros. Durable when it
    /// returns.
    ///
    /// # Errors
    /// No room ([`is_full`]), and the segment is as it was. Anything else is fatal.
    fn resize(&self, id: u64, length: u64) -> io::Result<()>;

    /// Writes `parts` one after the other from `position` on. Not durable before [`Self::sync`].
    ///
    /// # Errors
    /// Any error leaves an unknown part written.
    fn write(&self, id: u64, position: u64, parts: &[&[u8]]) -> io::Result<()>;

    /// Makes durable what was written to the segment. After an error the state of the medium is unknown:
    /// never call it again.
    ///
    /// # Errors
    /// Fatal.
    fn sync(&self, id: u64) -> io::Result<()>;

    /// Appends `length` bytes from `position` on to `into`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the segment is shorter, `NotFound` when there is none.
    fn read(&self, id: u64, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()>;

    /// The bytes that were last stored as watermark, or zeros. After a power loss they may be older.
    ///
    /// # Errors
    /// The medium cannot be read.
    fn watermark(&self) -> io::Result<[u8; WATERMARK_BYTES]>;

    /// Stores the watermark without making it durable.
    ///
    /// # Errors
    /// Fatal.
    fn set_watermark(&self, watermark: [u8; WATERMARK_BYTES]) -> io::Result<()>;
}

/// Whether there is no room on the medium.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Size of the watermark: a sequence number and its checksum.
pub const WATERMARK_BYTES: usize = 12;

#[cfg(test)]
mod tests;
