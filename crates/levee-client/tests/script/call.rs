//! A stream that a test answers by hand.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use levee_types::ErrorCode;
use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tokio_util::task::TaskTracker;
use tonic::transport::server::Router;
use tonic::{Code, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

/// How long the client may take for what it is to do.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Serves on a port of its own, until the runtime of the test ends. Gives the endpoint.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    TaskTracker::new().spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    endpoint
}

pub struct Call<Request, Answer> {
    requests: Streaming<Request>,
    answers: mpsc::UnboundedSender<Result<Answer, Status>>,
}

impl<Request: Debug, Answer: Send + 'static> Call<Request, Answer> {
    /// A call, and its response.
    pub fn new(requests: Streaming<Request>) -> (Self, Response<BoxStream<'static, Result<Answer, Status>>>) {
        let (answers, receiver) = mpsc::unbounded_channel();
        (Self { requests, answers }, Response::new(UnboundedReceiverStream::new(receiver).boxed()))
    }

    pub fn send(&self, answer: Answer) {
        self.answers.send(Ok(answer)).unwrap();
    }

    /// Ends the stream.
    pub fn fail(self, status: Status) {
        self.answers.send(Err(status)).unwrap();
    }

    /// The next request; none when the client has gone.
    pub async fn request(&mut self) -> Option<Request> {
        let request = tokio::time::timeout(PATIENCE, self.requests.message()).await;
        request.expect("a request in time").ok().flatten()
    }
}

/// The next one to arrive.
pub async fn accept<T>(calls: &mut mpsc::UnboundedReceiver<T>) -> T {
    tokio::time::timeout(PATIENCE, calls.recv()).await.expect("a call in time").unwrap()
}

/// What a broker says that refuses with this code.
pub fn refusal(code: ErrorCode) -> Status {
    let metadata = HashMap::from([("retryable".to_owned(), code.is_retryable().to_string())]);
    let details = ErrorDetails::with_error_info(code.as_str(), "levee", metadata);
    Status::with_error_details(Code::FailedPrecondition, "no", details)
}
