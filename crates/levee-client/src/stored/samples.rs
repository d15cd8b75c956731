//! Batches for tests.

use levee_proto::{batch, v1};

/// A batch of records whose values are their offsets.
pub(crate) fn stored(position: u32, base_offset: u64, record_count: u32) -> v1::StoredBatch {
    with_gaps(position, base_offset, record_count, &(0..record_count).collect::<Vec<_>>())
}

/// A batch that covers so many offsets, with records at some of them, whose values are their offsets.
pub(crate) fn with_gaps(
    position: u32,
    base_offset: u64,
    record_count: u32,
    deltas: &[u32],
) -> v1::StoredBatch {
    let record = |delta: &u32| {
        let value = Some((base_offset + u64::from(*delta)).to_string().into());
        (*delta, v1::Record { value, ..v1::Record::default() })
    };
    let records: Vec<_> = deltas.iter().map(record).collect();
    let batch = batch::encode_with_deltas(&records, v1::Compression::Lz4);
    v1::StoredBatch {
        position,
        base_offset,
        record_count,
        append_time_ms: 5,
        batch_crc32c: crc32c::crc32c(&batch),
        end_offset: 99,
        batch,
    }
}
