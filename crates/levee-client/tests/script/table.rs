//! A broker of tables that does what the test says.

use super::call::{accept, serve};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use levee_client::v1;
use levee_client::v1::table_service_server::{TableService, TableServiceServer};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

type Reply<T> = Result<Response<T>, Status>;

/// A look-up, and the way to answer it.
pub type Look = (v1::GetValuesRequest, oneshot::Sender<Result<v1::GetValuesResponse, Status>>);

/// A stream, with what it was asked for.
pub struct Told<T, A> {
    pub request: T,
    answers: mpsc::UnboundedSender<Result<A, Status>>,
}

impl<T, A: Send + 'static> Told<T, A> {
    pub fn send(&self, answer: A) {
        assert!(self.answers.send(Ok(answer)).is_ok(), "the client has gone");
    }

    /// Ends the stream.
    pub fn fail(self, status: Status) {
        assert!(self.answers.send(Err(status)).is_ok(), "the client has gone");
    }
}

pub type Scan = Told<v1::ScanTableRequest, v1::ScanTableResponse>;
pub type Watch = Told<v1::WatchTableRequest, v1::WatchTableResponse>;

struct Service {
    looks: mpsc::UnboundedSender<Look>,
    scans: mpsc::UnboundedSender<Scan>,
    watches: mpsc::UnboundedSender<Watch>,
}

fn told<T, A: Send + 'static>(
    calls: &mpsc::UnboundedSender<Told<T, A>>,
    request: Request<T>,
) -> Reply<BoxStream<'static, Result<A, Status>>> {
    let (answers, receiver) = mpsc::unbounded_channel();
    let call = Told { request: request.into_inner(), answers };
    calls.send(call).map_err(|_| Status::unavailable("the test has ended"))?;
    Ok(Response::new(UnboundedReceiverStream::new(receiver).boxed()))
}

#[tonic::async_trait]
impl TableService for Service {
    async fn get_values(&self, request: Request<v1::GetValuesRequest>) -> Reply<v1::GetValuesResponse> {
        let (answer, answered) = oneshot::channel();
        let ended = || Status::unavailable("the test has ended");
        self.looks.send((request.into_inner(), answer)).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?.map(Response::new)
    }

    type ScanTableStream = BoxStream<'static, Result<v1::ScanTableResponse, Status>>;

    async fn scan_table(&self, request: Request<v1::ScanTableRequest>) -> Reply<Self::ScanTableStream> {
        told(&self.scans, request)
    }

    type WatchTableStream = BoxStream<'static, Result<v1::WatchTableResponse, Status>>;

    async fn watch_table(&self, request: Request<v1::WatchTableRequest>) -> Reply<Self::WatchTableStream> {
        told(&self.watches, request)
    }

    async fn erase_key(&self, _: Request<v1::EraseKeyRequest>) -> Reply<v1::EraseKeyResponse> {
        Err(Status::unimplemented("not in this script"))
    }
}

pub struct Script {
    endpoint: String,
    looks: mpsc::UnboundedReceiver<Look>,
    scans: mpsc::UnboundedReceiver<Scan>,
    watches: mpsc::UnboundedReceiver<Watch>,
}

impl Script {
    pub async fn start() -> Self {
        let (look, looks) = mpsc::unbounded_channel();
        let (scan, scans) = mpsc::unbounded_channel();
        let (watch, watches) = mpsc::unbounded_channel();
        let service = Service { looks: look, scans: scan, watches: watch };
        let endpoint = serve(Server::builder().add_service(TableServiceServer::new(service))).await;
        Self { endpoint, looks, scans, watches }
    }

    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    pub async fn look(&mut self) -> Look {
        accept(&mut self.looks).await
    }

    pub async fn scan(&mut self) -> Scan {
        accept(&mut self.scans).await
    }

    pub async fn watch(&mut self) -> Watch {
        accept(&mut self.watches).await
    }
}
