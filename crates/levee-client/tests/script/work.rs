//! A broker of queues that does what the test says.

use super::call::{accept, serve};
use super::stream::Call;
use futures::stream::BoxStream;
use levee_client::v1;
use levee_client::v1::queue_service_server::{QueueService, QueueServiceServer};
use levee_client::v1::work_request::Kind as Ask;
use levee_client::v1::work_response::Kind as Answer;
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

type Work = Call<v1::WorkRequest, v1::WorkResponse>;

pub struct Script {
    endpoint: String,
    calls: mpsc::UnboundedReceiver<Work>,
}

struct Service(mpsc::UnboundedSender<Work>);

#[tonic::async_trait]
impl QueueService for Service {
    type WorkStream = BoxStream<'static, Result<v1::WorkResponse, Status>>;

    async fn work(
        &self,
        requests: Request<Streaming<v1::WorkRequest>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let (call, response) = Call::new(requests.into_inner());
        self.0.send(call).map_err(|_| Status::unavailable("the test has ended"))?;
        Ok(response)
    }
}

impl Script {
    pub async fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let router = Server::builder().add_service(QueueServiceServer::new(Service(sender)));
        let endpoint = serve(router).await;
        Self { endpoint, calls }
    }

    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Takes in the next worker.
    pub async fn start_work(&mut self) -> Member {
        let mut call = accept(&mut self.calls).await;
        let Some(Ask::Start(start)) = call.request().await.and_then(|request| request.kind) else {
            unreachable!("no start")
        };
        let member = Member { call, start };
        member.send(Answer::Started(v1::WorkStarted { settings: None, member_id: 1 }));
        member
    }
}

/// The broker's end of a worker.
pub struct Member {
    call: Work,
    pub start: v1::WorkStart,
}

impl Member {
    pub fn send(&self, kind: Answer) {
        self.call.send(v1::WorkResponse { kind: Some(kind) });
    }

    pub fn fail(self, status: Status) {
        self.call.fail(status);
    }

    /// Hands out a record of topic t, for the first time.
    pub fn deliver(&self, delivery_id: u64, offset: u64) {
        let delivery = v1::Delivery {
            delivery_id,
            topic: "t".to_owned(),
            offset,
            append_time_ms: 5,
            deliveries: 1,
            record: Some(v1::Record::default()),
            ..v1::Delivery::default()
        };
        self.send(Answer::Deliveries(v1::Deliveries { deliveries: vec![delivery] }));
    }

    pub fn settled(&self, failures: Vec<v1::SettleFailure>) {
        self.send(Answer::Settled(v1::WorkSettled { failures }));
    }

    /// The next message; none when the worker has gone.
    pub async fn request(&mut self) -> Option<Ask> {
        self.call.request().await.and_then(|request| request.kind)
    }

    pub async fn settle(&mut self) -> v1::WorkSettle {
        match self.request().await {
            Some(Ask::Settle(settle)) => settle,
            other => unreachable!("{other:?}"),
        }
    }

    pub async fn credit(&mut self) -> u32 {
        match self.request().await {
            Some(Ask::Credit(credit)) => credit.records,
            other => unreachable!("{other:?}"),
        }
    }
}
