//! Operations: what an entry of the journal does to the index and the state.
//!
//! Persisted, formats 1 to 4. All integers are little endian. Tags and keyspace numbers are never reused.
//! An entry's operations carry everything that applying them needs, so that the index is a function of
//! checkpoint and journal, and applying an entry twice is the same as once.

pub use crate::keys::Keyspace;

use crate::usage::Totals;
use levee_types::{PartitionId, ProducerId, TenantId, TopicId};

const TAG_APPEND: u8 = 1;
const TAG_PUT: u8 = 2;
const TAG_DELETE: u8 = 3;
const TAG_DELETE_RANGE: u8 = 4;
/// An append with the totals of its tenant; since format 2.
const TAG_APPEND_COUNTED: u8 = 5;
/// A batch that is kept for a transaction; since format 3.
const TAG_STAGE: u8 = 6;
/// An append of a batch that was staged: its place, and behind it an append; since format 3.
const TAG_APPEND_STAGED: u8 = 7;
/// The keys of a batch of a table; since format 4.
const TAG_SET_KEYS: u8 = 8;
/// A batch in the place of others, and behind it an append; since format 4.
const TAG_REWRITE: u8 = 9;
/// Once stood in the place of the time of tombstones when a batch was only moved. Not written any more.
const MOVED: u64 = u64::MAX;

/// One operation. The payload of an append, a staged batch, keys or a rewritten batch stands behind all operations of
/// its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Appends a record batch to a partition.
    Append(BatchMeta),
    /// Keeps a record batch for a transaction.
    Stage(StagedMeta),
    /// Appends a record batch whose bytes are in an earlier entry.
    AppendStaged(BatchMeta, BatchPlace),
    /// Makes the records of a batch of a table the newest ones of their keys. Stands behind the append of the batch.
    SetKeys(KeysMeta),
    /// Puts a batch in the place of those that it was made of: of one, elsewhere, or of several, without what was
    /// superseded.
    Rewrite(RewriteMeta),
    /// Sets a key.
    Put {
        /// Where.
        keyspace: Keyspace,
        /// Some bytes.
        key: Vec<u8>,
        /// Some bytes.
        value: Vec<u8>,
    },
    /// Removes a key.
    Delete {
        /// Where.
        keyspace: Keyspace,
        /// Some bytes.
        key: Vec<u8>,
    },
    /// Removes every key in `[from, to)`.
    DeleteRange {
        /// Where.
        keyspace: Keyspace,
        /// The first key.
        from: Vec<u8>,
        /// The key behind the last.
        to: Vec<u8>,
    },
}

/// Everything about a stored batch but its bytes and their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMeta {
    /// Where it was appended.
    pub partition: PartitionId,
    /// Offset of its first record.
    pub base_offset: u64,
    /// How many records it has.
    pub records: u32,
    /// When it was appended, in Unix milliseconds.
    pub append_time_ms: i64,
    /// The largest timestamp of this batch and all before it, in Unix milliseconds.
    pub max_timestamp_ms: i64,
    /// Bytes of all batches ever appended to the partition before this one.
    pub bytes_before: u64,
    /// Its bytes.
    pub length: u32,
    /// CRC32C of its bytes.
    pub crc: u32,
    /// What the tenant has used with this batch. Absent in what format 1 wrote.
    pub totals: Option<Totals>,
}

/// Everything about a batch of an open transaction but its bytes and their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedMeta {
    /// Where it is to be appended.
    pub partition: PartitionId,
    /// Whose transaction it is.
    pub producer: ProducerId,
    /// Its place among the batches of the transaction.
    pub index: u32,
    /// How many records it has.
    pub records: u32,
    /// The largest timestamp of its records in Unix milliseconds, if any has one.
    pub max_timestamp_ms: Option<i64>,
    /// Its bytes.
    pub length: u32,
    /// CRC32C of its bytes.
    pub crc: u32,
}

/// The keys of a batch of a table but their bytes, which are [`crate::keyed::Keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysMeta {
    /// Of the batch.
    pub partition: PartitionId,
    /// Of the batch.
    pub base_offset: u64,
    /// Bytes of the keys.
    pub length: u32,
    /// CRC32C of these bytes.
    pub crc: u32,
}

/// A batch in the place of one or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewriteMeta {
    /// The batch as it is now. It begins where the first of the others began; those behind it are deleted by operations
    /// of their own.
    pub batch: BatchMeta,
    /// When the tombstones in it may go, in milliseconds of the [`crate::steady`] time; 0: it has none, or what they
    /// delete is not gone yet.
    pub tombstones_until_ms: u64,
}

/// Where the bytes of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPlace {
    /// Segment that holds them.
    pub segment: u64,
    /// Where they begin in the segment.
    pub position: u64,
}

/// Operations that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("operations cannot be decoded")]
pub struct BadOperations;

impl Operation {
    /// Appends the encoded operation to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Append(batch) => {
                out.push(if batch.totals.is_some() { TAG_APPEND_COUNTED } else { TAG_APPEND });
                put_partition(out, batch.partition);
                out.extend_from_slice(&batch.base_offset.to_le_bytes());
                out.extend_from_slice(&batch.records.to_le_bytes());
                out.extend_from_slice(&batch.append_time_ms.to_le_bytes());
                out.extend_from_slice(&batch.max_timestamp_ms.to_le_bytes());
                out.extend_from_slice(&batch.bytes_before.to_le_bytes());
                out.extend_from_slice(&batch.length.to_le_bytes());
                out.extend_from_slice(&batch.crc.to_le_bytes());
                if let Some(totals) = &batch.totals {
                    totals.put(out);
                }
            }
            Self::Stage(batch) => {
                out.push(TAG_STAGE);
                put_partition(out, batch.partition);
                out.extend_from_slice(&batch.producer.0.to_le_bytes());
                out.extend_from_slice(&batch.index.to_le_bytes());
                out.extend_from_slice(&batch.records.to_le_bytes());
                out.push(u8::from(batch.max_timestamp_ms.is_some()));
                out.extend_from_slice(&batch.max_timestamp_ms.unwrap_or(0).to_le_bytes());
                out.extend_from_slice(&batch.length.to_le_bytes());
                out.extend_from_slice(&batch.crc.to_le_bytes());
            }
            Self::AppendStaged(batch, place) => {
                out.push(TAG_APPEND_STAGED);
                out.extend_from_slice(&place.segment.to_le_bytes());
                out.extend_from_slice(&place.position.to_le_bytes());
                Self::Append(*batch).encode(out);
            }
            Self::SetKeys(keys) => {
                out.push(TAG_SET_KEYS);
                put_partition(out, keys.partition);
                out.extend_from_slice(&keys.base_offset.to_le_bytes());
                out.extend_from_slice(&keys.length.to_le_bytes());
                out.extend_from_slice(&keys.crc.to_le_bytes());
            }
            Self::Rewrite(rewrite) => {
                out.push(TAG_REWRITE);
                out.extend_from_slice(&rewrite.tombstones_until_ms.to_le_bytes());
                Self::Append(rewrite.batch).encode(out);
            }
            Self::Put { keyspace, key, value } => {
                out.extend_from_slice(&[TAG_PUT, *keyspace as u8]);
                put_bytes(out, key);
                put_bytes(out, value);
            }
            Self::Delete { keyspace, key } => {
                out.extend_from_slice(&[TAG_DELETE, *keyspace as u8]);
                put_bytes(out, key);
            }
            Self::DeleteRange { keyspace, from, to } => {
                out.extend_from_slice(&[TAG_DELETE_RANGE, *keyspace as u8]);
                put_bytes(out, from);
                put_bytes(out, to);
            }
        }
    }

    /// Decodes all operations of an entry.
    ///
    /// # Errors
    /// [`BadOperations`] for bytes that [`Self::encode`] did not write.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, BadOperations> {
        let mut input = Input(bytes);
        let mut operations = Vec::new();
        while !input.0.is_empty() {
            operations.push(Self::decode(&mut input)?);
        }
        Ok(operations)
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, BadOperations> {
        let [tag] = input.array()?;
        match tag {
            TAG_APPEND | TAG_APPEND_COUNTED => return Ok(Self::Append(decode_append(tag, input)?)),
            TAG_STAGE => return decode_stage(input).map(Self::Stage),
            TAG_APPEND_STAGED => {
                let (segment, position) = (input.u64()?, input.u64()?);
                let [tag] = input.array()?;
                let place = BatchPlace { segment, position };
                return Ok(Self::AppendStaged(decode_append(tag, input)?, place));
            }
            TAG_SET_KEYS => {
                return Ok(Self::SetKeys(KeysMeta {
                    partition: input.partition()?,
                    base_offset: input.u64()?,
                    length: input.u32()?,
                    crc: input.u32()?,
                }));
            }
            TAG_REWRITE => {
                let tombstones_until_ms =
                    Some(input.u64()?).filter(|until_ms| *until_ms != MOVED).unwrap_or(0);
                let [tag] = input.array()?;
                let batch = decode_append(tag, input)?;
                return Ok(Self::Rewrite(RewriteMeta { batch, tombstones_until_ms }));
            }
            _ => {}
        }
        let [keyspace] = input.array()?;
        let keyspace = Keyspace::from_number(keyspace).ok_or(BadOperations)?;
        match tag {
            TAG_PUT => Ok(Self::Put { keyspace, key: input.bytes()?, value: input.bytes()? }),
            TAG_DELETE => Ok(Self::Delete { keyspace, key: input.bytes()? }),
            TAG_DELETE_RANGE => Ok(Self::DeleteRange { keyspace, from: input.bytes()?, to: input.bytes()? }),
            _ => Err(BadOperations),
        }
    }
}

fn decode_append(tag: u8, input: &mut Input<'_>) -> Result<BatchMeta, BadOperations> {
    Ok(BatchMeta {
        partition: input.partition()?,
        base_offset: input.u64()?,
        records: input.u32()?,
        append_time_ms: i64::from_le_bytes(input.array()?),
        max_timestamp_ms: i64::from_le_bytes(input.array()?),
        bytes_before: input.u64()?,
        length: input.u32()?,
        crc: input.u32()?,
        totals: match tag {
            TAG_APPEND => None,
            TAG_APPEND_COUNTED => Some(Totals::take(&input.array()?).map_err(|_| BadOperations)?),
            _ => return Err(BadOperations),
        },
    })
}

fn decode_stage(input: &mut Input<'_>) -> Result<StagedMeta, BadOperations> {
    Ok(StagedMeta {
        partition: input.partition()?,
        producer: ProducerId(input.u64()?),
        index: input.u32()?,
        records: input.u32()?,
        max_timestamp_ms: match (input.array()?, i64::from_le_bytes(input.array()?)) {
            ([0], _) => None,
            ([1], at_ms) => Some(at_ms),
            _ => return Err(BadOperations),
        },
        length: input.u32()?,
        crc: input.u32()?,
    })
}

fn put_partition(out: &mut Vec<u8>, partition: PartitionId) {
    out.extend_from_slice(&partition.tenant.0.to_le_bytes());
    out.extend_from_slice(&partition.topic.0.to_le_bytes());
    out.extend_from_slice(&partition.partition.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing that is stored comes near 4 GiB: requests are limited to a few MiB.
    #[expect(clippy::cast_possible_truncation, reason = "far below 4 GiB")]
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadOperations> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(BadOperations)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32, BadOperations> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, BadOperations> {
        self.array().map(u64::from_le_bytes)
    }

    fn partition(&mut self) -> Result<PartitionId, BadOperations> {
        let (tenant, topic, partition) = (TenantId(self.u32()?), TopicId(self.u64()?), self.u32()?);
        Ok(PartitionId { tenant, topic, partition })
    }

    fn bytes(&mut self) -> Result<Vec<u8>, BadOperations> {
        let length = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(length).ok_or(BadOperations)?;
        self.0 = rest;
        Ok(head.to_vec())
    }
}

#[cfg(test)]
mod tests;
