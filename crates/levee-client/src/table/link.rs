//! A stream of the table service, which is opened again when it is lost.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::error::{Error, RequestId};
use levee_types::Clock;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Response, Status, Streaming};

/// The stream, while there is one.
pub(super) struct Link<M> {
    stream: Option<(Streaming<M>, Option<RequestId>)>,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    request_timeout: Duration,
    /// No attempt before, on the clock: so that callers who give up early and come again do not put it off for ever.
    retry_at: Duration,
}

impl<M> Link<M> {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            stream: None,
            clock: Arc::clone(client.clock()),
            backoff: Backoff::new(Arc::clone(client.random())),
            request_timeout: client.request_timeout(),
            retry_at: Duration::ZERO,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Opens it, once it is time for that.
    ///
    /// # Errors
    /// The broker refuses, or does not answer in time.
    pub(super) async fn open(
        &mut self,
        call: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
    ) -> Result<(), Error> {
        tokio::time::sleep(self.retry_at.saturating_sub(self.clock.monotonic())).await;
        let opened = tokio::time::timeout(self.request_timeout, call).await;
        let response = opened.map_err(|_| Error::timeout("no answer in time"))??;
        let id = RequestId::of(response.metadata());
        self.stream = Some((response.into_inner(), id));
        Ok(())
    }

    /// The next message. None: the broker ended the stream. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// The stream is lost.
    pub(super) async fn message(&mut self) -> Result<Option<M>, Error> {
        let Some((stream, id)) = &mut self.stream else {
            return Err(Error::connection("the stream is closed"));
        };
        let message = stream.message().await.map_err(|status| Error::from(status).of_request(id.as_ref()))?;
        if message.is_some() {
            self.backoff.reset();
        }
        Ok(message)
    }

    /// It was lost, and may be opened again later.
    ///
    /// # Errors
    /// What will not get better by that.
    pub(super) fn lost(&mut self, error: Error) -> Result<(), Error> {
        self.stream = None;
        if !error.is_retryable() {
            return Err(error);
        }
        tracing::debug!(%error, "a stream of a table is lost");
        self.retry_at = self.clock.monotonic() + self.backoff.next(error.retry_after());
        Ok(())
    }
}
