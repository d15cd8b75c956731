//! Reading batches, for tenants.

mod filling;
mod message;
mod positions;
mod reading;
mod ready;
mod share;
mod stream;

pub(super) use filling::Filling;
pub(super) use reading::{Cold, Failed, Filled, Place, Reading};
pub(super) use ready::ReadyQueue;
pub(super) use share::{EGRESS_SHARE_BYTES, Share};

use crate::authorize::Authorizer;
use crate::blocking::{Blocking, LOOKUP_BYTES};
use crate::error::{reply, status};
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use crate::transport::outgoing::Outlet;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_types::LeveeError;
use std::sync::Arc;
use stream::ReadStream;
use tonic::{Request, Response, Status, Streaming};

/// `levee.v1.ReadService`.
pub(super) struct Read {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
}

#[tonic::async_trait]
impl v1::read_service_server::ReadService for Read {
    type ReadStream = BoxStream<'static, Result<v1::ReadResponse, Status>>;

    async fn read(
        &self,
        request: Request<Streaming<v1::ReadRequest>>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        self.follow(request).map_err(|error| status(&error))
    }

    async fn list_offsets(
        &self,
        request: Request<v1::ListOffsetsRequest>,
    ) -> Result<Response<v1::ListOffsetsResponse>, Status> {
        reply(self.offsets(request).await)
    }
}

impl Read {
    fn follow(
        &self,
        request: Request<Streaming<v1::ReadRequest>>,
    ) -> Result<Response<BoxStream<'static, Result<v1::ReadResponse, Status>>>, LeveeError> {
        let permit = Arc::new(self.authorizer.tenant(&request, Operation::Read, "")?);
        let retire = ConnectionContext::retire(&request);
        let outlet = Outlet::default();
        let stream =
            ReadStream::new(permit, self.blocking.clone(), request.into_inner(), retire, outlet.clone());
        Ok(outlet.answer(stream.into_messages()))
    }

    async fn offsets(
        &self,
        request: Request<v1::ListOffsetsRequest>,
    ) -> Result<v1::ListOffsetsResponse, LeveeError> {
        let permit = Arc::new(self.authorizer.tenant(&request, Operation::ListOffsets, "")?);
        let positions = positions::Named::new(request.into_inner().positions)?;
        let turn = permit.turn(positions.len() * LOOKUP_BYTES);
        let resolved = self.blocking.run(turn, move || positions::resolve(&permit, positions)).await?;
        Ok(v1::ListOffsetsResponse {
            positions: resolved.iter().map(positions::Resolved::to_proto).collect(),
        })
    }
}
