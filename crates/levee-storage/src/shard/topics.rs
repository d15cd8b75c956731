//! Topics.

use super::Shard;
use crate::catalog::audit::AuditEvent;
use crate::catalog::{NewTopic, Page, Topic, TopicChange};
use crate::command::CreatedTopics;
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::{TenantId, TopicId, TopicName};
use std::sync::Arc;

impl<S: SegmentStore> Shard<S> {
    /// Creates topics; for each one that exists tells it, and `false`.
    ///
    /// # Errors
    /// `NoTenant`, or the shard does not work. A topic fails on its own with `Invalid` or `LimitExceeded`.
    pub async fn create_topics(
        &self,
        tenant: TenantId,
        topics: Vec<NewTopic>,
        audit: AuditEvent,
    ) -> Result<CreatedTopics, StorageError> {
        let bytes = topics.iter().map(NewTopic::size).sum();
        self.change(bytes, Some((tenant, audit)), move |machine, draft, now_ms| {
            let topics = topics.into_iter().map(|topic| (topic, now_ms));
            machine.create_topics(tenant, topics.collect(), draft)
        })
        .await
    }

    /// Deletes a topic with its records.
    ///
    /// # Errors
    /// `NoTopic`, or the shard does not work.
    pub async fn delete_topic(
        &self,
        tenant: TenantId,
        name: TopicName,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, now_ms| {
            machine.delete_topic(tenant, name, draft, now_ms)
        })
        .await
    }

    /// Changes a topic.
    ///
    /// # Errors
    /// `NoTopic`, `Invalid`, or the shard does not work.
    pub async fn update_topic(
        &self,
        tenant: TenantId,
        name: TopicName,
        change: TopicChange,
        audit: AuditEvent,
    ) -> Result<Arc<Topic>, StorageError> {
        self.change(change.size(), Some((tenant, audit)), move |machine, draft, _| {
            machine.update_topic(tenant, name, change, draft)
        })
        .await
    }

    /// A topic by its name. From memory, mostly.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn topic(&self, tenant: TenantId, name: &TopicName) -> Result<Option<Arc<Topic>>, StorageError> {
        self.inner.catalog.topic(tenant, name)
    }

    /// A topic by its id. A point get.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn topic_by_id(&self, tenant: TenantId, id: TopicId) -> Result<Option<Arc<Topic>>, StorageError> {
        self.inner.catalog.topic_by_id(tenant, id)
    }

    /// Up to `limit` topics that begin with `prefix`, in the order of their names, from behind `after` on.
    /// May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_topics(
        &self,
        tenant: TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Arc<Topic>>, StorageError> {
        self.inner.catalog.list_topics(tenant, prefix, after, limit)
    }
}
