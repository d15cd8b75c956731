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
mod fault;
mod lz4;
mod records;
mod wire;

#[cfg(test)]
mod tests;

use crate::v1::{Compression, Record, RecordBatch, Records};
use bytes::{BufMut as _, Bytes, BytesMut};
use fault::{corrupt, invalid, too_large};
use levee_types::LeveeError;
use levee_types::limits::{MAX_BATCH_BYTES, MAX_BATCH_UNCOMPRESSED_BYTES};
use prost::Message as _;
use records::Tally;
use wire::{Once, Wire, field_key, unexpected};

/// What is known of a batch that passed [`check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// How many records it has: 1 to [`levee_types::limits::MAX_BATCH_RECORDS`].
    pub records: u32,
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

/// Checks a batch at the receiver.
///
/// `crc` is what the sender says the CRC32C of `batch` is; when given, any damage on the way is told as
/// `CORRUPT_BATCH`. `limit_bytes` is the topic's `max.message.bytes`; [`MAX_BATCH_BYTES`] holds as well.
///
/// # Errors
/// `TOO_LARGE`, `CORRUPT_BATCH` or `INVALID_ARGUMENT`, as the module says.
pub fn check(batch: &Bytes, crc: Option<u32>, limit_bytes: usize) -> Result<Checked, LeveeError> {
    let limit_bytes = limit_bytes.min(MAX_BATCH_BYTES);
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
    let mut compression = 0;
    let mut compressed: &[u8] = &[];
    let mut once = Once::new("RecordBatch");
    let mut wire = Wire::new(batch);
    while !wire.is_empty() {
        match wire.key()? {
            RECORDS => tally.add(wire.bytes()?)?,
            COMPRESSION => {
                once.see(2)?;
                compression = wire.int32()?;
            }
            COMPRESSED_RECORDS => {
                once.see(3)?;
                compressed = wire.bytes()?;
            }
            key => return Err(unexpected("RecordBatch", 3, key)),
        }
    }
    if let Some(codec) = codec(compression, tally.records() > 0, compressed)? {
        compression::with_decompressed(codec, compressed, |records| tally.add_all(records))?;
    }
    if tally.records() == 0 {
        return Err(invalid("batch has no records").with_hint("send at least one"));
    }
    Ok(Checked { records: tally.records(), max_timestamp_ms: tally.max_timestamp_ms(), crc: actual })
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
    // A `Records` has the field `records` under the same number as a `RecordBatch`, so this is the
    // whole of a batch that is not compressed and the content of one that is.
    let mut plain = BytesMut::with_capacity(records.iter().map(|record| record.encoded_len() + 6).sum());
    for record in records {
        plain.put_u8(RECORDS_BYTE);
        #[expect(clippy::expect_used, reason = "a BytesMut grows")]
        record.encode_length_delimited(&mut plain).expect("a BytesMut grows");
    }
    if compression == Compression::Unspecified {
        return plain.freeze();
    }
    let compressed_records = compression::compress(compression, &plain);
    let batch = RecordBatch { records: Vec::new(), compression: compression.into(), compressed_records };
    batch.encode_to_vec().into()
}

/// Opens a batch as a reader. The keys and values of the records refer to `batch`, or to the bytes it
/// decompresses to, and keep all of that in memory while one of them lives.
///
/// The limits are the broker's to enforce; only that of the decompressed size is checked again here.
///
/// # Errors
/// `TOO_LARGE`, `CORRUPT_BATCH` or `INVALID_ARGUMENT` for bytes that [`check`] would not let through.
pub fn decode(batch: &Bytes) -> Result<Vec<Record>, LeveeError> {
    let decoded = RecordBatch::decode(batch.clone()).map_err(|error| corrupt(format!("batch: {error}")))?;
    match codec(decoded.compression, !decoded.records.is_empty(), &decoded.compressed_records)? {
        None => Ok(decoded.records),
        Some(codec) => {
            let plain = compression::decompress(codec, &decoded.compressed_records)?;
            let records =
                Records::decode(plain).map_err(|error| corrupt(format!("compressed records: {error}")))?;
            Ok(records.records)
        }
    }
}
