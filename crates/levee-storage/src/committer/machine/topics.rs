//! Deciding changes of topics. Counts are checked here, in the same step as the create, so that they are
//! exact.

use super::{Draft, Effect, Machine};
use crate::catalog::{NewTopic, Topic, TopicChange};
use crate::command::CreatedTopics;
use crate::error::StorageError;
use crate::keys::{self, Keyspace, QuotaPart};
use crate::rows::{TenantCounters, TopicRow, decode_u64};
use levee_types::limits::{MAX_PARTITIONS_PER_TOPIC, MAX_TOPICS_PER_TENANT};
use levee_types::quota::Dimension;
use levee_types::{ErrorCode, LeveeError, PartitionId, TenantId, TopicConfig, TopicId, TopicName};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;

impl Machine {
    /// Creates topics, each with the time of its creation in Unix milliseconds.
    pub(crate) fn create_topics(
        &mut self,
        tenant: TenantId,
        topics: Vec<(NewTopic, i64)>,
        draft: &mut Draft,
    ) -> Result<CreatedTopics, StorageError> {
        self.require_tenant(tenant)?;
        let mut node = self.node_counters()?;
        let mut counters = self.tenant_counters(tenant)?;
        let mut partitions = self.partitions(tenant, &counters)?;
        let limits = self.count_limits(tenant)?;
        let mut made: HashMap<TopicName, Arc<Topic>> = HashMap::new();
        let mut results = Vec::with_capacity(topics.len());
        for (new, created_ms) in topics {
            let existing = match made.get(&new.name) {
                Some(topic) => Some(Arc::clone(topic)),
                None => self.topic(tenant, &new.name)?.map(Arc::new),
            };
            let result = match existing {
                Some(topic) => Ok((topic, false)),
                None => self
                    .check_count(tenant, Dimension::Topics, counters.topics + 1, limits.topics)
                    .and_then(|()| {
                        let partitions = partitions + u64::from(new.partitions);
                        self.check_count(tenant, Dimension::Partitions, partitions, limits.partitions)
                    })
                    .and_then(|()| new_topic(new, &mut counters, created_ms))
                    .map(|topic| {
                        let topic = Arc::new(topic);
                        partitions += u64::from(topic.partitions);
                        node.topics += 1;
                        draft
                            .put(keys::topic_by_name(tenant, &topic.name), topic.id.0.to_le_bytes().to_vec());
                        draft.put(keys::topic(tenant, topic.id), topic.to_row().encode_to_vec());
                        made.insert(topic.name.clone(), Arc::clone(&topic));
                        (topic, true)
                    }),
            };
            results.push(result);
        }
        if !made.is_empty() {
            counters.partitions = Some(partitions);
            draft.put(keys::tenant_counters(tenant), counters.encode_to_vec());
            draft.put(keys::node_counters(), node.encode_to_vec());
        }
        Ok(results)
    }

    pub(crate) fn delete_topic(
        &mut self,
        tenant: TenantId,
        name: TopicName,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let topic = self.topic(tenant, &name)?.ok_or(StorageError::NoTopic)?;
        let mut node = self.node_counters()?;
        let mut counters = self.tenant_counters(tenant)?;
        node.topics -= 1;
        counters.topics -= 1;
        let partitions = self.partitions(tenant, &counters)?;
        counters.partitions = Some(partitions.saturating_sub(u64::from(topic.partitions)));
        let stored = self.stored_bytes_of(tenant, topic.id, topic.partitions)?;
        self.forget_stored(tenant, stored, draft, now_ms)?;
        let quotas = keys::quotas(tenant, QuotaPart::Topic(topic.id));
        if self.index.get(Keyspace::State, &quotas)?.is_some() {
            draft.delete(quotas);
            counters.quota_parts -= 1;
            draft.effect(Effect::TenantChanged(tenant));
        }
        draft.delete(keys::topic_by_name(tenant, &name));
        draft.delete(keys::topic(tenant, topic.id));
        draft.delete_range(Keyspace::Index, keys::batches_of_topic(tenant, topic.id));
        if topic.config.cleanup_policy.is_table() {
            draft.delete_range(Keyspace::Keys, keys::keys_of_topic(tenant, topic.id));
        }
        draft.delete_range(Keyspace::State, keys::trims_of_topic(tenant, topic.id));
        draft.delete_range(Keyspace::State, keys::producers_of_topic(tenant, topic.id));
        self.forget_progress(tenant, topic.id, draft)?;
        draft.put(keys::tenant_counters(tenant), counters.encode_to_vec());
        draft.put(keys::node_counters(), node.encode_to_vec());
        draft.effect(Effect::TopicChanged(tenant, name));
        for partition in 0..topic.partitions {
            let partition = PartitionId { tenant, topic: topic.id, partition };
            self.heads.remove(&partition);
            draft.effect(Effect::PartitionChanged(partition));
        }
        Ok(())
    }

    pub(crate) fn update_topic(
        &mut self,
        tenant: TenantId,
        name: TopicName,
        change: TopicChange,
        draft: &mut Draft,
    ) -> Result<Arc<Topic>, StorageError> {
        let mut topic = self.topic(tenant, &name)?.ok_or(StorageError::NoTopic)?;
        match change {
            TopicChange::Config { set, unset } => {
                topic.set.retain(|name, _| !unset.contains(name));
                topic.set.extend(set);
                let was_table = topic.config.cleanup_policy.is_table();
                topic.config = TopicConfig::evaluate(&topic.set).map_err(StorageError::Invalid)?;
                let is_table = topic.config.cleanup_policy.is_table();
                if is_table != was_table {
                    self.become_table(tenant, &topic, is_table, draft)?;
                }
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
                let mut counters = self.tenant_counters(tenant)?;
                let all = self.partitions(tenant, &counters)? + u64::from(partitions - topic.partitions);
                let limit = self.count_limits(tenant)?.partitions;
                self.check_count(tenant, Dimension::Partitions, all, limit)?;
                counters.partitions = Some(all);
                draft.put_row(keys::tenant_counters(tenant), &counters);
                topic.partitions = partitions;
            }
        }
        draft.put(keys::topic(tenant, topic.id), topic.to_row().encode_to_vec());
        draft.effect(Effect::TopicChanged(tenant, name));
        Ok(Arc::new(topic))
    }

    /// Makes a topic a table, or a table a topic again. The keys of records that are there already are not known, so
    /// only a topic without records becomes a table.
    fn become_table(
        &mut self,
        tenant: TenantId,
        topic: &Topic,
        is_table: bool,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let mut batches = self.index.cursor(Keyspace::Index, keys::batches_of_topic(tenant, topic.id));
        batches.first()?;
        if is_table && batches.item().is_some() {
            let error = LeveeError::new(
                ErrorCode::InvalidArgument,
                "a topic with records cannot become a table: the keys of its records are not known",
            )
            .with_hint(
                "create another topic with cleanup.policy=compact, and copy the records, or trim them first",
            );
            return Err(StorageError::Invalid(error));
        }
        drop(batches);
        if !is_table {
            draft.delete_range(Keyspace::Keys, keys::keys_of_topic(tenant, topic.id));
        }
        self.heads.retain(|partition, _| (partition.tenant, partition.topic) != (tenant, topic.id));
        Ok(())
    }

    /// How many partitions a tenant has. They are counted once if an earlier version did not.
    fn partitions(&self, tenant: TenantId, counters: &TenantCounters) -> Result<u64, StorageError> {
        if let Some(partitions) = counters.partitions {
            return Ok(partitions);
        }
        let mut partitions = 0;
        self.scan(keys::topics(tenant), |_, row| {
            partitions += u64::from(TopicRow::decode(row)?.partitions);
            Ok(())
        })?;
        Ok(partitions)
    }

    pub(super) fn check_count(
        &self,
        tenant: TenantId,
        dimension: Dimension,
        wanted: u64,
        limit: Option<u64>,
    ) -> Result<(), StorageError> {
        match limit {
            Some(limit) if wanted > limit => Err(self.at_limit(tenant, dimension, limit)),
            _ => Ok(()),
        }
    }

    pub(super) fn topic(&self, tenant: TenantId, name: &TopicName) -> Result<Option<Topic>, StorageError> {
        let Some(id) = self.index.get(Keyspace::State, &keys::topic_by_name(tenant, name))? else {
            return Ok(None);
        };
        let id = TopicId(decode_u64(&id)?);
        let row: Option<TopicRow> = self.row(&keys::topic(tenant, id))?;
        row.map(|row| Topic::from_row(id, row)).transpose()
    }
}

fn new_topic(new: NewTopic, counters: &mut TenantCounters, created_ms: i64) -> Result<Topic, StorageError> {
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
    Ok(Topic { id, name: new.name, partitions: new.partitions, created_ms, set: new.set, config })
}

fn check_partitions(partitions: u32) -> Result<(), StorageError> {
    if (1..=MAX_PARTITIONS_PER_TOPIC).contains(&partitions) {
        return Ok(());
    }
    let message = format!("a topic has 1 to {MAX_PARTITIONS_PER_TOPIC} partitions, not {partitions}");
    let hint = format!("give 1 to {MAX_PARTITIONS_PER_TOPIC}");
    Err(StorageError::Invalid(LeveeError::new(ErrorCode::InvalidArgument, message).with_hint(hint)))
}
