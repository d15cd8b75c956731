//! Record batches: how a sender builds one, how the broker checks one, how a reader opens one.
//!
//! A batch is a serialized `levee.v1.RecordBatch`. It is encoded once, by the producer, and stored and
//! served verbatim, so [`check`] is all that stands between a client and what every reader will get:
//! * What it lets through, every protobuf library decodes to the same records, within the limits of
//!   [`levee_types::limits`]. It is stricter than protobuf: unknown fields, other wire types and fields
//!   that are given twice are refused, so that nothing is stored that no reader would see.
//! * It works on the bytes as they are and builds no records: it runs for every byte that is produced.
//! * No input makes it panic, or hold more than [`MAX_BATCH_UNCOMPRESSED_BYTES`] for decompressed
//!   records.
//!
//! Error codes: `TOO_LARGE` for what is beyond a limit, `CORRUPT_BATCH` for bytes that are not a batch
//! or do not match their checksum, `INVALID_ARGUMENT` for a batch that breaks a rule.

mod compression;
mod deltas;
mod fault;
mod lz4;
mod raw;
mod records;
mod wire;

#[cfg(test)]
mod tests;

pub use raw::{RawRecord, build, keys, open, raw_at};

use crate::v1::{Compression, Record, RecordBatch, Records};
use bytes::{BufMut as _, Bytes, BytesMut};
use deltas::Deltas;
use fault::{corrupt, invalid, too_large};
use levee_types::LeveeError;
use levee_types::limits::{
    MAX_BATCH_BYTES, MAX_BATCH_UNCOMPRESSED_BYTES, MAX_COMPACTED_SPAN, MAX_STORED_BATCH_BYTES,
};
use prost::Message as _;
use records::Tally;
use wire::{Once, Wire, field_key, unexpected};

/// What is known of a batch that passed [`check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// How many records it has: 1 to [`levee_types::limits::MAX_BATCH_RECORDS`]; 0 only if compaction left none.
    pub records: u32,
    /// How many offsets it covers: as many, or more if it has gaps.
    pub span: u32,
    /// The latest timestamp of its records in Unix milliseconds; none if no record has one.
    pub max_timestamp_ms: Option<i64>,
    /// CRC32C (Castagnoli) of its bytes.
    pub crc: u32,
}

const RECORDS: u64 = field_key(1, wire::BYTES);
/// [`RECORDS`] as it is written.
const RECORDS_BYTE: u8 = 0x0a;
const COMPRESSION: u64 = field_key(2, wire::VARINT);
const COMPRESSED_RECORDS: u64 = field_key(3, wire::BYTES);
const OFFSET_DELTAS: u64 = field_key(4, wire::BYTES);

/// Checks a batch at the receiver.
///
/// `crc` is what the sender says the CRC32C of `batch` is; when given, any damage on the way is told as
/// `CORRUPT_BATCH`. `limit_bytes` is the topic's `max.message.bytes`; [`MAX_BATCH_BYTES`] holds as well.
///
/// # Errors
/// `TOO_LARGE`, `CORRUPT_BATCH` or `INVALID_ARGUMENT`, as the module says.
pub fn check(batch: &Bytes, crc: Option<u32>, limit_bytes: usize) -> Result<Checked, LeveeError> {
    check_with(batch, crc, limit_bytes.min(MAX_BATCH_BYTES), false)
}

/// Checks a batch that a broker stored, and that may have been compacted: it may have `offset_deltas`, up to
/// [`MAX_STORED_BATCH_BYTES`], and no records at all.
///
/// # Errors
/// As [`check`].
pub fn check_stored(batch: &Bytes, crc: Option<u32>) -> Result<Checked, LeveeError> {
    check_with(batch, crc, MAX_STORED_BATCH_BYTES, true)
}

fn check_with(
    batch: &Bytes,
    crc: Option<u32>,
    limit_bytes: usize,
    may_have_gaps: bool,
) -> Result<Checked, LeveeError> {
    if batch.len() > limit_bytes {
        return Err(too_large("batch", batch.len(), limit_bytes).with_hint(format!(
            "send smaller batches, or raise max.message.bytes of the topic (at most {MAX_BATCH_BYTES})"
        )));
    }
    let actual = crc32c::crc32c(batch);
    if let Some(expected) = crc.filter(|expected| *expected != actual) {
        return Err(corrupt(format!(
            "batch has the CRC32C {actual:#010x}, its sender computed {expected:#010x}"
        ))
        .with_hint("it was damaged on its way: send it again"));
    }

    let mut tally = Tally::default();
    let Content { codec, compressed, deltas, has_deltas } = parse(batch, |record| tally.add(record))?;
    if has_deltas && !may_have_gaps {
        return Err(invalid("batch has offset_deltas, which only the broker sets")
            .with_hint("leave it out: the broker gives its records offsets without gaps"));
    }
    if let Some(codec) = codec {
        compression::with_decompressed(codec, compressed, |records| tally.add_all(records))?;
    }
    let records = tally.records();
    if records == 0 && !may_have_gaps {
        return Err(invalid("batch has no records").with_hint("send at least one"));
    }
    let span = deltas.span(records)?;
    Ok(Checked { records, span, max_timestamp_ms: tally.max_timestamp_ms(), crc: actual })
}

/// A batch but for its records.
struct Content<'a> {
    codec: Option<Compression>,
    compressed: &'a [u8],
    deltas: Deltas<'a>,
    has_deltas: bool,
}

/// What a batch says of its records.
fn content(batch: &[u8]) -> Result<Content<'_>, LeveeError> {
    parse(batch, |_| Ok(()))
}

/// Reads the fields of a batch. `add` gets each record of one that is not compressed.
fn parse<'a>(
    batch: &'a [u8],
    mut add: impl FnMut(&'a [u8]) -> Result<(), LeveeError>,
) -> Result<Content<'a>, LeveeError> {
    let (mut compression, mut has_records, mut has_deltas) = (0, false, false);
    let (mut compressed, mut deltas): (&[u8], &[u8]) = (&[], &[]);
    let mut once = Once::new("RecordBatch");
    let mut wire = Wire::new(batch);
    while !wire.is_empty() {
        match wire.key()? {
            RECORDS => {
                has_records = true;
                add(wire.bytes()?)?;
            }
            COMPRESSION => {
                once.see(2)?;
                compression = wire.int32()?;
            }
            COMPRESSED_RECORDS => {
                once.see(3)?;
                compressed = wire.bytes()?;
            }
            OFFSET_DELTAS => {
                once.see(4)?;
                has_deltas = true;
                deltas = wire.bytes()?;
            }
            key => return Err(unexpected("RecordBatch", 4, key)),
        }
    }
    let codec = codec(compression, has_records, compressed)?;
    Ok(Content { codec, compressed, deltas: Deltas::new(deltas)?, has_deltas })
}

/// How the records are compressed, if they are; refuses a batch that says two things at once.
fn codec(compression: i32, has_records: bool, compressed: &[u8]) -> Result<Option<Compression>, LeveeError> {
    let codec = Compression::try_from(compression).map_err(|_| {
        invalid(format!("batch has the unknown compression {compression}"))
            .with_hint("known are 1 (LZ4) and 2 (Zstandard)")
    })?;
    match (codec, has_records, compressed.is_empty()) {
        (_, true, false) => {
            Err(invalid("batch has both records and compressed_records").with_hint("give one of them"))
        }
        (Compression::Unspecified, _, true) => Ok(None),
        (Compression::Unspecified, _, false) => {
            Err(invalid("batch has compressed_records but does not say how they are compressed")
                .with_hint("set compression to 1 (LZ4) or 2 (Zstandard)"))
        }
        (_, _, true) => Err(invalid("batch says how it is compressed but has no compressed_records")
            .with_hint("leave compression out, or give compressed_records")),
        (_, false, false) => Ok(Some(codec)),
    }
}

/// Encodes records as a sender. Checks nothing: the receiver does.
#[must_use]
pub fn encode(records: &[Record], compression: Compression) -> Bytes {
    seal(plain(records.iter()), Vec::new(), compression)
}

/// Encodes records with their distances from the base offset, which ascend, as the broker does when it compacts.
#[must_use]
pub fn encode_with_deltas(records: &[(u32, Record)], compression: Compression) -> Bytes {
    let deltas = records.iter().map(|(delta, _)| *delta).collect();
    seal(plain(records.iter().map(|(_, record)| record)), deltas, compression)
}

/// A `Records` has the field `records` under the same number as a `RecordBatch`, so this is the whole of a batch that
/// is not compressed and the content of one that is.
fn plain<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> BytesMut {
    let bytes = records.clone().map(|record| record.encoded_len() + 6).sum();
    let mut plain = BytesMut::with_capacity(bytes);
    for record in records {
        plain.put_u8(RECORDS_BYTE);
        #[expect(clippy::expect_used, reason = "a BytesMut grows")]
        record.encode_length_delimited(&mut plain).expect("a BytesMut grows");
    }
    plain
}

/// Makes a batch of serialized records. Distances without gaps are left out.
fn seal(mut plain: BytesMut, mut offset_deltas: Vec<u32>, compression: Compression) -> Bytes {
    if offset_deltas.iter().zip(0..).all(|(delta, dense)| *delta == dense) {
        offset_deltas.clear();
    }
    if compression == Compression::Unspecified {
        let deltas = RecordBatch { offset_deltas, ..RecordBatch::default() };
        plain.extend_from_slice(&deltas.encode_to_vec());
        return plain.freeze();
    }
    let compressed_records = compression::compress(compression, &plain);
    let batch = RecordBatch {
        compression: compression.into(),
        compressed_records,
        offset_deltas,
        ..RecordBatch::default()
    };
    batch.encode_to_vec().into()
}

/// Opens a batch as a reader: each record with its distance from the base offset of the batch. The keys and values of
/// the records refer to `batch`, or to the bytes it decompresses to, and keep all of that in memory while one of them
/// lives.
///
/// The limits are the broker's to enforce; only that of the decompressed size is checked again here.
///
/// # Errors
/// `TOO_LARGE`, `CORRUPT_BATCH` or `INVALID_ARGUMENT` for bytes that [`check_stored`] would not let through.
pub fn decode(batch: &Bytes) -> Result<Vec<(u32, Record)>, LeveeError> {
    let decoded = RecordBatch::decode(batch.clone()).map_err(|error| corrupt(format!("batch: {error}")))?;
    let codec = codec(decoded.compression, !decoded.records.is_empty(), &decoded.compressed_records)?;
    let records = match codec {
        None => decoded.records,
        Some(codec) => {
            let plain = compression::decompress(codec, &decoded.compressed_records)?;
            Records::decode(plain).map_err(|error| corrupt(format!("compressed records: {error}")))?.records
        }
    };
    let deltas = decoded.offset_deltas;
    if deltas.is_empty() {
        return Ok((0..).zip(records).collect());
    }
    let ascend = deltas.is_sorted_by(|before, next| before < next)
        && deltas.last().is_none_or(|last| *last < MAX_COMPACTED_SPAN);
    if deltas.len() != records.len() || !ascend {
        return Err(corrupt("offset_deltas does not fit the records"));
    }
    Ok(deltas.into_iter().zip(records).collect())
}
