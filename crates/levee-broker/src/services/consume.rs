//! Consuming as a member of a group, for tenants.

mod begin;
mod commit;
mod join;
mod stream;

use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::error::reply;
use crate::groups::Groups;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_types::LeveeError;
use std::sync::Arc;
use stream::ConsumeStream;
use tonic::{Request, Response, Status, Streaming};

/// `levee.v1.ConsumeService`.
pub(super) struct Consume {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) groups: Groups,
}

#[tonic::async_trait]
impl v1::consume_service_server::ConsumeService for Consume {
    type ConsumeStream = BoxStream<'static, Result<v1::ConsumeResponse, Status>>;

    async fn consume(
        &self,
        request: Request<Streaming<v1::ConsumeRequest>>,
    ) -> Result<Response<Self::ConsumeStream>, Status> {
        reply(self.follow(request))
    }
}

impl Consume {
    fn follow(
        &self,
        request: Request<Streaming<v1::ConsumeRequest>>,
    ) -> Result<BoxStream<'static, Result<v1::ConsumeResponse, Status>>, LeveeError> {
        let permit = Arc::new(self.authorizer.tenant(&request, Operation::Consume, "")?);
        let retire = ConnectionContext::retire(&request);
        let (blocking, groups) = (self.blocking.clone(), self.groups.clone());
        Ok(ConsumeStream::new(permit, blocking, groups, request.into_inner(), retire).into_messages())
    }
}
