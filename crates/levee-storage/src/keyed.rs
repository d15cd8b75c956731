//! The keys of a batch of a table, as they stand in the journal.
//!
//! Persisted, format 4: for each record that has a key, in the order of the records: u32 its distance from the base
//! offset of the batch, with the highest bit set for a tombstone; u32 the length of the key; the key. Little endian.

use bytes::Bytes;

/// The highest bit of a distance: the record is a tombstone.
const TOMBSTONE: u32 = 1 << 31;

/// The keys of a batch, encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(Bytes);

/// Collects keys.
#[derive(Debug, Default)]
pub struct KeysBuilder(Vec<u8>);

/// A record that has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed<'a> {
    /// From the base offset of its batch.
    pub delta: u32,
    /// It deletes its key.
    pub is_tombstone: bool,
    /// Its key.
    pub key: &'a [u8],
}

/// Bytes that are not keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of a batch cannot be decoded")]
pub struct BadKeys;

impl KeysBuilder {
    /// Adds the key of the next record that has one. A batch has at most a million records, and a key a few KiB.
    pub fn push(&mut self, keyed: Keyed<'_>) {
        let delta = keyed.delta | if keyed.is_tombstone { TOMBSTONE } else { 0 };
        self.0.extend_from_slice(&delta.to_le_bytes());
        let length = u32::try_from(keyed.key.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(keyed.key);
    }

    /// The keys that were added.
    #[must_use]
    pub fn finish(self) -> Keys {
        Keys(self.0.into())
    }
}

impl Keys {
    /// What [`Self::bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The encoded form.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The records in their order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Keyed<'_>, BadKeys>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let next = split(rest);
            rest = next.map_or(&[], |(_, behind)| behind);
            Some(next.map(|(keyed, _)| keyed))
        })
    }
}

fn split(bytes: &[u8]) -> Result<(Keyed<'_>, &[u8]), BadKeys> {
    let (delta, rest) = bytes.split_first_chunk().ok_or(BadKeys)?;
    let (length, rest) = rest.split_first_chunk().ok_or(BadKeys)?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(BadKeys)?;
    let delta = u32::from_le_bytes(*delta);
    Ok((Keyed { delta: delta & !TOMBSTONE, is_tombstone: delta & TOMBSTONE != 0, key }, rest))
}
