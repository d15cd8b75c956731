//! Appending batches, for tenants.

mod append;
mod sequence;
mod stream;
mod submission;

pub(super) use append::{Produced, Volume, check_batch};
pub(super) use sequence::transaction_number;

use crate::authorize::Authorizer;
use crate::error::reply;
use crate::fields::invalid;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use append::{Checked, answer, check};
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::ProducerSession;
use levee_types::{LeveeError, ProducerId};
use std::time::Duration;
use stream::{Idle, ProduceStream, Requests};
use tonic::{Request, Response, Status, Streaming};

/// `levee.v1.ProduceService`.
pub(super) struct Produce {
    authorizer: Authorizer,
    idle_timeout: Duration,
    produced: Produced,
}

#[tonic::async_trait]
impl v1::produce_service_server::ProduceService for Produce {
    async fn produce(
        &self,
        request: Request<v1::ProduceRequest>,
    ) -> Result<Response<v1::ProduceResponse>, Status> {
        reply(self.one(request).await)
    }

    type ProduceStreamStream = BoxStream<'static, Result<v1::ProduceStreamResponse, Status>>;

    async fn produce_stream(
        &self,
        request: Request<Streaming<v1::ProduceStreamRequest>>,
    ) -> Result<Response<Self::ProduceStreamStream>, Status> {
        reply(self.many(request))
    }

    async fn init_producer(
        &self,
        request: Request<v1::InitProducerRequest>,
    ) -> Result<Response<v1::InitProducerResponse>, Status> {
        reply(self.init(&request).await)
    }
}

impl Produce {
    pub(super) fn new(authorizer: Authorizer, idle_timeout: Duration) -> Self {
        Self { authorizer, idle_timeout, produced: Produced::new() }
    }

    async fn one(&self, request: Request<v1::ProduceRequest>) -> Result<v1::ProduceResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::Produce, "")?;
        // Always copied: beside all that a call costs, that is little.
        let Checked { submission, topic, reservation } = check(&permit, request.into_inner(), usize::MAX)?;
        let (permit, throttled) = permit.wait(reservation).await?;
        if !throttled.is_zero() {
            // What was decided before may not hold any more.
            permit.require(topic.name.as_str())?;
        }
        let volume = submission.volume();
        let appended = submission.submit(permit.shard()).await?.await?;
        self.produced.count(volume, &permit.entry().used);
        Ok(answer(appended, throttled))
    }

    fn many(
        &self,
        request: Request<Streaming<v1::ProduceStreamRequest>>,
    ) -> Result<BoxStream<'static, Result<v1::ProduceStreamResponse, Status>>, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::ProduceStream, "")?;
        let retire = ConnectionContext::retire(&request);
        let idle = Idle::new(self.idle_timeout);
        let memory = request.extensions().get().cloned().unwrap_or_default();
        let requests = Requests { stream: request.into_inner(), memory };
        let stream = ProduceStream::new(permit, requests, retire, idle, self.produced.clone());
        Ok(stream.into_answers())
    }

    async fn init(
        &self,
        request: &Request<v1::InitProducerRequest>,
    ) -> Result<v1::InitProducerResponse, LeveeError> {
        let permit = self.authorizer.tenant(request, Operation::InitProducer, "")?;
        let v1::InitProducerRequest { producer_id, epoch } = *request.get_ref();
        let (shard, tenant) = (permit.shard(), permit.tenant());
        let session = match (producer_id.map(ProducerId), epoch) {
            (existing, None) => shard.init_producer(tenant, existing).await?,
            (Some(producer), Some(epoch)) => {
                shard.renew_producer(tenant, ProducerSession { producer, epoch }).await?
            }
            (None, Some(_)) => {
                return Err(invalid(
                    "epoch",
                    "it is given without producer_id",
                    "give both, or none for a new producer",
                ));
            }
        };
        Ok(v1::InitProducerResponse { producer_id: session.producer.0, epoch: session.epoch })
    }
}
