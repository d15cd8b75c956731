//! Deciding changes of tenants, topics, producers and the start of logs. Counts are checked here, in the
//! same step as the create, so that they are exact.

use super::{Draft, Effect, Group, Machine};
use crate::catalog::{NewTopic, Tenant, Topic, TopicChange, tenant_id};
use crate::command::{CreatedTopics, ProducerSession};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::log::{self, Head};
use crate::rows::{NodeCounters, ProducerEpoch, TenantCounters, TenantRow, TopicRow, TrimRow, decode_u64};
use levee_types::limits::{MAX_PARTITIONS_PER_TOPIC, MAX_TENANTS, MAX_TOPICS_PER_TENANT};
use levee_types::{
    ErrorCode, LeveeError, PartitionId, ProducerId, TenantId, TenantName, TopicConfig, TopicId, TopicName,
};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;

impl Machine {
    pub(super) fn create_tenant(
        &mut self,
        name: TenantName,
        group: &mut Group,
        now_ms: i64,
    ) -> Result<(Tenant, bool), StorageError> {
        if let Some(id) = self.tenant_id(&name)? {
            let row: TenantRow = self.row(&keys::tenant(id))?.ok_or(StorageError::NoTenant)?;
            let topics = self.tenant_counters(id)?.topics;
            return Ok((Tenant { id, name, created_ms: row.created_ms, topics }, false));
        }
        let mut counters = self.node_counters()?;
        if counters.tenants >= MAX_TENANTS {
            return Err(StorageError::LimitExceeded { what: "tenants", limit: MAX_TENANTS });
        }
        let no_ids = StorageError::LimitExceeded { what: "tenant ids", limit: u64::from(u32::MAX) };
        counters.last_tenant = counters.last_tenant.checked_add(1).ok_or(no_ids)?;
        counters.tenants += 1;
        let id = TenantId(counters.last_tenant);
        let row = TenantRow { name: name.as_str().to_owned(), created_ms: now_ms };
        let mut draft = Draft::default();
        draft.put(keys::tenant_by_name(&name), u64::from(id.0).to_le_bytes().to_vec());
        draft.put(keys::tenant(id), row.encode_to_vec());
        draft.put(keys::node_counters(), counters.encode_to_vec());
        draft.finish(group);
        Ok((Tenant { id, name, created_ms: now_ms, topics: 0 }, true))
    }

    pub(super) fn delete_tenant(&mut self, name: &TenantName, group: &mut Group) -> Result<(), StorageError> {
        let id = self.tenant_id(name)?.ok_or(StorageError::NoTenant)?;
        let mut counters = self.node_counters()?;
        counters.tenants -= 1;
        counters.topics -= self.tenant_counters(id)?.topics;
        let mut draft = Draft::default();
        draft.delete(keys::tenant_by_name(name));
        draft.delete(keys::tenant(id));
        draft.delete_range(Keyspace::State, keys::of_tenant(id));
        draft.delete_range(Keyspace::Index, keys::of_tenant(id));
        draft.put(keys::node_counters(), counters.encode_to_vec());
        draft.finish(group);
        group.add_effect(Effect::TenantDeleted(id));
        self.heads.retain(|partition, _| partition.tenant != id);
        self.epochs.retain(|(tenant, _), _| *tenant != id);
        self.last_producers.remove(&id);
        Ok(())
    }

    pub(super) fn create_topics(
        &mut self,
        tenant: TenantId,
        topics: Vec<NewTopic>,
        group: &mut Group,
        now_ms: i64,
    ) -> Result<CreatedTopics, StorageError> {
        self.require_tenant(tenant)?;
        let mut node = self.node_counters()?;
        let mut counters = self.tenant_counters(tenant)?;
        let mut draft = Draft::default();
        let mut made: HashMap<TopicName, Arc<Topic>> = HashMap::new();
        let mut results = Vec::with_capacity(topics.len());
        for new in topics {
            let existing = match made.get(&new.name) {
                Some(topic) => Some(Arc::clone(topic)),
                None => self.topic(tenant, &new.name)?.map(Arc::new),
            };
            let result = match existing {
                Some(topic) => Ok((topic, false)),
                None => new_topic(new, &mut counters, now_ms).map(|topic| {
                    let topic = Arc::new(topic);
                    node.topics += 1;
                    draft.put(keys::topic_by_name(tenant, &topic.name), topic.id.0.to_le_bytes().to_vec());
                    draft.put(keys::topic(tenant, topic.id), topic.to_row().encode_to_vec());
                    made.insert(topic.name.clone(), Arc::clone(&topic));
                    (topic, true)
                }),
            };
            results.push(result);
        }
        if !made.is_empty() {
            draft.put(keys::tenant_counters(tenant), counters.encode_to_vec());
            draft.put(keys::node_counters(), node.encode_to_vec());
            draft.finish(group);
        }
        Ok(results)
    }

    pub(super) fn delete_topic(
        &mut self,
        tenant: TenantId,
        name: TopicName,
        group: &mut Group,
    ) -> Result<(), StorageError> {
        let topic = self.topic(tenant, &name)?.ok_or(StorageError::NoTopic)?;
        let mut node = self.node_counters()?;
        let mut counters = self.tenant_counters(tenant)?;
        node.topics -= 1;
        counters.topics -= 1;
        let mut draft = Draft::default();
        draft.delete(keys::topic_by_name(tenant, &name));
        draft.delete(keys::topic(tenant, topic.id));
        draft.delete_range(Keyspace::Index, keys::batches_of_topic(tenant, topic.id));
        draft.delete_range(Keyspace::State, keys::trims_of_topic(tenant, topic.id));
        draft.delete_range(Keyspace::State, keys::producers_of_topic(tenant, topic.id));
        draft.put(keys::tenant_counters(tenant), counters.encode_to_vec());
        draft.put(keys::node_counters(), node.encode_to_vec());
        draft.finish(group);
        group.add_effect(Effect::TopicChanged(tenant, name));
        for partition in 0..topic.partitions {
            let partition = PartitionId { tenant, topic: topic.id, partition };
            self.heads.remove(&partition);
            group.add_effect(Effect::PartitionChanged(partition));
        }
        Ok(())
    }

    pub(super) fn update_topic(
        &mut self,
        tenant: TenantId,
        name: TopicName,
        change: TopicChange,
        group: &mut Group,
    ) -> Result<Arc<Topic>, StorageError> {
        let mut topic = self.topic(tenant, &name)?.ok_or(StorageError::NoTopic)?;
        match change {
            TopicChange::Config { set, unset } => {
                topic.set.retain(|name, _| !unset.contains(name));
                topic.set.extend(set);
                topic.config = TopicConfig::evaluate(&topic.set).map_err(StorageError::Invalid)?;
            }
            TopicChange::Partitions(partitions) => {
                check_partitions(partitions)?;
                if partitions < topic.partitions {
                    let message = format!(
                        "the topic has {} partitions; their number cannot be lowered",
                        topic.partitions
                    );
                    let error = LeveeError::new(ErrorCode::InvalidArgument, message)
                        .with_hint("give at least as many, or create another topic");
                    return Err(StorageError::Invalid(error));
                }
                topic.partitions = partitions;
            }
        }
        let mut draft = Draft::default();
        draft.put(keys::topic(tenant, topic.id), topic.to_row().encode_to_vec());
        draft.finish(group);
        group.add_effect(Effect::TopicChanged(tenant, name));
        Ok(Arc::new(topic))
    }

    /// Removes whole batches before an offset. The group is empty: what the index has is all there is.
    pub(super) fn trim(
        &mut self,
        partition: PartitionId,
        before: u64,
        group: &mut Group,
    ) -> Result<u64, StorageError> {
        let head = self.head(partition)?;
        if before > head.end {
            return Err(StorageError::OffsetOutOfRange { offset: before, start: head.start, end: head.end });
        }
        if before <= head.start {
            return Ok(head.start);
        }
        let mut cursor = self.index.cursor(Keyspace::Index, keys::batches(partition));
        cursor.seek_back(&keys::batch(partition, before))?;
        let keep_from = match log::item(&cursor)? {
            Some((base, row)) if base + u64::from(row.records) > before => base,
            _ => before,
        };
        let row = TrimRow {
            start: before,
            end: head.end,
            bytes: head.bytes,
            max_timestamp_ms: head.max_timestamp_ms,
        };
        let mut draft = Draft::default();
        draft.put(keys::trim(partition), row.encode_to_vec());
        let range = (keys::batch(partition, 0), keys::batch(partition, keep_from));
        draft.delete_range(Keyspace::Index, range);
        draft.finish(group);
        group.add_effect(Effect::PartitionChanged(partition));
        self.heads.insert(partition, Head { start: before, ..head });
        Ok(before)
    }

    /// Decided on what earlier commands of the group leave behind: of all rows that it reads, only the
    /// epoch and the last producer can change within a group.
    pub(super) fn init_producer(
        &mut self,
        tenant: TenantId,
        existing: Option<ProducerId>,
        group: &mut Group,
    ) -> Result<ProducerSession, StorageError> {
        self.require_tenant(tenant)?;
        let mut draft = Draft::default();
        let session = match existing {
            // The epoch right after the present one is left out: only a renewal by whoever has the present
            // one leads there, which is how `renew_producer` knows a repeated renewal.
            Some(producer) => ProducerSession { producer, epoch: later(self.epoch(tenant, producer)?, 2)? },
            None => {
                let mut counters = self.tenant_counters(tenant)?;
                let last = self.last_producers.entry(tenant).or_insert(counters.last_producer);
                *last += 1;
                counters.last_producer = *last;
                draft.put(keys::tenant_counters(tenant), counters.encode_to_vec());
                ProducerSession { producer: ProducerId(counters.last_producer), epoch: 0 }
            }
        };
        self.put_epoch(tenant, session, draft, group);
        Ok(session)
    }

    pub(super) fn renew_producer(
        &mut self,
        tenant: TenantId,
        held: ProducerSession,
        group: &mut Group,
    ) -> Result<ProducerSession, StorageError> {
        self.require_tenant(tenant)?;
        let current = self.epoch(tenant, held.producer)?;
        if current < held.epoch {
            return Err(StorageError::UnknownProducer);
        }
        let next = ProducerSession { epoch: later(held.epoch, 1)?, ..held };
        if current > next.epoch {
            return Err(StorageError::ProducerFenced { epoch: held.epoch, current });
        }
        // Otherwise this is a repetition, and the answer to the first request may be lost.
        if current == held.epoch {
            self.put_epoch(tenant, next, Draft::default(), group);
        }
        Ok(next)
    }

    fn put_epoch(&mut self, tenant: TenantId, session: ProducerSession, mut draft: Draft, group: &mut Group) {
        let row = ProducerEpoch { epoch: session.epoch };
        draft.put(keys::producer(tenant, session.producer), row.encode_to_vec());
        draft.finish(group);
        group.note_producer();
        self.epochs.insert((tenant, session.producer), session.epoch);
    }

    fn tenant_id(&self, name: &TenantName) -> Result<Option<TenantId>, StorageError> {
        let id = self.index.get(Keyspace::State, &keys::tenant_by_name(name))?;
        id.map(|id| tenant_id(&id)).transpose()
    }

    fn require_tenant(&self, id: TenantId) -> Result<(), StorageError> {
        let row: Option<TenantRow> = self.row(&keys::tenant(id))?;
        row.map(drop).ok_or(StorageError::NoTenant)
    }

    fn topic(&self, tenant: TenantId, name: &TopicName) -> Result<Option<Topic>, StorageError> {
        let Some(id) = self.index.get(Keyspace::State, &keys::topic_by_name(tenant, name))? else {
            return Ok(None);
        };
        let id = TopicId(decode_u64(&id)?);
        let row: Option<TopicRow> = self.row(&keys::topic(tenant, id))?;
        row.map(|row| Topic::from_row(id, row)).transpose()
    }

    fn node_counters(&self) -> Result<NodeCounters, StorageError> {
        Ok(self.row(&keys::node_counters())?.unwrap_or_default())
    }

    fn tenant_counters(&self, id: TenantId) -> Result<TenantCounters, StorageError> {
        Ok(self.row(&keys::tenant_counters(id))?.unwrap_or_default())
    }
}

fn later(epoch: u32, by: u32) -> Result<u32, StorageError> {
    let no_epochs = StorageError::LimitExceeded { what: "epochs", limit: u64::from(u32::MAX) };
    epoch.checked_add(by).ok_or(no_epochs)
}

fn new_topic(new: NewTopic, counters: &mut TenantCounters, now_ms: i64) -> Result<Topic, StorageError> {
    check_partitions(new.partitions)?;
    let config = TopicConfig::evaluate(&new.set).map_err(StorageError::Invalid)?;
    if counters.topics >= MAX_TOPICS_PER_TENANT {
        return Err(StorageError::LimitExceeded {
            what: "topics of this tenant",
            limit: MAX_TOPICS_PER_TENANT,
        });
    }
    counters.topics += 1;
    counters.last_topic += 1;
    let id = TopicId(counters.last_topic);
    Ok(Topic { id, name: new.name, partitions: new.partitions, created_ms: now_ms, set: new.set, config })
}

fn check_partitions(partitions: u32) -> Result<(), StorageError> {
    if (1..=MAX_PARTITIONS_PER_TOPIC).contains(&partitions) {
        return Ok(());
    }
    let message = format!("a topic has 1 to {MAX_PARTITIONS_PER_TOPIC} partitions, not {partitions}");
    let hint = format!("give 1 to {MAX_PARTITIONS_PER_TOPIC}");
    Err(StorageError::Invalid(LeveeError::new(ErrorCode::InvalidArgument, message).with_hint(hint)))
}
