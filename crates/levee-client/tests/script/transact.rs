//! A broker of transactions, and of appends, that does what the test says.

use super::call::{PATIENCE, accept, serve};
use super::stream::Call;
use futures::stream::BoxStream;
use levee_client::v1;
use levee_client::v1::produce_service_server::{ProduceService, ProduceServiceServer};
use levee_client::v1::topic_service_server::{TopicService, TopicServiceServer};
use levee_client::v1::transaction_service_server::{TransactionService, TransactionServiceServer};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

type Reply<T> = Result<Response<T>, Status>;

/// A call that is answered once.
pub struct Asked<T, A> {
    pub request: T,
    answer: oneshot::Sender<Result<A, Status>>,
}

impl<T, A> Asked<T, A> {
    pub fn answer(self, answer: Result<A, Status>) {
        // A client that gave up does not want to know.
        let _ = self.answer.send(answer);
    }
}

type Asks<T, A> = mpsc::UnboundedSender<Asked<T, A>>;

async fn ask<T, A>(asks: &Asks<T, A>, request: Request<T>) -> Reply<A> {
    let (answer, answered) = oneshot::channel();
    let gone = |_| Status::unavailable("the test has ended");
    let asked = Asked { request: request.into_inner(), answer };
    asks.send(asked).map_err(|_| Status::unavailable("the test has ended"))?;
    answered.await.map_err(gone)?.map(Response::new)
}

/// The next one to arrive.
pub async fn asked<T, A>(asks: &mut mpsc::UnboundedReceiver<Asked<T, A>>) -> Asked<T, A> {
    accept(asks).await
}

pub type Stage = Call<v1::ProduceStreamRequest, v1::ProduceStreamResponse>;

#[derive(Clone)]
struct Service {
    inits: Asks<v1::InitProducerRequest, v1::InitProducerResponse>,
    appends: Asks<v1::ProduceRequest, v1::ProduceResponse>,
    stages: mpsc::UnboundedSender<Stage>,
    commits: Asks<v1::CommitTransactionRequest, v1::CommitTransactionResponse>,
    aborts: Asks<v1::AbortTransactionRequest, v1::AbortTransactionResponse>,
}

pub struct Script {
    endpoint: String,
    pub inits: mpsc::UnboundedReceiver<Asked<v1::InitProducerRequest, v1::InitProducerResponse>>,
    pub appends: mpsc::UnboundedReceiver<Asked<v1::ProduceRequest, v1::ProduceResponse>>,
    pub stages: mpsc::UnboundedReceiver<Stage>,
    pub commits: mpsc::UnboundedReceiver<Asked<v1::CommitTransactionRequest, v1::CommitTransactionResponse>>,
    pub aborts: mpsc::UnboundedReceiver<Asked<v1::AbortTransactionRequest, v1::AbortTransactionResponse>>,
}

impl Script {
    pub async fn start() -> Self {
        let (inits, init) = mpsc::unbounded_channel();
        let (appends, append) = mpsc::unbounded_channel();
        let (stages, stage) = mpsc::unbounded_channel();
        let (commits, commit) = mpsc::unbounded_channel();
        let (aborts, abort) = mpsc::unbounded_channel();
        let service = Service { inits, appends, stages, commits, aborts };
        let router = Server::builder()
            .add_service(ProduceServiceServer::new(service.clone()))
            .add_service(TopicServiceServer::new(service.clone()))
            .add_service(TransactionServiceServer::new(service));
        let endpoint = serve(router).await;
        Self { endpoint, inits: init, appends: append, stages: stage, commits: commit, aborts: abort }
    }

    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Gives the next producer its identity; returns what it was before.
    pub async fn init(&mut self, producer_id: u64, epoch: u32) -> (Option<u64>, Option<u32>) {
        let asked = asked(&mut self.inits).await;
        let before = (asked.request.producer_id, asked.request.epoch);
        asked.answer(Ok(v1::InitProducerResponse { producer_id, epoch }));
        before
    }
}

/// The next batch that is staged.
pub async fn staged(stage: &mut Stage) -> v1::ProduceRequest {
    let request = tokio::time::timeout(PATIENCE, stage.request()).await.unwrap();
    request.and_then(|request| request.request).expect("a batch")
}

/// Answers the request of this index.
pub fn answer_stage(stage: &Stage, index: u32, error: Option<v1::ErrorDetail>) {
    use v1::produce_stream_response::Result as Answer;
    let result = error.map_or_else(|| Answer::Response(v1::ProduceResponse::default()), Answer::Error);
    stage.send(v1::ProduceStreamResponse { correlation_id: index.into(), result: Some(result) });
}

#[tonic::async_trait]
impl ProduceService for Service {
    type ProduceStreamStream = BoxStream<'static, Result<v1::ProduceStreamResponse, Status>>;

    async fn produce(&self, request: Request<v1::ProduceRequest>) -> Reply<v1::ProduceResponse> {
        ask(&self.appends, request).await
    }

    async fn produce_stream(
        &self,
        requests: Request<Streaming<v1::ProduceStreamRequest>>,
    ) -> Reply<Self::ProduceStreamStream> {
        let (call, response) = Call::new(requests.into_inner());
        self.stages.send(call).map_err(|_| Status::unavailable("the test has ended"))?;
        Ok(response)
    }

    async fn init_producer(
        &self,
        request: Request<v1::InitProducerRequest>,
    ) -> Reply<v1::InitProducerResponse> {
        ask(&self.inits, request).await
    }
}

#[tonic::async_trait]
impl TransactionService for Service {
    async fn commit_transaction(
        &self,
        request: Request<v1::CommitTransactionRequest>,
    ) -> Reply<v1::CommitTransactionResponse> {
        ask(&self.commits, request).await
    }

    async fn abort_transaction(
        &self,
        request: Request<v1::AbortTransactionRequest>,
    ) -> Reply<v1::AbortTransactionResponse> {
        ask(&self.aborts, request).await
    }
}

#[tonic::async_trait]
impl TopicService for Service {
    /// Every topic has three partitions.
    async fn get_topic(&self, _: Request<v1::GetTopicRequest>) -> Reply<v1::GetTopicResponse> {
        let topic = v1::Topic { partitions: 3, ..v1::Topic::default() };
        Ok(Response::new(v1::GetTopicResponse { topic: Some(topic), partitions: Vec::new() }))
    }

    async fn create_topics(&self, _: Request<v1::CreateTopicsRequest>) -> Reply<v1::CreateTopicsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn list_topics(&self, _: Request<v1::ListTopicsRequest>) -> Reply<v1::ListTopicsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn delete_topic(&self, _: Request<v1::DeleteTopicRequest>) -> Reply<v1::DeleteTopicResponse> {
        Err(Status::unimplemented(""))
    }

    async fn update_topic_config(
        &self,
        _: Request<v1::UpdateTopicConfigRequest>,
    ) -> Reply<v1::UpdateTopicConfigResponse> {
        Err(Status::unimplemented(""))
    }

    async fn add_partitions(&self, _: Request<v1::AddPartitionsRequest>) -> Reply<v1::AddPartitionsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn trim_partition(&self, _: Request<v1::TrimPartitionRequest>) -> Reply<v1::TrimPartitionResponse> {
        Err(Status::unimplemented(""))
    }

    type CompactTopicStream = futures::stream::Empty<Result<v1::CompactTopicResponse, Status>>;

    async fn compact_topic(
        &self,
        _: Request<v1::CompactTopicRequest>,
    ) -> Result<Response<Self::CompactTopicStream>, Status> {
        Err(Status::unimplemented(""))
    }

    type VerifyTopicStream = futures::stream::Empty<Result<v1::VerifyTopicResponse, Status>>;

    async fn verify_topic(
        &self,
        _: Request<v1::VerifyTopicRequest>,
    ) -> Result<Response<Self::VerifyTopicStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
