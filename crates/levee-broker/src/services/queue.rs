//! Handing out single records, to workers of tenants.

pub(super) mod settings;
mod settle;
mod start;
mod stream;

use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::error::reply;
use crate::operation::Operation;
use crate::queues::Queues;
use crate::transport::connection::ConnectionContext;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_types::LeveeError;
use std::sync::Arc;
use stream::WorkStream;
use tonic::{Request, Response, Status, Streaming};

/// `levee.v1.QueueService`.
pub(super) struct QueueWork {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) queues: Queues,
}

#[tonic::async_trait]
impl v1::queue_service_server::QueueService for QueueWork {
    type WorkStream = BoxStream<'static, Result<v1::WorkResponse, Status>>;

    async fn work(
        &self,
        request: Request<Streaming<v1::WorkRequest>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        reply(self.follow(request))
    }
}

impl QueueWork {
    fn follow(
        &self,
        request: Request<Streaming<v1::WorkRequest>>,
    ) -> Result<BoxStream<'static, Result<v1::WorkResponse, Status>>, LeveeError> {
        // That a tenant is suspended read-only lets its workers go on, as it lets its readers: how far they have come
        // is no new data. Only what is dead waits until new records may come.
        let permit = Arc::new(self.authorizer.tenant(&request, Operation::Work, "")?);
        let retire = ConnectionContext::retire(&request);
        let (blocking, queues) = (self.blocking.clone(), self.queues.clone());
        Ok(WorkStream::new(permit, blocking, queues, request.into_inner(), retire).into_messages())
    }
}
