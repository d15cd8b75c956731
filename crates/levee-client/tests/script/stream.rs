//! A stream that a test answers by hand.

use super::call::PATIENCE;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::fmt::Debug;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Response, Status, Streaming};

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
