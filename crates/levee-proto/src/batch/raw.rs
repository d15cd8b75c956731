//! The records of a batch as their bytes, for whoever needs little of them, or puts them into another batch.
//!
//! It is for batches that [`check`](super::check) or [`check_stored`](super::check_stored) let through: what breaks a
//! rule may be told or not, and never panics.

use super::deltas::Deltas;
use super::fault::corrupt;
use super::records::{KEY, RECORDS, TIMESTAMP_MS, VALUE};
use super::wire::{BYTES, VARINT, Wire};
use super::{Content, RECORDS_BYTE, compression, content, invalid, seal, too_large};
use crate::v1::Compression;
use bytes::{BufMut as _, Bytes, BytesMut};
use levee_types::LeveeError;
use levee_types::limits::{MAX_BATCH_UNCOMPRESSED_BYTES, MAX_TABLE_KEY_BYTES};
use prost::encoding::{encode_varint, encoded_len_varint};

/// A record as it stands in its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// From the base offset of its batch.
    pub delta: u32,
    /// Its key, if it has one.
    pub key: Option<Bytes>,
    /// Whether it has a value.
    pub has_value: bool,
    /// Its timestamp in Unix milliseconds, if it has one.
    pub timestamp_ms: Option<i64>,
    /// The serialized [`Record`](crate::v1::Record).
    pub bytes: Bytes,
}

/// What a record says of itself.
#[derive(Default)]
struct Glance<'a> {
    key: Option<&'a [u8]>,
    has_value: bool,
    timestamp_ms: Option<i64>,
}

/// The records of a batch, each with its distance. They refer to `batch`, or to the bytes it decompresses to, and keep
/// all of that in memory while one of them lives.
///
/// # Errors
/// `TOO_LARGE`, `CORRUPT_BATCH` or `INVALID_ARGUMENT` for bytes that no check would let through.
pub fn open(batch: &Bytes) -> Result<Vec<RawRecord>, LeveeError> {
    let Content { codec, compressed, deltas, .. } = content(batch)?;
    let plain = match codec {
        None => batch.clone(),
        Some(codec) => compression::decompress(codec, compressed)?,
    };
    let mut records = Vec::new();
    each(&plain, deltas, |delta, bytes| {
        records.push(raw(delta, &plain, bytes)?);
        Ok(())
    })?;
    Ok(records)
}

/// Tells of each record of a batch of a table its distance, its key, and whether it is a tombstone, which has no value.
/// Builds no records.
///
/// # Errors
/// `INVALID_ARGUMENT` if a record has no key, or an empty one; `TOO_LARGE` for one of more than
/// [`MAX_TABLE_KEY_BYTES`].
pub fn keys(batch: &Bytes, mut tell: impl FnMut(u32, &[u8], bool)) -> Result<(), LeveeError> {
    let Content { codec, compressed, deltas, .. } = content(batch)?;
    let mut index = 0;
    let mut tell_all = |plain: &[u8]| {
        each(plain, deltas, |delta, bytes| {
            let Glance { key, has_value, .. } = glance(bytes)?;
            tell(delta, table_key(index, key)?, !has_value);
            index += 1;
            Ok(())
        })
    };
    match codec {
        None => tell_all(batch),
        Some(codec) => compression::with_decompressed(codec, compressed, &mut tell_all),
    }
}

fn table_key(index: usize, key: Option<&[u8]>) -> Result<&[u8], LeveeError> {
    match key {
        Some(key) if key.len() > MAX_TABLE_KEY_BYTES => {
            let what = format!("record {index}: key of a table");
            let hint = "make it shorter, or put what does not fit into the value";
            Err(too_large(&what, key.len(), MAX_TABLE_KEY_BYTES).with_hint(hint))
        }
        Some(key) if !key.is_empty() => Ok(key),
        _ => Err(invalid(format!("record {index}: it has no key, and the topic is a table")).with_hint(format!(
            "give each record a key of 1 to {MAX_TABLE_KEY_BYTES} bytes; one without a value deletes its key"
        ))),
    }
}

/// The record of a batch at a distance, if there is one. Looks at no others. It keeps no more in memory than itself, if
/// the batch is compressed.
///
/// # Errors
/// As [`open`].
pub fn raw_at(batch: &Bytes, delta: u32) -> Result<Option<RawRecord>, LeveeError> {
    let Content { codec, compressed, deltas, .. } = content(batch)?;
    let Some(index) = deltas.index_of(delta) else { return Ok(None) };
    let found = match codec {
        None => nth(batch, index)?.map(|record| batch.slice_ref(record)),
        Some(codec) => compression::with_decompressed(codec, compressed, |plain| {
            Ok(nth(plain, index)?.map(Bytes::copy_from_slice))
        })?,
    };
    found.map(|bytes| raw(delta, &bytes, &bytes)).transpose()
}

/// A record out of the bytes that hold it.
fn raw(delta: u32, plain: &Bytes, record: &[u8]) -> Result<RawRecord, LeveeError> {
    let Glance { key, has_value, timestamp_ms } = glance(record)?;
    let key = key.map(|key| plain.slice_ref(key));
    Ok(RawRecord { delta, key, has_value, timestamp_ms, bytes: plain.slice_ref(record) })
}

/// A batch of these records, in their order, with their distances, which ascend, and their timestamps; compressed as
/// `like` is. A record that has a timestamp of its own keeps it. If a batch is so large that those which are added have
/// no room, none is.
#[must_use]
pub fn build<'a>(records: impl IntoIterator<Item = (u32, Option<i64>, &'a Bytes)>, like: &Bytes) -> Bytes {
    let codec = content(like).ok().and_then(|content| content.codec).unwrap_or(Compression::Unspecified);
    let added = |timestamp_ms: Option<i64>, bytes: &[u8]| timestamp_ms.filter(|_| !has_timestamp(bytes));
    let mut records: Vec<_> = records
        .into_iter()
        .map(|(delta, timestamp_ms, bytes)| {
            (delta, added(timestamp_ms, bytes).map(i64::cast_unsigned), bytes)
        })
        .collect();
    let mut bytes: usize = records.iter().map(|(_, added, bytes)| framed(length(*added, bytes))).sum();
    if bytes > MAX_BATCH_UNCOMPRESSED_BYTES {
        records.iter_mut().for_each(|(_, added, _)| *added = None);
        bytes = records.iter().map(|(_, _, bytes)| framed(bytes.len())).sum();
    }
    let mut plain = BytesMut::with_capacity(bytes);
    let mut deltas = Vec::with_capacity(records.len());
    for (delta, added, bytes) in records {
        deltas.push(delta);
        plain.put_u8(RECORDS_BYTE);
        encode_varint(length(added, bytes) as u64, &mut plain);
        plain.extend_from_slice(bytes);
        if let Some(at) = added {
            plain.put_u8(TIMESTAMP_BYTE);
            encode_varint(at, &mut plain);
        }
    }
    seal(plain, deltas, codec)
}

/// Bytes of a record with what is added to it.
fn length(added: Option<u64>, record: &[u8]) -> usize {
    record.len() + added.map_or(0, |at| 1 + encoded_len_varint(at))
}

/// Bytes of a record of this length within its batch.
fn framed(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

/// [`TIMESTAMP_MS`] as it is written.
const TIMESTAMP_BYTE: u8 = 0x20;

/// What has its own keeps it.
fn has_timestamp(record: &[u8]) -> bool {
    glance(record).is_ok_and(|glance| glance.timestamp_ms.is_some())
}

/// Calls `then` for each record of a `Records`, or of a `RecordBatch` that is not compressed.
fn each<'a>(
    plain: &'a [u8],
    deltas: Deltas<'_>,
    mut then: impl FnMut(u32, &'a [u8]) -> Result<(), LeveeError>,
) -> Result<(), LeveeError> {
    let mut deltas = deltas.iter();
    let mut wire = Wire::new(plain);
    while let Some(record) = next_record(&mut wire)? {
        let delta = deltas.next().ok_or_else(|| corrupt("offset_deltas has too few distances"))?;
        then(delta, record)?;
    }
    Ok(())
}

fn nth(plain: &[u8], index: usize) -> Result<Option<&[u8]>, LeveeError> {
    let mut wire = Wire::new(plain);
    for _ in 0..index {
        next_record(&mut wire)?;
    }
    next_record(&mut wire)
}

/// Skips whatever else a batch has.
fn next_record<'a>(wire: &mut Wire<'a>) -> Result<Option<&'a [u8]>, LeveeError> {
    while !wire.is_empty() {
        match wire.key()? {
            RECORDS => return wire.bytes().map(Some),
            key => skip(wire, key)?,
        }
    }
    Ok(None)
}

fn glance(record: &[u8]) -> Result<Glance<'_>, LeveeError> {
    let mut glance = Glance::default();
    let mut wire = Wire::new(record);
    while !wire.is_empty() {
        match wire.key()? {
            KEY => glance.key = Some(wire.bytes()?),
            VALUE => {
                wire.bytes()?;
                glance.has_value = true;
            }
            TIMESTAMP_MS => glance.timestamp_ms = Some(wire.varint()?.cast_signed()),
            key => skip(&mut wire, key)?,
        }
    }
    Ok(glance)
}

fn skip(wire: &mut Wire<'_>, key: u64) -> Result<(), LeveeError> {
    match key & 7 {
        VARINT => wire.varint().map(drop),
        BYTES => wire.bytes().map(drop),
        other => Err(corrupt(format!("field {} has the wire type {other}", key >> 3))),
    }
}
