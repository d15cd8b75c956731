//! From a request to what storage is asked for, and from its outcome to an answer.

use super::sequence::{to_producer, to_transaction};
use super::submission::Submission;
use crate::admission::Reservation;
use crate::authorize::{InTenant, Permit};
use crate::codec::table_keys;
use crate::fields::invalid;
use crate::tenants::TenantUse;
use bytes::Bytes;
use levee_proto::{batch, v1};
use levee_storage::{Append, Appended, Topic};
use levee_types::LeveeError;
use levee_types::quota::Dimension;
use metrics::Counter;
use std::sync::Arc;
use std::time::Duration;

/// Batches below this get memory of their own: small messages share a buffer, so that a slice of one may
/// hold many times its size. A copy of this size is cheap.
const COPY_BELOW_BYTES: usize = 32 * 1024;

/// A batch that storage may have as soon as the tenant's quota allows it.
pub(super) struct Checked {
    pub(super) submission: Submission,
    /// Where to.
    pub(super) topic: Arc<Topic>,
    /// What it takes of the quota.
    pub(super) reservation: Reservation,
}

/// Checks every field, and takes the batch's share of the quota. What it lets through can be appended and served as
/// it is. `held_bytes` is what the batch, a slice of what was received, keeps in memory.
pub(super) fn check(
    permit: &Permit<InTenant>,
    request: v1::ProduceRequest,
    held_bytes: usize,
) -> Result<Checked, LeveeError> {
    let v1::ProduceRequest { topic, partition, batch, batch_crc32c, producer, transaction, expected_offset } =
        request;
    let (append, topic) = check_batch(permit, &topic, partition, batch, batch_crc32c, held_bytes)?;
    let producer = producer.map(|producer| to_producer(producer, append.records)).transpose()?;
    let transaction = transaction.map(to_transaction).transpose()?;
    if transaction.is_some() && producer.is_some() {
        let hint = "leave producer out: the transaction says who sends the batch, and its place";
        return Err(invalid("producer", "it is given with transaction", hint));
    }
    if transaction.is_some() && expected_offset.is_some() {
        let hint =
            "leave one of them out: the batches of a transaction get their offsets when it is committed";
        return Err(invalid("expected_offset", "it is given with transaction", hint));
    }
    // Last, so that what is refused for another reason costs nothing.
    let reservation = permit.reserve(Dimension::Ingress, append.batch.len() as u64, Some(&topic))?;
    let append = Append { producer, expected_offset, ..append };
    Ok(Checked { submission: Submission { append, transaction }, topic, reservation })
}

/// Checks a batch and where it is to go.
pub(in crate::services) fn check_batch(
    permit: &Permit<InTenant>,
    topic: &str,
    partition: u32,
    batch: Bytes,
    batch_crc32c: Option<u32>,
    held_bytes: usize,
) -> Result<(Append, Arc<Topic>), LeveeError> {
    let topic = permit.topic("topic", topic)?;
    let partition = permit.partition(&topic, partition)?;
    if batch.is_empty() {
        return Err(invalid("batch", "it is missing or empty", "give a levee.v1.RecordBatch with records"));
    }
    let checked = batch::check(&batch, batch_crc32c, topic.config.max_message_bytes)?;
    let append = Append {
        keys: table_keys(&topic, &batch)?,
        partition,
        batch: of_its_own(batch, held_bytes),
        crc: checked.crc,
        records: checked.records,
        max_timestamp_ms: checked.max_timestamp_ms,
        producer: None,
        expected_offset: None,
        durability: topic.config.durability,
        weight: permit.weight(),
    };
    Ok((append, topic))
}

/// The batch in memory of about its size. Queue and tail cache count the bytes of batches: what these hold
/// beyond is in nobody's budget. A usual batch is nearly all of its message, and is not copied.
fn of_its_own(batch: Bytes, held_bytes: usize) -> Bytes {
    if batch.len() < COPY_BELOW_BYTES || held_bytes / 2 > batch.len() {
        Bytes::copy_from_slice(&batch)
    } else {
        batch
    }
}

/// The answer to an append that was acknowledged, after it had waited so long for the quota.
pub(super) fn answer(appended: Appended, throttled: Duration) -> v1::ProduceResponse {
    let Appended { base_offset, append_time_ms, duplicate } = appended;
    let throttle_ms = u32::try_from(throttled.as_millis()).unwrap_or(u32::MAX);
    v1::ProduceResponse { base_offset, append_time_ms, duplicate, throttle_ms }
}

/// What a batch adds to the metrics once it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(in crate::services) struct Volume {
    records: u64,
    bytes: u64,
}

impl Volume {
    pub(in crate::services) fn of(append: &Append) -> Self {
        Self { records: u64::from(append.records), bytes: append.batch.len() as u64 }
    }
}

/// Counters of what was acknowledged, looked up once: with small batches that is worth it.
#[derive(Clone)]
pub(in crate::services) struct Produced {
    batches: Counter,
    records: Counter,
    bytes: Counter,
}

impl Produced {
    pub(in crate::services) fn new() -> Self {
        Self {
            batches: metrics::counter!("levee_produced_batches_total"),
            records: metrics::counter!("levee_produced_records_total"),
            bytes: metrics::counter!("levee_produced_bytes_total"),
        }
    }

    pub(in crate::services) fn count(&self, volume: Volume, tenant: &TenantUse) {
        self.batches.increment(1);
        self.records.increment(volume.records);
        self.bytes.increment(volume.bytes);
        tenant.appended(volume.bytes, volume.records);
    }
}

#[cfg(test)]
mod tests {
    use super::of_its_own;
    use bytes::Bytes;

    #[test]
    fn a_batch_is_copied_when_it_would_hold_more_than_twice_its_size() {
        let is_copied = |size: usize, held_bytes| {
            let batch = Bytes::from(vec![7; size]);
            let kept = of_its_own(batch.clone(), held_bytes);
            assert_eq!(kept, batch);
            kept.as_ptr() != batch.as_ptr()
        };
        assert!(!is_copied(64 * 1024, 64 * 1024 + 40), "a usual batch");
        assert!(!is_copied(1024 * 1024, 1024 * 1024 + 40));
        assert!(is_copied(33 * 1024, 1024 * 1024), "a message that is mostly something else");
        assert!(is_copied(64 * 1024, usize::MAX), "nobody knows");
        assert!(is_copied(1024, 1064));
    }
}
