//! A worker of a queue by the protocol alone.

use super::Raw;
use futures::channel::mpsc;
use levee_proto::v1;
use levee_proto::v1::queue_service_client::QueueServiceClient;
use levee_proto::v1::work_request::Kind as Ask;
use levee_proto::v1::work_response::Kind as Answer;
use tonic::{Status, Streaming};

/// A stream of work. Dropping it gives back what the worker has.
#[derive(Debug)]
pub struct Worker {
    /// Of the queue, as the broker tells.
    pub settings: v1::QueueSettings,
    asks: mpsc::UnboundedSender<v1::WorkRequest>,
    answers: Streaming<v1::WorkResponse>,
}

impl Raw {
    /// Begins to work for a queue.
    ///
    /// # Errors
    /// As the broker answers.
    pub async fn work(&self, start: v1::WorkStart) -> Result<Worker, Status> {
        let (asks, asked) = mpsc::unbounded();
        let _ = asks.unbounded_send(v1::WorkRequest { kind: Some(Ask::Start(start)) });
        let mut client = QueueServiceClient::new(self.service());
        let answers = client.work(asked).await?.into_inner();
        let mut worker = Worker { settings: v1::QueueSettings::default(), asks, answers };
        match worker.next().await? {
            Answer::Started(started) => worker.settings = started.settings.unwrap_or_default(),
            other => return Err(Status::internal(format!("it begins with {other:?}"))),
        }
        Ok(worker)
    }
}

impl Worker {
    /// Sends a message. That the stream has ended is told by [`Worker::next`].
    pub fn ask(&self, kind: Ask) {
        let _ = self.asks.unbounded_send(v1::WorkRequest { kind: Some(kind) });
    }

    /// Says what became of records. The answer comes with the other messages, in the order of these.
    pub fn settle(&self, settle: v1::WorkSettle) {
        self.ask(Ask::Settle(settle));
    }

    /// Allows so many more records.
    pub fn credit(&self, records: u32) {
        self.ask(Ask::Credit(v1::WorkCredit { records }));
    }

    /// The next message.
    ///
    /// # Errors
    /// As the broker answers; UNAVAILABLE when the stream has ended.
    pub async fn next(&mut self) -> Result<Answer, Status> {
        let message = self.answers.message().await?;
        message.and_then(|message| message.kind).ok_or_else(|| Status::unavailable("the stream has ended"))
    }
}
