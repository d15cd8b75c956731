//! Operations: what an entry of the journal does to the index and the state.
//!
//! Persisted, formats 1 and 2. All integers are little endian. Tags and keyspace numbers are never reused.
//! An entry's operations carry everything that applying them needs, so that the index is a function of
//! checkpoint and journal, and applying an entry twice is the same as once.

pub use crate::keys::Keyspace;

use crate::usage::Totals;
use levee_types::{PartitionId, TenantId, TopicId};

const TAG_APPEND: u8 = 1;
const TAG_PUT: u8 = 2;
const TAG_DELETE: u8 = 3;
const TAG_DELETE_RANGE: u8 = 4;
/// An append with the totals of its tenant; since format 2.
const TAG_APPEND_COUNTED: u8 = 5;

/// One operation. The payload of an append stands behind all operations of its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Appends a record batch to a partition.
    Append(BatchMeta),
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
                out.extend_from_slice(&batch.partition.tenant.0.to_le_bytes());
                out.extend_from_slice(&batch.partition.topic.0.to_le_bytes());
                out.extend_from_slice(&batch.partition.partition.to_le_bytes());
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
        if tag == TAG_APPEND || tag == TAG_APPEND_COUNTED {
            return Ok(Self::Append(BatchMeta {
                partition: PartitionId {
                    tenant: TenantId(u32::from_le_bytes(input.array()?)),
                    topic: TopicId(u64::from_le_bytes(input.array()?)),
                    partition: u32::from_le_bytes(input.array()?),
                },
                base_offset: u64::from_le_bytes(input.array()?),
                records: u32::from_le_bytes(input.array()?),
                append_time_ms: i64::from_le_bytes(input.array()?),
                max_timestamp_ms: i64::from_le_bytes(input.array()?),
                bytes_before: u64::from_le_bytes(input.array()?),
                length: u32::from_le_bytes(input.array()?),
                crc: u32::from_le_bytes(input.array()?),
                totals: match tag {
                    TAG_APPEND_COUNTED => Some(Totals::take(&input.array()?).map_err(|_| BadOperations)?),
                    _ => None,
                },
            }));
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

    fn bytes(&mut self) -> Result<Vec<u8>, BadOperations> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let (head, rest) = self.0.split_at_checked(length).ok_or(BadOperations)?;
        self.0 = rest;
        Ok(head.to_vec())
    }
}

#[cfg(test)]
mod tests;
