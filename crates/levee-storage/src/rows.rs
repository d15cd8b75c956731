//! The values of the index and the state. Persisted, format 1: field numbers are never reused.
//!
//! Rows are protobuf messages, declared here: they grow by new fields. Those that are written with each
//! batch have a fixed layout instead, little endian, of a version byte and their fields.

mod groups;
mod space;
mod tables;
mod tenancy;
mod transactions;

pub(crate) use groups::{AheadRow, GroupRow, ProgressRow, QueueRow};
pub(crate) use space::{ErasureRow, SegmentsRow};
pub(crate) use tables::{KeyRow, SteadyRow};
pub(crate) use tenancy::{
    AclRuleRow, AuditEnds, AuditEventRow, CertificateRow, GroupsRow, PlanRow, QuotaRow, QuotasRow, ScopeRow,
    ServiceUseRow, TokenRow, UserRow,
};
pub(crate) use transactions::{StagedRow, StagedUseRow, TransactionRow};

use crate::operation::BatchMeta;
use prost::Message;
use std::collections::{BTreeMap, VecDeque};

/// The journal position up to which the index covers it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Checkpoint {
    /// Segment of the last entry that is covered.
    #[prost(uint64, tag = "1")]
    pub segment: u64,
    /// Where this entry begins in it.
    #[prost(uint64, tag = "2")]
    pub position: u64,
    /// Its sequence number.
    #[prost(uint64, tag = "3")]
    pub sequence: u64,
    /// Its checksum.
    #[prost(uint32, tag = "4")]
    pub crc: u32,
}

/// Counts and next ids of the node.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct NodeCounters {
    /// The id of the tenant that was created last.
    #[prost(uint32, tag = "1")]
    pub(crate) last_tenant: u32,
    /// How many tenants there are.
    #[prost(uint64, tag = "2")]
    pub(crate) tenants: u64,
    /// How many topics there are.
    #[prost(uint64, tag = "3")]
    pub(crate) topics: u64,
    /// How many plans there are beside those that are built in.
    #[prost(uint64, tag = "4")]
    pub(crate) plans: u64,
}

/// A tenant.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TenantRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub(crate) created_ms: i64,
    /// Its plan; empty for one that was made before there were plans.
    #[prost(string, tag = "3")]
    pub(crate) plan: String,
    /// 0 active, 1 read-only, 2 frozen, 3 being imported. What a broker does not know, it does not open.
    #[prost(uint32, tag = "4")]
    pub(crate) suspension: u32,
    /// When it is deleted, in Unix milliseconds.
    #[prost(int64, optional, tag = "5")]
    pub(crate) delete_at_ms: Option<i64>,
    /// Properties that its topics have unless they have their own.
    #[prost(btree_map = "string, string", tag = "6")]
    pub(crate) topic_defaults: BTreeMap<String, String>,
}

/// Counts and next ids of a tenant.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TenantCounters {
    /// The id of the topic that was created last.
    #[prost(uint64, tag = "1")]
    pub(crate) last_topic: u64,
    /// How many topics there are.
    #[prost(uint64, tag = "2")]
    pub(crate) topics: u64,
    /// The id of the producer that was created last.
    #[prost(uint64, tag = "3")]
    pub(crate) last_producer: u64,
    /// How many partitions there are; absent in a row that was written before they were counted.
    #[prost(uint64, optional, tag = "4")]
    pub(crate) partitions: Option<u64>,
    /// The id of the user that was created last.
    #[prost(uint64, tag = "5")]
    pub(crate) last_user: u64,
    /// How many users there are.
    #[prost(uint64, tag = "6")]
    pub(crate) users: u64,
    /// How many tokens there are.
    #[prost(uint64, tag = "7")]
    pub(crate) tokens: u64,
    /// The id of the access rule that was created last.
    #[prost(uint64, tag = "8")]
    pub(crate) last_rule: u64,
    /// How many access rules there are.
    #[prost(uint64, tag = "9")]
    pub(crate) rules: u64,
    /// How many users and topics have quotas of their own.
    #[prost(uint64, tag = "10")]
    pub(crate) quota_parts: u64,
    /// The producer with the lowest id that is not forgotten; 0: the first.
    #[prost(uint64, tag = "11")]
    pub(crate) first_producer: u64,
    /// The id of the group that was created last.
    #[prost(uint64, tag = "12")]
    pub(crate) last_group: u64,
    /// How many groups there are.
    #[prost(uint64, tag = "13")]
    pub(crate) groups: u64,
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TopicRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// How many partitions it has.
    #[prost(uint32, tag = "2")]
    pub(crate) partitions: u32,
    /// Unix milliseconds.
    #[prost(int64, tag = "3")]
    pub(crate) created_ms: i64,
    /// The properties that were set.
    #[prost(btree_map = "string, string", tag = "4")]
    pub(crate) set: BTreeMap<String, String>,
}

/// Where the log of a partition begins of which something was removed, and what the removed batches would tell.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct TrimRow {
    /// The first offset that is still stored.
    #[prost(uint64, tag = "1")]
    pub(crate) start: u64,
    /// The end offset when something was removed last.
    #[prost(uint64, tag = "2")]
    pub(crate) end: u64,
    /// Bytes of all batches that had been appended when it was trimmed.
    #[prost(uint64, tag = "3")]
    pub(crate) bytes: u64,
    /// The largest timestamp of those batches, in Unix milliseconds.
    #[prost(int64, tag = "4")]
    pub(crate) max_timestamp_ms: i64,
    /// Bytes of batches that are not stored any more, of those that were ever appended. Absent: those before the
    /// first batch, because no batch was rewritten yet.
    #[prost(uint64, optional, tag = "5")]
    pub(crate) gone: Option<u64>,
    /// The offset up to which the partition was compacted last.
    #[prost(uint64, tag = "6")]
    pub(crate) compacted: u64,
    /// Bytes that it stored then.
    #[prost(uint64, tag = "7")]
    pub(crate) compacted_bytes: u64,
}

/// The epoch of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct ProducerEpoch {
    /// Counts from 0; an older one is fenced.
    #[prost(uint32, tag = "1")]
    pub(crate) epoch: u32,
}

/// A stored row that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored row cannot be decoded")]
pub struct BadRow;

/// A tenant or topic id as a row of its own.
pub(crate) fn decode_u64(bytes: &[u8]) -> Result<u64, BadRow> {
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| BadRow)
}

/// Where a batch is, and what finding one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchRow {
    /// How many offsets it covers.
    pub(crate) records: u32,
    /// Its bytes.
    pub(crate) length: u32,
    /// CRC32C of its bytes.
    pub(crate) crc: u32,
    /// Segment that holds its bytes.
    pub(crate) segment: u64,
    /// Where its bytes begin in the segment.
    pub(crate) position: u64,
    /// Unix milliseconds.
    pub(crate) append_time_ms: i64,
    /// The largest timestamp of this batch and all before it.
    pub(crate) max_timestamp_ms: i64,
    /// Bytes of all batches ever appended to the partition before this one.
    pub(crate) bytes_before: u64,
    /// It was rewritten; when its tombstones may go, as in [`crate::operation::RewriteMeta`].
    pub(crate) rewritten: Option<u64>,
}

impl BatchRow {
    const VERSION: u8 = 1;
    /// With [`Self::rewritten`] behind the fields of version 1.
    const VERSION_REWRITTEN: u8 = 2;
    /// Encoded size in bytes, of version 1.
    pub(crate) const SIZE: usize = 1 + 3 * 4 + 5 * 8;

    /// The row of an appended batch.
    #[must_use]
    pub(crate) fn new(batch: &BatchMeta, segment: u64, position: u64) -> Self {
        Self {
            records: batch.records,
            length: batch.length,
            crc: batch.crc,
            segment,
            position,
            append_time_ms: batch.append_time_ms,
            max_timestamp_ms: batch.max_timestamp_ms,
            bytes_before: batch.bytes_before,
            rewritten: None,
        }
    }

    /// The stored form.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE + 8);
        out.push(if self.rewritten.is_some() { Self::VERSION_REWRITTEN } else { Self::VERSION });
        for part in [self.records, self.length, self.crc] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        for part in [self.segment, self.position] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        for part in [self.append_time_ms, self.max_timestamp_ms] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out.extend_from_slice(&self.bytes_before.to_le_bytes());
        if let Some(tombstones_until_ms) = self.rewritten {
            out.extend_from_slice(&tombstones_until_ms.to_le_bytes());
        }
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`BadRow`] for bytes that [`Self::encode`] did not write.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut input = Fields(bytes);
        let is_rewritten = match input.take()? {
            [Self::VERSION] => false,
            [Self::VERSION_REWRITTEN] => true,
            _ => return Err(BadRow),
        };
        let row = Self {
            records: u32::from_le_bytes(input.take()?),
            length: u32::from_le_bytes(input.take()?),
            crc: u32::from_le_bytes(input.take()?),
            segment: u64::from_le_bytes(input.take()?),
            position: u64::from_le_bytes(input.take()?),
            append_time_ms: i64::from_le_bytes(input.take()?),
            max_timestamp_ms: i64::from_le_bytes(input.take()?),
            bytes_before: u64::from_le_bytes(input.take()?),
            rewritten: is_rewritten.then(|| input.take().map(u64::from_le_bytes)).transpose()?,
        };
        if input.0.is_empty() { Ok(row) } else { Err(BadRow) }
    }
}

/// What a producer sent to a partition last: the window in which a repeated batch is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ProducerRow {
    /// The epoch that the window belongs to.
    pub(crate) epoch: u32,
    /// The last batches, oldest first; at most [`levee_types::limits::PRODUCER_WINDOW`].
    pub(crate) window: VecDeque<SentBatch>,
}

/// A batch in a producer's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentBatch {
    /// The sequence of its first record.
    pub(crate) sequence: u64,
    /// How many records it has.
    pub(crate) records: u32,
    /// Where it was stored.
    pub(crate) base_offset: u64,
    /// When, in Unix milliseconds.
    pub(crate) append_time_ms: i64,
}

impl ProducerRow {
    const VERSION: u8 = 1;

    /// The stored form.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![Self::VERSION];
        out.extend_from_slice(&self.epoch.to_le_bytes());
        for batch in &self.window {
            out.extend_from_slice(&batch.sequence.to_le_bytes());
            out.extend_from_slice(&batch.records.to_le_bytes());
            out.extend_from_slice(&batch.base_offset.to_le_bytes());
            out.extend_from_slice(&batch.append_time_ms.to_le_bytes());
        }
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`BadRow`] for bytes that [`Self::encode`] did not write.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut input = Fields(bytes);
        if input.take::<1>()? != [Self::VERSION] {
            return Err(BadRow);
        }
        let mut row = Self { epoch: u32::from_le_bytes(input.take()?), window: VecDeque::new() };
        while !input.0.is_empty() {
            row.window.push_back(SentBatch {
                sequence: u64::from_le_bytes(input.take()?),
                records: u32::from_le_bytes(input.take()?),
                base_offset: u64::from_le_bytes(input.take()?),
                append_time_ms: i64::from_le_bytes(input.take()?),
            });
        }
        Ok(row)
    }
}

pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], BadRow> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(BadRow)?;
        self.0 = rest;
        Ok(*head)
    }
}

#[cfg(test)]
mod tests;
