//! Who uses the broker at present, as running counters.
//!
//! Must hold: a call is bounded, however many tenants and topics there are: it looks at the counters of tenants in
//! memory, and reads rows of as many as it answers with.

mod busiest;

use super::visible::visible_topics;
use crate::authorize::Authorizer;
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::reply;
use crate::fields::{out_of_range, page_size, page_token, prefix};
use crate::operation::Operation;
use crate::tenants::{Counters, TenantEntry};
use busiest::busiest;
use levee_proto::v1;
use levee_storage::{Page, Shard, StorageError, Topic};
use levee_types::limits::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_PARTITIONS_PER_TOPIC};
use levee_types::quota::Dimension;
use levee_types::{Clock, LeveeError, PartitionId, Random, TenantId};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// `levee.v1.UsageService`.
pub(super) struct Usage {
    authorizer: Authorizer,
    blocking: Blocking,
    clock: Arc<dyn Clock>,
    run_id: u64,
}

#[tonic::async_trait]
impl v1::usage_service_server::UsageService for Usage {
    async fn list_tenant_counters(
        &self,
        request: Request<v1::ListTenantCountersRequest>,
    ) -> Result<Response<v1::ListTenantCountersResponse>, Status> {
        reply(self.tenants(&request).await)
    }

    async fn list_topic_counters(
        &self,
        request: Request<v1::ListTopicCountersRequest>,
    ) -> Result<Response<v1::ListTopicCountersResponse>, Status> {
        reply(self.topics(&request).await)
    }
}

impl Usage {
    pub(super) fn new(
        authorizer: Authorizer,
        blocking: Blocking,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Self {
        let mut run_id = [0; 8];
        random.fill(&mut run_id);
        Self { authorizer, blocking, clock, run_id: u64::from_be_bytes(run_id) }
    }

    async fn tenants(
        &self,
        request: &Request<v1::ListTenantCountersRequest>,
    ) -> Result<v1::ListTenantCountersResponse, LeveeError> {
        let v1::ListTenantCountersRequest { tenant, limit, .. } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListTenantCounters, tenant)?;
        let limit = match *limit {
            0 => DEFAULT_PAGE_SIZE as usize,
            limit @ 1..=MAX_PAGE_SIZE => limit as usize,
            limit => return Err(out_of_range("limit", limit, 0, MAX_PAGE_SIZE)),
        };
        let covered = permit.covered();
        let total = covered.len() as u64;
        let tenants = busiest(covered, request.get_ref().order(), limit);
        // Right behind the time, and not in the order of the rows.
        let time = self.time();
        let counted: Vec<_> = tenants.into_iter().map(|tenant| (tenant.counters(), tenant)).collect();
        let (shard, turn) = (permit.shard().clone(), permit.turn(counted.len() * LOOKUP_BYTES));
        let read = move || {
            let rows = counted.into_iter().map(|(counters, tenant)| row(&shard, &tenant, counters));
            // Those that are gone meanwhile are left out.
            rows.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        };
        let tenants = self.blocking.run(turn, read).await?;
        Ok(v1::ListTenantCountersResponse { tenants, time: Some(time), total })
    }

    async fn topics(
        &self,
        request: &Request<v1::ListTopicCountersRequest>,
    ) -> Result<v1::ListTopicCountersResponse, LeveeError> {
        let v1::ListTopicCountersRequest { tenant, prefix: begins, page_size: size, page_token: token } =
            request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListTopicCounters, tenant)?;
        let (begins, size, after) = (prefix(begins)?, page_size(*size)?, page_token(token)?);
        let of = permit.tenant();
        let page = visible_topics(&permit, &self.blocking, &begins, after, size).await?;
        let Page { items: topics, next } = bounded(page);
        let partitions: usize = topics.iter().map(|topic| topic.partitions as usize).sum();
        let (shard, turn) = (permit.shard().clone(), permit.turn(partitions * LOOKUP_BYTES));
        let time = self.time();
        let read = move || {
            let rows = topics.iter().map(|topic| topic_row(&shard, of, topic));
            rows.filter_map(Result::transpose).collect::<Result<Vec<_>, StorageError>>()
        };
        let topics = self.blocking.run(turn, read).await?;
        Ok(v1::ListTopicCountersResponse {
            topics,
            time: Some(time),
            next_page_token: next.unwrap_or_default(),
        })
    }

    fn time(&self) -> v1::CounterTime {
        let monotonic_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        v1::CounterTime { run_id: self.run_id, monotonic_ms }
    }
}

/// None: the tenant is gone.
fn row(
    shard: &Shard,
    entry: &TenantEntry,
    counters: Counters,
) -> Result<Option<v1::TenantCounters>, LeveeError> {
    let (Some(tenant), Some(snapshot)) = (shard.tenant_by_id(entry.id())?, entry.snapshot()?) else {
        return Ok(None);
    };
    let limit = |dimension| snapshot.limits().of(dimension).and_then(|quota| quota.limit);
    Ok(Some(v1::TenantCounters {
        tenant: tenant.name.to_string(),
        bytes_in: counters.bytes_in,
        records_in: counters.records_in,
        bytes_out: counters.bytes_out,
        records_out: counters.records_out,
        requests: counters.requests,
        throttled_ms: counters.throttled_us / 1_000,
        connections: entry.used.connections(),
        streams: entry.used.streams(),
        stored_bytes: tenant.stored_bytes,
        ingress_limit: limit(Dimension::Ingress),
        egress_limit: limit(Dimension::Egress),
        requests_limit: limit(Dimension::Requests),
        connections_limit: limit(Dimension::Connections),
        storage_limit: limit(Dimension::Storage),
    }))
}

/// The page as far as its topics have no more partitions than a single topic may have.
fn bounded(page: Page<Arc<Topic>>) -> Page<Arc<Topic>> {
    let Page { mut items, mut next } = page;
    let mut partitions = 0;
    let fits = items.iter().position(|topic| {
        partitions += topic.partitions;
        partitions > MAX_PARTITIONS_PER_TOPIC
    });
    // A single topic always fits.
    if let Some(fits) = fits.filter(|fits| *fits > 0) {
        items.truncate(fits);
        next = items.last().map(|topic| topic.name.to_string());
    }
    Page { items, next }
}

/// None: the topic is gone.
fn topic_row(
    shard: &Shard,
    tenant: TenantId,
    topic: &Topic,
) -> Result<Option<v1::TopicCounters>, StorageError> {
    let mut row = v1::TopicCounters {
        name: topic.name.to_string(),
        partitions: topic.partitions,
        ..v1::TopicCounters::default()
    };
    for partition in 0..topic.partitions {
        let offsets = match shard.offsets(PartitionId { tenant, topic: topic.id, partition }) {
            Ok(offsets) => offsets,
            Err(StorageError::NoTopic) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Offsets have no gaps: the next one is how many records there were.
        row.records_in += offsets.end;
        row.bytes_in += offsets.appended_bytes;
        row.stored_bytes += offsets.stored_bytes;
    }
    Ok(Some(row))
}

#[cfg(test)]
mod tests;
