//! How the broker is.

use crate::authorize::Authorizer;
use crate::blocking::{Blocking, Turn};
use crate::error::reply;
use crate::operation::Operation;
use levee_proto::v1;
use levee_storage::ShardState;
use levee_types::{Clock, LeveeError};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// `levee.v1.ClusterService`.
pub(super) struct Cluster {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) start: Duration,
}

#[tonic::async_trait]
impl v1::cluster_service_server::ClusterService for Cluster {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        reply(self.status(&request).await)
    }
}

impl Cluster {
    async fn status(
        &self,
        request: &Request<v1::GetStatusRequest>,
    ) -> Result<v1::GetStatusResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::GetStatus)?;
        let shard = permit.shard().clone();
        // It asks the file system for free space.
        let status = self.blocking.run(Turn::SYSTEM, move || Ok::<_, LeveeError>(shard.status())).await?;
        let uptime = self.clock.monotonic().saturating_sub(self.start);
        let state = match status.state {
            ShardState::Serving => v1::ShardState::Serving,
            ShardState::Full => v1::ShardState::Full,
            ShardState::Failed => v1::ShardState::Failed,
        };
        Ok(v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            state: state as i32,
            reason: status.reason,
            tenants: status.tenants,
            topics: status.topics,
            journal: Some(v1::JournalStatus {
                segments: status.segments,
                bytes: status.journal_bytes,
                durable_sequence: status.durable_sequence,
                flushed_sequence: status.flushed_sequence,
            }),
            disk_free_bytes: status.disk_free_bytes,
        })
    }
}
