//! Batches for tests.

use levee_proto::{batch, v1};

/// A batch of records whose values are their offsets.
pub(crate) fn stored(position: u32, base_offset: u64, record_count: u32) -> v1::StoredBatch {
    let records: Vec<_> = (base_offset..base_offset + u64::from(record_count))
        .map(|offset| v1::Record { value: Some(offset.to_string().into()), ..v1::Record::default() })
        .collect();
    let batch = batch::encode(&records, v1::Compression::Lz4);
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
