//! Rows of tables.

use super::{BadRow, Fields};
use prost::Message;

/// Where the newest record of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyRow {
    /// Its offset.
    pub(crate) offset: u64,
    /// It deletes the key.
    pub(crate) is_tombstone: bool,
}

impl KeyRow {
    const VERSION: u8 = 1;

    /// The stored form.
    #[must_use]
    pub(crate) fn encode(self) -> [u8; 10] {
        let mut out = [0; 10];
        out[0] = Self::VERSION;
        out[1] = u8::from(self.is_tombstone);
        out[2..].copy_from_slice(&self.offset.to_le_bytes());
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`BadRow`] for bytes that [`Self::encode`] did not write.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut input = Fields(bytes);
        let is_tombstone = match input.take()? {
            [Self::VERSION, 0] => false,
            [Self::VERSION, 1] => true,
            _ => return Err(BadRow),
        };
        let offset = u64::from_le_bytes(input.take()?);
        if input.0.is_empty() { Ok(Self { offset, is_tombstone }) } else { Err(BadRow) }
    }
}

/// The time that only goes on while the broker runs, and never jumps.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct SteadyRow {
    /// Milliseconds.
    #[prost(uint64, tag = "1")]
    pub(crate) ms: u64,
}
