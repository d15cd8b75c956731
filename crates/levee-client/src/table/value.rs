//! Values as the broker tells them.

use crate::record::{ReadRecord, Record};
use bytes::Bytes;
use levee_proto::v1;
use std::sync::Arc;

/// What there is of a key.
pub(super) enum Found {
    Record(ReadRecord),
    Deleted { key: Bytes, partition: u32, offset: u64, append_time_ms: i64 },
    Absent,
}

pub(super) fn found(topic: &Arc<str>, value: v1::KeyValue) -> Found {
    let v1::KeyValue { key, record, partition, offset, append_time_ms } = value;
    let (Some(partition), Some(offset)) = (partition, offset) else { return Found::Absent };
    match record {
        Some(record) => {
            let record = Record::from_message(record);
            Found::Record(ReadRecord {
                topic: Arc::clone(topic),
                partition,
                offset,
                timestamp_ms: record.timestamp_ms.or(append_time_ms).unwrap_or_default(),
                record,
            })
        }
        None => {
            let append_time_ms = append_time_ms.unwrap_or_default();
            Found::Deleted { key, partition, offset, append_time_ms }
        }
    }
}
