//! What storage must know of the inside of batches. Only tables need it, and whoever opens the shard has it: the format
//! of batches is the protocol's.

use crate::keyed::Keys;
use bytes::Bytes;

/// A record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRecord {
    /// From the base offset of its batch.
    pub delta: u32,
    /// Its key, if it has one.
    pub key: Option<Bytes>,
    /// It has no value: in a table it deletes its key.
    pub is_tombstone: bool,
    /// Unix milliseconds, if it has a time of its own.
    pub timestamp_ms: Option<i64>,
    /// The encoded record, for [`BatchCodec::build`].
    pub bytes: Bytes,
}

/// Bytes that are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a batch cannot be decoded: {0}")]
pub struct BadBatch(pub String);

/// Opens and builds batches.
pub trait BatchCodec: Send + Sync + 'static {
    /// The records of a batch, in the order of their offsets.
    ///
    /// # Errors
    /// [`BadBatch`] for bytes that no producer could have stored.
    fn open(&self, batch: &Bytes) -> Result<Vec<OpenRecord>, BadBatch>;

    /// The record of a batch at a distance from its base offset, if there is one.
    ///
    /// # Errors
    /// As [`Self::open`].
    fn record(&self, batch: &Bytes, delta: u32) -> Result<Option<OpenRecord>, BadBatch> {
        Ok(self.open(batch)?.into_iter().find(|record| record.delta == delta))
    }

    /// A batch of records out of other batches, at other distances, each with its time if it is given, compressed as
    /// `like` is. Of no records it is a batch without any.
    fn build(&self, records: &[OpenRecord], like: &Bytes) -> Bytes;

    /// The keys of a batch of a table.
    ///
    /// # Errors
    /// As [`Self::open`].
    fn keys(&self, batch: &Bytes) -> Result<Keys, BadBatch>;
}
