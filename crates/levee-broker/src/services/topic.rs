//! Administration of topics, for their tenant and for operators.

mod compact;
pub(super) mod convert;
mod progress;
mod verify;

use super::long::Long;
use super::visible::visible_topics;
use crate::authorize::Authorizer;
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::{detail, reply};
use crate::fields::{invalid, out_of_range, page_size, page_token, prefix, topic_name};
use crate::operation::Operation;
use convert::{duplicate, known_properties, new_topic, partitions_to_proto, to_proto};
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::{Page, TopicChange};
use levee_types::limits::{MAX_PARTITIONS_PER_TOPIC, MAX_TOPIC_NAME, MAX_TOPICS_PER_REQUEST};
use levee_types::quota::Dimension;
use levee_types::topic::PROPERTIES;
use levee_types::{LeveeError, TopicConfig};
use tonic::{Request, Response, Status};

/// `levee.v1.TopicService`.
pub(super) struct Topics {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) long: Long,
}

#[tonic::async_trait]
impl v1::topic_service_server::TopicService for Topics {
    async fn create_topics(
        &self,
        request: Request<v1::CreateTopicsRequest>,
    ) -> Result<Response<v1::CreateTopicsResponse>, Status> {
        reply(self.create(request).await)
    }

    async fn get_topic(
        &self,
        request: Request<v1::GetTopicRequest>,
    ) -> Result<Response<v1::GetTopicResponse>, Status> {
        reply(self.get(&request).await)
    }

    async fn list_topics(
        &self,
        request: Request<v1::ListTopicsRequest>,
    ) -> Result<Response<v1::ListTopicsResponse>, Status> {
        reply(self.list(request).await)
    }

    async fn delete_topic(
        &self,
        request: Request<v1::DeleteTopicRequest>,
    ) -> Result<Response<v1::DeleteTopicResponse>, Status> {
        reply(self.delete(&request).await)
    }

    async fn update_topic_config(
        &self,
        request: Request<v1::UpdateTopicConfigRequest>,
    ) -> Result<Response<v1::UpdateTopicConfigResponse>, Status> {
        reply(self.update_config(request).await)
    }

    async fn add_partitions(
        &self,
        request: Request<v1::AddPartitionsRequest>,
    ) -> Result<Response<v1::AddPartitionsResponse>, Status> {
        reply(self.add_partitions(&request).await)
    }

    async fn trim_partition(
        &self,
        request: Request<v1::TrimPartitionRequest>,
    ) -> Result<Response<v1::TrimPartitionResponse>, Status> {
        reply(self.trim(&request).await)
    }

    type CompactTopicStream = BoxStream<'static, Result<v1::CompactTopicResponse, Status>>;

    async fn compact_topic(
        &self,
        request: Request<v1::CompactTopicRequest>,
    ) -> Result<Response<Self::CompactTopicStream>, Status> {
        reply(self.compact(&request).await)
    }

    type VerifyTopicStream = BoxStream<'static, Result<v1::VerifyTopicResponse, Status>>;

    async fn verify_topic(
        &self,
        request: Request<v1::VerifyTopicRequest>,
    ) -> Result<Response<Self::VerifyTopicStream>, Status> {
        reply(self.verify(&request))
    }
}

impl Topics {
    async fn create(
        &self,
        request: Request<v1::CreateTopicsRequest>,
    ) -> Result<v1::CreateTopicsResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::CreateTopics, &request.get_ref().tenant)?;
        let v1::CreateTopicsRequest { topics, if_not_exists, .. } = request.into_inner();
        if !(1..=MAX_TOPICS_PER_REQUEST).contains(&topics.len()) {
            let problem = format!("there are {}; it takes 1 to {MAX_TOPICS_PER_REQUEST}", topics.len());
            return Err(invalid("topics", problem, "create them in several requests"));
        }
        let mut answer = v1::CreateTopicsResponse::default();
        // The call itself was counted already.
        let others = permit.reserve(Dimension::Admin, topics.len() as u64 - 1, None)?;
        let (permit, _) = permit.wait(others).await?;
        let mut wanted = Vec::with_capacity(topics.len());
        for (index, spec) in topics.into_iter().enumerate() {
            // Cut: a name that is too long must not come back a thousand times.
            let name: String = spec.name.chars().take(MAX_TOPIC_NAME).collect();
            let checked =
                new_topic(index, spec).and_then(|topic| permit.require(topic.name.as_str()).map(|()| topic));
            match checked {
                Ok(topic) => wanted.push(topic),
                Err(error) => answer.failures.push(failure(name, error)),
            }
        }
        if wanted.is_empty() {
            return Ok(answer);
        }
        let names: Vec<_> = wanted.iter().map(|topic| topic.name.as_str().to_owned()).collect();
        let audit = permit.audit(names.iter().map(|name| resource(name)).collect::<Vec<_>>().join(" "));
        let results = permit.shard().create_topics(permit.tenant(), wanted, audit).await?;
        for (name, result) in names.into_iter().zip(results) {
            match result {
                Ok((_, true)) => answer.created += 1,
                Ok((_, false)) if if_not_exists => {}
                Ok((_, false)) => answer.failures.push(failure(name.clone(), duplicate(&name))),
                Err(error) => answer.failures.push(failure(name, error.into())),
            }
        }
        Ok(answer)
    }

    async fn get(&self, request: &Request<v1::GetTopicRequest>) -> Result<v1::GetTopicResponse, LeveeError> {
        let v1::GetTopicRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::GetTopic, tenant)?;
        let topic = permit.topic("name", name)?;
        let ids = permit.partitions(&topic);
        let (shard, turn) = (permit.shard().clone(), permit.turn(ids.len() * LOOKUP_BYTES));
        let offsets = self
            .blocking
            .run(turn, move || ids.into_iter().map(|id| shard.offsets(id)).collect::<Result<Vec<_>, _>>())
            .await?;
        Ok(v1::GetTopicResponse {
            topic: Some(to_proto(&topic, &permit)?),
            partitions: partitions_to_proto(&offsets),
        })
    }

    async fn list(
        &self,
        request: Request<v1::ListTopicsRequest>,
    ) -> Result<v1::ListTopicsResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::ListTopics, &request.get_ref().tenant)?;
        let v1::ListTopicsRequest { prefix: begins, page_size: size, page_token: token, .. } =
            request.get_ref();
        let (begins, size, after) = (prefix(begins)?, page_size(*size)?, page_token(token)?);
        let Page { items, next } = visible_topics(&permit, &self.blocking, &begins, after, size).await?;
        Ok(v1::ListTopicsResponse {
            topics: items.iter().map(|topic| to_proto(topic, &permit)).collect::<Result<_, _>>()?,
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn delete(
        &self,
        request: &Request<v1::DeleteTopicRequest>,
    ) -> Result<v1::DeleteTopicResponse, LeveeError> {
        let v1::DeleteTopicRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::DeleteTopic, tenant)?;
        let topic = permit.topic("name", name)?;
        let audit = permit.audit(resource(name));
        permit.shard().delete_topic(permit.tenant(), topic.name.clone(), audit).await?;
        Ok(v1::DeleteTopicResponse {})
    }

    async fn update_config(
        &self,
        request: Request<v1::UpdateTopicConfigRequest>,
    ) -> Result<v1::UpdateTopicConfigResponse, LeveeError> {
        let permit =
            self.authorizer.tenant(&request, Operation::UpdateTopicConfig, &request.get_ref().tenant)?;
        let v1::UpdateTopicConfigRequest { name, set, unset, .. } = request.into_inner();
        let name = topic_name("name", &name)?;
        if set.is_empty() && unset.is_empty() {
            return Err(invalid("set", "there is nothing to change", "give properties in `set` or `unset`"));
        }
        let set = set.into_iter().collect();
        TopicConfig::evaluate(&set)?;
        if unset.len() > PROPERTIES.len() {
            let problem = format!("there are {}; it takes at most {}", unset.len(), PROPERTIES.len());
            return Err(invalid("unset", problem, "name each property once"));
        }
        known_properties(&unset)?;
        if let Some(both) = unset.iter().find(|name| set.contains_key(*name)) {
            return Err(invalid("unset", format!("{both} is in `set` as well"), "name it in one of the two"));
        }
        permit.topic("name", name.as_str())?;
        let change = TopicChange::Config { set, unset };
        let audit = permit.audit(resource(name.as_str()));
        let topic = permit.shard().update_topic(permit.tenant(), name, change, audit).await?;
        Ok(v1::UpdateTopicConfigResponse { topic: Some(to_proto(&topic, &permit)?) })
    }

    async fn add_partitions(
        &self,
        request: &Request<v1::AddPartitionsRequest>,
    ) -> Result<v1::AddPartitionsResponse, LeveeError> {
        let v1::AddPartitionsRequest { tenant, name, partitions } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::AddPartitions, tenant)?;
        if !(1..=MAX_PARTITIONS_PER_TOPIC).contains(partitions) {
            return Err(out_of_range("partitions", partitions, 1, MAX_PARTITIONS_PER_TOPIC));
        }
        let name = permit.topic("name", name)?.name.clone();
        let change = TopicChange::Partitions(*partitions);
        let audit = permit.audit(resource(name.as_str()));
        let topic = permit.shard().update_topic(permit.tenant(), name, change, audit).await?;
        Ok(v1::AddPartitionsResponse { topic: Some(to_proto(&topic, &permit)?) })
    }

    async fn trim(
        &self,
        request: &Request<v1::TrimPartitionRequest>,
    ) -> Result<v1::TrimPartitionResponse, LeveeError> {
        let v1::TrimPartitionRequest { tenant, name, partition, before_offset, before_timestamp_ms } =
            request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::TrimPartition, tenant)?;
        let topic = permit.topic("name", name)?;
        let audit = |before: u64| permit.audit(format!("topic:{name}/{partition} before {before}"));
        let id = permit.partition(&topic, *partition)?;
        let before = match before_timestamp_ms {
            Some(_) if *before_offset != 0 => {
                let problem = "before_offset is given as well";
                return Err(invalid("before_timestamp_ms", problem, "give one of the two"));
            }
            // What is appended meanwhile lies behind it.
            Some(timestamp_ms) => {
                let (shard, timestamp_ms) = (permit.shard().clone(), *timestamp_ms);
                let turn = permit.turn(LOOKUP_BYTES);
                self.blocking.run(turn, move || shard.offset_at(id, timestamp_ms)).await?
            }
            None => *before_offset,
        };
        let start_offset = permit.shard().trim(id, before, audit(before)).await?;
        Ok(v1::TrimPartitionResponse { start_offset })
    }
}

fn resource(name: &str) -> String {
    format!("topic:{name}")
}

fn failure(name: String, error: LeveeError) -> v1::TopicFailure {
    v1::TopicFailure { name, error: Some(detail(error)) }
}
