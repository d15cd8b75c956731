//! The stream of a member, which tells that the member is alive.

use super::settings::ConsumerSettings;
use crate::client::Transport;
use crate::error::{Error, RequestId};
use futures::{Stream, stream};
use levee_proto::v1;
use levee_proto::v1::consume_request::Kind as Ask;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_proto::v1::consume_service_client::ConsumeServiceClient;
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Streaming;

/// Heartbeats in a session timeout.
const HEARTBEATS: u32 = 3;

pub(super) struct Link {
    requests: mpsc::UnboundedSender<v1::ConsumeRequest>,
    answers: Streaming<v1::ConsumeResponse>,
    id: Option<RequestId>,
}

impl Link {
    /// Joins the group. Returns the id of the member as well.
    ///
    /// # Errors
    /// The broker refuses, or cannot be reached in time.
    pub(super) async fn open(
        mut service: ConsumeServiceClient<Transport>,
        settings: &ConsumerSettings,
        timeout: Duration,
    ) -> Result<(Self, u64), Error> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let ConsumerSettings { group, topics, instance, session_timeout, start, credit_bytes, .. } = settings;
        let join = v1::ConsumeJoin {
            group: group.clone(),
            topics: topics.clone(),
            instance: instance.clone().unwrap_or_default(),
            session_timeout_ms: settings.session_timeout_ms(),
            start: Some(start.to_message()),
            credit_bytes: *credit_bytes,
        };
        let gone = |_| Error::connection("the stream was closed");
        requests.send(v1::ConsumeRequest { kind: Some(Ask::Join(join)) }).map_err(gone)?;
        let opening = async {
            let response = service.consume(with_heartbeats(receiver, *session_timeout / HEARTBEATS)).await?;
            let id = RequestId::of(response.metadata());
            let mut link = Self { requests, answers: response.into_inner(), id };
            match link.receive().await? {
                Answer::Joined(joined) => Ok((link, joined.member_id)),
                _ => Err(link.named(Error::protocol("the broker did not say who the member is"))),
            }
        };
        tokio::time::timeout(timeout, opening).await.map_err(|_| Error::timeout("no answer in time"))?
    }

    /// Sends a message, after those that were sent before. A stream that is gone says so with its next answer.
    pub(super) fn send(&self, kind: Ask) {
        let _ = self.requests.send(v1::ConsumeRequest { kind: Some(kind) });
    }

    /// The next message. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// The stream is gone.
    pub(super) async fn receive(&mut self) -> Result<Answer, Error> {
        match self.answers.message().await {
            Ok(Some(v1::ConsumeResponse { kind: Some(kind) })) => Ok(kind),
            Ok(Some(_)) => Err(self.named(Error::protocol("the broker sent something unknown"))),
            Ok(None) => Err(self.named(Error::connection("the broker ended the stream"))),
            Err(status) => Err(self.named(status.into())),
        }
    }

    fn named(&self, error: Error) -> Error {
        error.of_request(self.id.as_ref())
    }
}

/// What is to be sent, and a heartbeat whenever that is nothing for so long. The connection asks for it, however slow
/// the caller is.
fn with_heartbeats(
    receiver: mpsc::UnboundedReceiver<v1::ConsumeRequest>,
    every: Duration,
) -> impl Stream<Item = v1::ConsumeRequest> + Send + 'static {
    stream::unfold(receiver, move |mut receiver| async move {
        let request = match tokio::time::timeout(every, receiver.recv()).await {
            Ok(request) => request?,
            Err(_) => v1::ConsumeRequest { kind: Some(Ask::Heartbeat(v1::ConsumeHeartbeat {})) },
        };
        Some((request, receiver))
    })
}
