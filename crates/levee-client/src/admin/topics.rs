//! Topics.

use super::{Admin, present};
use crate::error::{Error, RequestId};
use levee_proto::v1;
use std::collections::HashMap;

/// What became of topics that were to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopics {
    /// How many are new.
    pub created: u32,
    /// Those that failed, by name.
    pub failures: Vec<(String, Error)>,
}

/// Topics of a tenant: an operator names it; a caller that belongs to one leaves it empty or names its own.
impl Admin {
    /// Creates 1 to 1,000 topics, each of which succeeds or fails on its own; with `if_not_exists` one that
    /// exists has not failed.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn create_topics(
        &self,
        tenant: &str,
        topics: Vec<v1::TopicSpec>,
        if_not_exists: bool,
    ) -> Result<CreatedTopics, Error> {
        let request = v1::CreateTopicsRequest { tenant: tenant.to_owned(), topics, if_not_exists };
        let response = self.client.topics().create_topics(self.client.request(request)).await?;
        let id = RequestId::of(response.metadata());
        let v1::CreateTopicsResponse { created, failures } = response.into_inner();
        let failed = |failure: v1::TopicFailure| {
            let error = Error::from(failure.error.unwrap_or_default());
            (failure.name, error.of_request(id.as_ref()))
        };
        Ok(CreatedTopics { created, failures: failures.into_iter().map(failed).collect() })
    }

    /// One topic with its partitions.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn get_topic(&self, tenant: &str, name: &str) -> Result<v1::GetTopicResponse, Error> {
        let request = v1::GetTopicRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        Ok(self.client.topics().get_topic(self.client.request(request)).await?.into_inner())
    }

    /// A page of the topics whose names begin with `prefix`, in the order of their names. `page_size` is 1
    /// to 1,000, or 0 for 100; `page_token` is that of the page before, or empty.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_topics(
        &self,
        tenant: &str,
        prefix: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<v1::ListTopicsResponse, Error> {
        let request = v1::ListTopicsRequest {
            tenant: tenant.to_owned(),
            prefix: prefix.to_owned(),
            page_size,
            page_token: page_token.to_owned(),
        };
        Ok(self.client.topics().list_topics(self.client.request(request)).await?.into_inner())
    }

    /// Deletes a topic with its records.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn delete_topic(&self, tenant: &str, name: &str) -> Result<(), Error> {
        let request = v1::DeleteTopicRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        self.client.topics().delete_topic(self.client.request(request)).await?;
        Ok(())
    }

    /// Sets some properties of a topic and returns others to where they are inherited from.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn update_topic_config(
        &self,
        tenant: &str,
        name: &str,
        set: HashMap<String, String>,
        unset: Vec<String>,
    ) -> Result<v1::Topic, Error> {
        let request =
            v1::UpdateTopicConfigRequest { tenant: tenant.to_owned(), name: name.to_owned(), set, unset };
        let response = self.client.topics().update_topic_config(self.client.request(request)).await?;
        present(response.into_inner().topic)
    }

    /// Raises the number of partitions of a topic to `partitions`.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn add_partitions(
        &self,
        tenant: &str,
        name: &str,
        partitions: u32,
    ) -> Result<v1::Topic, Error> {
        let request =
            v1::AddPartitionsRequest { tenant: tenant.to_owned(), name: name.to_owned(), partitions };
        let response = self.client.topics().add_partitions(self.client.request(request)).await?;
        present(response.into_inner().topic)
    }

    /// Removes the records before an offset, whole batches, for good. Returns the first offset that is
    /// still stored.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn trim_partition(
        &self,
        tenant: &str,
        name: &str,
        partition: u32,
        before_offset: u64,
    ) -> Result<u64, Error> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        self.trim(v1::TrimPartitionRequest {
            tenant,
            name,
            partition,
            before_offset,
            before_timestamp_ms: None,
        })
        .await
    }

    /// Removes the records of before a time, in Unix milliseconds, for good: the batches before the first one that has
    /// a record of this time or later. Returns the first offset that is still stored.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn trim_partition_before(
        &self,
        tenant: &str,
        name: &str,
        partition: u32,
        timestamp_ms: i64,
    ) -> Result<u64, Error> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        let (before_offset, before_timestamp_ms) = (0, Some(timestamp_ms));
        self.trim(v1::TrimPartitionRequest { tenant, name, partition, before_offset, before_timestamp_ms })
            .await
    }

    async fn trim(&self, request: v1::TrimPartitionRequest) -> Result<u64, Error> {
        let response = self.client.topics().trim_partition(self.client.request(request)).await?;
        Ok(response.into_inner().start_offset)
    }
}
