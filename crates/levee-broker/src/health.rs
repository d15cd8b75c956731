//! Whether the broker serves: one truth, told over gRPC and over HTTP.

use levee_proto::v1;
use levee_storage::ShardState;
use std::pin::Pin;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::codegen::tokio_stream::Stream;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Messages of the health service are small.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// What the broker says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It takes every request.
    Serving,
    /// It is stopping.
    Draining,
    /// The disk is full: it reads, but does not write.
    Full,
    /// A write or sync failed: it is about to exit.
    Failed,
}

impl Condition {
    /// A word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Full => "the disk is full",
            Self::Failed => "storage failed",
        }
    }

    fn to_grpc(self) -> ServingStatus {
        match self {
            Self::Serving => ServingStatus::Serving,
            Self::Draining | Self::Full | Self::Failed => ServingStatus::NotServing,
        }
    }
}

/// Follows the state of the shard and the drain. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    state: watch::Receiver<ShardState>,
    drain: CancellationToken,
}

impl Readiness {
    /// `drain` is cancelled when the broker begins to stop.
    #[must_use]
    pub fn new(state: watch::Receiver<ShardState>, drain: CancellationToken) -> Self {
        Self { state, drain }
    }

    /// The condition now.
    #[must_use]
    pub fn now(&self) -> Condition {
        match *self.state.borrow() {
            ShardState::Failed => Condition::Failed,
            _ if self.drain.is_cancelled() => Condition::Draining,
            ShardState::Full => Condition::Full,
            ShardState::Serving => Condition::Serving,
        }
    }

    /// Waits until the condition is not `old`. Cancel-safe.
    pub async fn changed(&mut self, old: Condition) -> Condition {
        loop {
            let now = self.now();
            if now != old {
                return now;
            }
            tokio::select! {
                result = self.state.changed() => {
                    if result.is_err() {
                        // The shard is gone and says nothing more.
                        std::future::pending::<()>().await;
                    }
                }
                () = self.drain.cancelled(), if !self.drain.is_cancelled() => {}
            }
        }
    }

    /// Whether the shard has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        *self.state.borrow() == ShardState::Failed
    }

    /// Resolves when the shard has failed. Cancel-safe.
    pub async fn failed(&mut self) {
        while *self.state.borrow_and_update() != ShardState::Failed {
            if self.state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The standard health service. `""` and every service of Levee have the condition of the broker.
pub struct HealthService {
    readiness: Readiness,
}

impl HealthService {
    /// As a service.
    #[must_use]
    pub fn server(readiness: Readiness) -> HealthServer<Self> {
        HealthServer::new(Self { readiness })
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

const SERVICES: [&str; 6] = [
    "",
    <v1::produce_service_server::ProduceServiceServer<()> as NamedService>::NAME,
    <v1::read_service_server::ReadServiceServer<()> as NamedService>::NAME,
    <v1::topic_service_server::TopicServiceServer<()> as NamedService>::NAME,
    <v1::tenant_service_server::TenantServiceServer<()> as NamedService>::NAME,
    <v1::cluster_service_server::ClusterServiceServer<()> as NamedService>::NAME,
];

type Watch = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if SERVICES.contains(&request.get_ref().service.as_str()) {
            Ok(Response::new(answer(self.readiness.now().to_grpc())))
        } else {
            Err(Status::not_found("there is no such service"))
        }
    }

    type WatchStream = Watch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        if !SERVICES.contains(&request.get_ref().service.as_str()) {
            let unknown = futures::stream::once(async { Ok(answer(ServingStatus::ServiceUnknown)) });
            // The service says that such a call goes on. It will never have more to say, and ends with its
            // connection.
            return Ok(Response::new(Box::pin(futures::StreamExt::chain(
                unknown,
                futures::stream::pending(),
            ))));
        }
        Ok(Response::new(Box::pin(futures::stream::unfold(
            Watcher { readiness: self.readiness.clone(), told: None },
            Watcher::next,
        ))))
    }
}

/// Tells the condition when it changes, and ends with the drain: the watcher is to look elsewhere.
struct Watcher {
    readiness: Readiness,
    told: Option<Condition>,
}

impl Watcher {
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Self)> {
        let condition = match self.told {
            None => self.readiness.now(),
            Some(Condition::Draining | Condition::Failed) => return None,
            Some(told) => self.readiness.changed(told).await,
        };
        self.told = Some(condition);
        Some((Ok(answer(condition.to_grpc())), self))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status as i32 }
}

#[cfg(test)]
mod tests;
