//! Rows of transactions.

use super::{BadRow, Fields};
use crate::operation::{BatchPlace, StagedMeta};
use levee_types::{PartitionId, TenantId, TopicId};
use prost::Message;

/// The last transaction of the present epoch of a producer.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TransactionRow {
    /// Its number, from 1.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// 1 open, 2 committed, 3 aborted.
    #[prost(uint32, tag = "2")]
    pub(crate) state: u32,
    /// Of an open one: how many batches are staged.
    #[prost(uint32, tag = "3")]
    pub(crate) staged: u32,
    /// Of an open one: their bytes.
    #[prost(uint64, tag = "4")]
    pub(crate) bytes: u64,
    /// Of an open one: when it is aborted, in Unix milliseconds.
    #[prost(int64, tag = "5")]
    pub(crate) deadline_ms: i64,
    /// Of a committed one: the offset of the first record of each batch.
    #[prost(uint64, repeated, tag = "6")]
    pub(crate) base_offsets: Vec<u64>,
    /// Of a committed one: when that was, in Unix milliseconds.
    #[prost(int64, tag = "7")]
    pub(crate) commit_time_ms: i64,
}

/// What a tenant has in open transactions.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct StagedUseRow {
    /// How many are open.
    #[prost(uint64, tag = "1")]
    pub(crate) open: u64,
    /// Bytes of the batches that are staged.
    #[prost(uint64, tag = "2")]
    pub(crate) bytes: u64,
}

/// A batch of an open transaction, and where its bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StagedRow {
    pub(crate) topic: TopicId,
    pub(crate) partition: u32,
    pub(crate) records: u32,
    pub(crate) length: u32,
    pub(crate) crc: u32,
    /// The largest timestamp of its records in Unix milliseconds, if any has one.
    pub(crate) max_timestamp_ms: Option<i64>,
    pub(crate) place: BatchPlace,
}

impl StagedRow {
    const VERSION: u8 = 1;

    /// The row of a staged batch.
    #[must_use]
    pub(crate) fn new(batch: &StagedMeta, place: BatchPlace) -> Self {
        Self {
            topic: batch.partition.topic,
            partition: batch.partition.partition,
            records: batch.records,
            length: batch.length,
            crc: batch.crc,
            max_timestamp_ms: batch.max_timestamp_ms,
            place,
        }
    }

    /// Where it is to be appended.
    #[must_use]
    pub(crate) fn partition_of(&self, tenant: TenantId) -> PartitionId {
        PartitionId { tenant, topic: self.topic, partition: self.partition }
    }

    /// The stored form: the version, whether there is a timestamp, and the fields, little endian.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![Self::VERSION, u8::from(self.max_timestamp_ms.is_some())];
        out.extend_from_slice(&self.topic.0.to_le_bytes());
        for part in [self.partition, self.records, self.length, self.crc] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out.extend_from_slice(&self.max_timestamp_ms.unwrap_or(0).to_le_bytes());
        for part in [self.place.segment, self.place.position] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`BadRow`] for bytes that [`Self::encode`] did not write.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut input = Fields(bytes);
        let [version, has_timestamp] = input.take()?;
        if version != Self::VERSION || has_timestamp > 1 {
            return Err(BadRow);
        }
        let row = Self {
            topic: TopicId(u64::from_le_bytes(input.take()?)),
            partition: u32::from_le_bytes(input.take()?),
            records: u32::from_le_bytes(input.take()?),
            length: u32::from_le_bytes(input.take()?),
            crc: u32::from_le_bytes(input.take()?),
            max_timestamp_ms: Some(i64::from_le_bytes(input.take()?)).filter(|_| has_timestamp == 1),
            place: BatchPlace {
                segment: u64::from_le_bytes(input.take()?),
                position: u64::from_le_bytes(input.take()?),
            },
        };
        if input.0.is_empty() { Ok(row) } else { Err(BadRow) }
    }
}
