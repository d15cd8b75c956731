//! What is produced: batches that are encoded once, before anything is measured.

use bytes::Bytes;
use levee_proto::{batch, v1};
use levee_tests::seed::Seed;

/// Bytes of the value of a record.
pub(crate) const RECORD_BYTES: usize = 1024;
/// What a batch is filled up to.
const BATCH_BYTES: usize = 64 * 1024;
/// Of one record in a batch beside its value: two field keys and two lengths.
const RECORD_OVERHEAD: usize = 6;
/// Records of a full batch.
pub(crate) const BATCH_RECORDS: usize = BATCH_BYTES / (RECORD_BYTES + RECORD_OVERHEAD);
/// Different batches: enough that no cache of the processor holds them all for free.
const VARIANTS: u64 = 16;

/// An encoded batch.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    pub(crate) crc: u32,
    pub(crate) records: u32,
}

impl Batch {
    /// Encodes records of these values.
    pub(crate) fn of(values: impl Iterator<Item = Bytes>) -> Self {
        let records: Vec<_> =
            values.map(|value| v1::Record { value: Some(value), ..v1::Record::default() }).collect();
        Self::of_records(&records)
    }

    /// Encodes records.
    pub(crate) fn of_records(records: &[v1::Record]) -> Self {
        let bytes = batch::encode(records, v1::Compression::Unspecified);
        let crc = crc32c::crc32c(&bytes);
        Self { bytes, crc, records: u32::try_from(records.len()).unwrap_or(u32::MAX) }
    }

    /// A request to append it.
    pub(crate) fn request(
        &self,
        topic: &str,
        partition: u32,
        producer: Option<v1::ProducerSequence>,
    ) -> v1::ProduceRequest {
        v1::ProduceRequest {
            topic: topic.to_owned(),
            partition,
            batch: self.bytes.clone(),
            batch_crc32c: Some(self.crc),
            producer,
            ..Default::default()
        }
    }
}

/// Full batches of random bytes.
pub(crate) fn full_batches() -> Vec<Batch> {
    (0..VARIANTS)
        .map(|variant| {
            let mut seed = Seed::new(variant);
            Batch::of((0..BATCH_RECORDS).map(|_| random(&mut seed, RECORD_BYTES)))
        })
        .collect()
}

/// Bytes that do not compress.
pub(crate) fn random(seed: &mut Seed, length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&seed.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}
