//! Deciding an append: where the batch goes, and whether it was stored before.

use super::{Effect, Group, Machine};
use crate::command::{Append, Appended, ProducerSequence, ProducerSession};
use crate::error::StorageError;
use crate::journal::Entry;
use crate::keyed::Keys;
use crate::keys::{self, Keyspace};
use crate::log::{self, Head, StoredBatch};
use crate::operation::{BatchMeta, KeysMeta, Operation};
use crate::rows::{BadRow, ProducerEpoch, ProducerRow, SentBatch, StagedRow, TopicRow};
use crate::usage::Totals;
use bytes::Bytes;
use levee_types::limits::PRODUCER_WINDOW;
use levee_types::{Durability, ErrorCode, LeveeError, PartitionId, ProducerId, TenantId, TopicConfig};
use std::cmp::Ordering;

impl Machine {
    pub(super) fn append(
        &mut self,
        append: Append,
        group: &mut Group,
        now_ms: i64,
    ) -> Result<Appended, StorageError> {
        let head = self.head(append.partition)?;
        if let Some(producer) = append.producer
            && let Some(stored) = self.check_sequence(&append, producer)?
        {
            if append.durability == Durability::Durable {
                group.require_sync();
            }
            return Ok(Appended {
                base_offset: stored.base_offset,
                append_time_ms: stored.append_time_ms,
                duplicate: true,
            });
        }
        // Behind the look for a repetition, which is answered with where the batch is.
        if let Some(expected) = append.expected_offset
            && expected != head.end
        {
            return Err(StorageError::OffsetMismatch { expected, current: head.end });
        }
        let tenant = append.partition.tenant;
        let bytes = append.batch.len() as u64;
        self.require_room(tenant, bytes)?;
        let totals = self.totals(tenant)?.append(bytes, u64::from(append.records), now_ms);
        let batch = BatchMeta { totals: Some(totals), ..batch_meta(&Arrival::of(&append), head, now_ms)? };
        let mut operations = vec![Operation::Append(batch)];
        let mut payload = vec![append.batch.clone()];
        if let Some((operation, keys)) = set_keys(head, append.keys.as_ref(), &batch)? {
            operations.push(operation);
            payload.push(keys);
        }
        if let Some(sent) = append.producer {
            let is_first = self.producer(append.partition, sent)?.window.is_empty();
            let forgotten = if is_first { self.forgotten_windows(append.partition)? } else { Vec::new() };
            operations.push(self.remember(append.partition, sent, &batch));
            operations.extend(forgotten);
        }
        // From here on nothing fails: what is remembered is what is written.
        self.extend(head, totals, &batch);
        let stored = StoredBatch {
            base_offset: batch.base_offset,
            records: batch.records,
            append_time_ms: now_ms,
            crc: batch.crc,
            bytes: append.batch,
        };
        group.add_effect(Effect::Appended(append.partition, stored));
        group.add(Entry { operations, payload }, append.durability == Durability::Durable);
        Ok(Appended { base_offset: batch.base_offset, append_time_ms: now_ms, duplicate: false })
    }

    /// Remembers that a batch is the last of its partition, and what the tenant has with it.
    pub(super) fn extend(&mut self, head: Head, totals: Totals, batch: &BatchMeta) {
        self.set_totals(batch.partition.tenant, totals);
        self.heads.insert(batch.partition, head.behind(batch));
    }

    /// Where the next batch of a partition goes. Remembered heads prove that the topic exists.
    pub(super) fn head(&mut self, partition: PartitionId) -> Result<Head, StorageError> {
        if let Some(head) = self.heads.get(&partition) {
            return Ok(*head);
        }
        let topic: Option<TopicRow> = self.row(&keys::topic(partition.tenant, partition.topic))?;
        let topic =
            topic.filter(|topic| partition.partition < topic.partitions).ok_or(StorageError::NoTopic)?;
        let config = TopicConfig::evaluate(&topic.set).map_err(|_| BadRow)?;
        let is_table = config.cleanup_policy.is_table();
        let head = Head { is_table, ..log::head(&self.index, partition)? };
        self.heads.insert(partition, head);
        Ok(head)
    }

    /// The batch as it was stored before, if it was; an error if it must not be stored now.
    fn check_sequence(
        &mut self,
        append: &Append,
        sent: ProducerSequence,
    ) -> Result<Option<SentBatch>, StorageError> {
        let session = ProducerSession { producer: sent.producer, epoch: sent.epoch };
        self.require_session(append.partition.tenant, session)?;
        let row = self.producer(append.partition, sent)?;
        let expected = row.window.back().map_or(0, |last| last.sequence + u64::from(last.records));
        if sent.sequence == expected {
            return Ok(None);
        }
        if sent.sequence > expected {
            return Err(StorageError::OutOfOrderSequence { sequence: sent.sequence, expected });
        }
        match row.window.iter().find(|batch| batch.sequence == sent.sequence) {
            Some(batch) if batch.records == append.records => Ok(Some(*batch)),
            // The same place with other records is not a repetition but a mistake of the producer.
            Some(_) => Err(StorageError::OutOfOrderSequence { sequence: sent.sequence, expected }),
            None if row.window.front().is_some_and(|first| sent.sequence < first.sequence) => {
                Err(StorageError::DuplicateSequence { sequence: sent.sequence })
            }
            None => Err(StorageError::OutOfOrderSequence { sequence: sent.sequence, expected }),
        }
    }

    /// Refuses another epoch of a producer than the present one.
    pub(super) fn require_session(
        &mut self,
        tenant: TenantId,
        session: ProducerSession,
    ) -> Result<(), StorageError> {
        let ProducerSession { producer, epoch } = session;
        let current = self.epoch(tenant, producer)?;
        match epoch.cmp(&current) {
            Ordering::Equal => Ok(()),
            Ordering::Less => Err(StorageError::ProducerFenced { epoch, current }),
            Ordering::Greater => Err(StorageError::UnknownProducer),
        }
    }

    /// The present epoch of a producer.
    pub(super) fn epoch(&mut self, tenant: TenantId, producer: ProducerId) -> Result<u32, StorageError> {
        if producer.0 < self.known_producers(tenant)?.first {
            return Err(StorageError::UnknownProducer);
        }
        if let Some(epoch) = self.epochs.get(&(tenant, producer)) {
            return Ok(*epoch);
        }
        let row: Option<ProducerEpoch> = self.row(&keys::producer(tenant, producer))?;
        let epoch = row.ok_or(StorageError::UnknownProducer)?.epoch;
        self.epochs.insert((tenant, producer), epoch);
        Ok(epoch)
    }

    /// What the producer sent to the partition in its present epoch.
    fn producer(
        &mut self,
        partition: PartitionId,
        sent: ProducerSequence,
    ) -> Result<&ProducerRow, StorageError> {
        let key = (partition, sent.producer);
        let is_current = |row: &ProducerRow| row.epoch == sent.epoch;
        if !self.producers.get(&key).is_some_and(is_current) {
            let stored =
                self.index.get(Keyspace::State, &keys::partition_producer(partition, sent.producer))?;
            let stored = stored.map(|row| ProducerRow::decode(&row)).transpose()?.filter(is_current);
            let fresh = ProducerRow { epoch: sent.epoch, ..ProducerRow::default() };
            self.producers.insert(key, stored.unwrap_or(fresh));
        }
        self.producers.get(&key).ok_or(StorageError::UnknownProducer)
    }

    /// Removes what producers sent to a partition that are forgotten: as many as come on average, and one more.
    fn forgotten_windows(&mut self, partition: PartitionId) -> Result<Vec<Operation>, StorageError> {
        let first = ProducerId(self.known_producers(partition.tenant)?.first);
        if first.0 <= 1 {
            return Ok(Vec::new());
        }
        let range =
            (keys::partition_producer(partition, ProducerId(0)), keys::partition_producer(partition, first));
        let mut cursor = self.index.cursor(Keyspace::State, range);
        cursor.first()?;
        let mut operations = Vec::new();
        while operations.len() < 2
            && let Some((key, _)) = cursor.item()
        {
            operations.push(Operation::Delete { keyspace: Keyspace::State, key: key.to_vec() });
            cursor.next()?;
        }
        Ok(operations)
    }

    fn remember(&mut self, partition: PartitionId, sent: ProducerSequence, batch: &BatchMeta) -> Operation {
        let row = self.producers.entry((partition, sent.producer)).or_default();
        row.epoch = sent.epoch;
        row.window.push_back(SentBatch {
            sequence: sent.sequence,
            records: batch.records,
            base_offset: batch.base_offset,
            append_time_ms: batch.append_time_ms,
        });
        if row.window.len() > PRODUCER_WINDOW {
            row.window.pop_front();
        }
        Operation::Put {
            keyspace: Keyspace::State,
            key: keys::partition_producer(partition, sent.producer),
            value: row.encode(),
        }
    }
}

/// What makes the records of a batch the newest ones of their keys, with its part of the payload, if the topic is a
/// table.
pub(super) fn set_keys(
    head: Head,
    keys: Option<&Keys>,
    batch: &BatchMeta,
) -> Result<Option<(Operation, Bytes)>, StorageError> {
    if !head.is_table {
        return Ok(None);
    }
    let bytes = keys.ok_or(StorageError::TopicChanged)?.bytes().clone();
    let meta = KeysMeta {
        partition: batch.partition,
        base_offset: batch.base_offset,
        // A batch is limited to 1 MiB, and decompressed to 4 MiB.
        length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        crc: crc32c::crc32c(&bytes),
    };
    Ok(Some((Operation::SetKeys(meta), bytes)))
}

/// What must be known of a batch to give it a place.
pub(super) struct Arrival {
    pub(super) partition: PartitionId,
    records: u32,
    bytes: usize,
    crc: u32,
    max_timestamp_ms: Option<i64>,
}

impl Arrival {
    pub(super) fn of(append: &Append) -> Self {
        Self {
            partition: append.partition,
            records: append.records,
            bytes: append.batch.len(),
            crc: append.crc,
            max_timestamp_ms: append.max_timestamp_ms,
        }
    }

    pub(super) fn of_staged(tenant: TenantId, row: &StagedRow) -> Self {
        Self {
            partition: row.partition_of(tenant),
            records: row.records,
            bytes: row.length as usize,
            crc: row.crc,
            max_timestamp_ms: row.max_timestamp_ms,
        }
    }
}

pub(super) fn batch_meta(arrival: &Arrival, head: Head, now_ms: i64) -> Result<BatchMeta, StorageError> {
    let invalid = |message: &str, hint: &str| {
        StorageError::Invalid(LeveeError::new(ErrorCode::TooLarge, message).with_hint(hint))
    };
    let length = u32::try_from(arrival.bytes)
        .map_err(|_| invalid("the batch is too large", "send smaller batches"))?;
    head.end
        .checked_add(u64::from(arrival.records))
        .ok_or_else(|| invalid("the partition has no offsets left", "use another partition"))?;
    Ok(BatchMeta {
        partition: arrival.partition,
        base_offset: head.end,
        records: arrival.records,
        append_time_ms: now_ms,
        max_timestamp_ms: head.max_timestamp_ms.max(arrival.max_timestamp_ms.unwrap_or(now_ms)),
        bytes_before: head.bytes,
        length,
        crc: arrival.crc,
        totals: None,
    })
}
