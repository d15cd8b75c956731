//! The stream of a worker.

use super::settings::WorkerSettings;
use crate::client::Client;
use crate::error::{Error, RequestId};
use levee_proto::v1;
use levee_proto::v1::work_request::Kind as Ask;
use levee_proto::v1::work_response::Kind as Answer;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

pub(super) struct Link {
    requests: mpsc::UnboundedSender<v1::WorkRequest>,
    answers: Streaming<v1::WorkResponse>,
    id: Option<RequestId>,
}

impl Link {
    /// Starts to work.
    ///
    /// # Errors
    /// The broker refuses, or cannot be reached in time.
    pub(super) async fn open(client: &Client, settings: &WorkerSettings) -> Result<Self, Error> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let start = v1::WorkRequest { kind: Some(Ask::Start(settings.to_message())) };
        requests.send(start).map_err(|_| Error::connection("the stream was closed"))?;
        let opening =
            async {
                let mut service = client.works(client.connect());
                let response = service.work(UnboundedReceiverStream::new(receiver)).await?;
                let id = RequestId::of(response.metadata());
                let mut link = Self { requests, answers: response.into_inner(), id };
                match link.receive().await? {
                    Answer::Started(_) => Ok(link),
                    _ => Err(Error::protocol("the broker did not say that it started")
                        .of_request(link.id.as_ref())),
                }
            };
        tokio::time::timeout(client.request_timeout(), opening)
            .await
            .map_err(|_| Error::timeout("no answer in time"))?
    }

    /// Sends a message. A stream that is gone says so with its next answer.
    pub(super) fn send(&self, kind: Ask) {
        let _ = self.requests.send(v1::WorkRequest { kind: Some(kind) });
    }

    /// The next message. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// The stream is gone.
    pub(super) async fn receive(&mut self) -> Result<Answer, Error> {
        let error = match self.answers.message().await {
            Ok(Some(v1::WorkResponse { kind: Some(kind) })) => return Ok(kind),
            Ok(Some(_)) => Error::protocol("the broker sent something unknown"),
            Ok(None) => Error::connection("the broker ended the stream"),
            Err(status) => status.into(),
        };
        Err(error.of_request(self.id.as_ref()))
    }
}
