//! Consuming as a member of a group, for tenants.

mod begin;
mod commit;
mod join;
mod stream;

use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::error::status;
use crate::groups::Groups;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use crate::transport::outgoing::Outlet;
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
        self.follow(request).map_err(|error| status(&error))
    }
}

impl Consume {
    fn follow(
        &self,
        request: Request<Streaming<v1::ConsumeRequest>>,
    ) -> Result<Response<BoxStream<'static, Result<v1::ConsumeResponse, Status>>>, LeveeError> {
        let permit = Arc::new(self.authorizer.tenant(&request, Operation::Consume, "")?);
        let retire = ConnectionContext::retire(&request);
        let (blocking, groups) = (self.blocking.clone(), self.groups.clone());
        let outlet = Outlet::default();
        let stream =
            ConsumeStream::new(permit, blocking, groups, request.into_inner(), retire, outlet.clone());
        Ok(outlet.answer(stream.into_messages()))
    }
}
