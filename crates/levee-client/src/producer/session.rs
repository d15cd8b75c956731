//! Who the broker takes a producer for.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::error::Error;
use levee_proto::v1;
use levee_types::ErrorCode;
use std::time::Duration;

/// A producer, and which of those that followed each other under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) producer_id: u64,
    pub(crate) epoch: u32,
}

/// Asks the broker for the identity of a producer: the epoch after `held`, or that of a new one.
pub(crate) async fn new_session(client: &Client, held: Option<Session>) -> Result<Session, Error> {
    let request = client.request(v1::InitProducerRequest {
        producer_id: held.map(|session| session.producer_id),
        epoch: held.map(|session| session.epoch),
    });
    let v1::InitProducerResponse { producer_id, epoch } =
        client.produces().init_producer(request).await?.into_inner();
    Ok(Session { producer_id, epoch })
}

/// A session for those who ask one thing after the other: another one is asked for when it is needed.
pub(crate) struct Sessions {
    held: Session,
    renewal: Option<Renewal>,
}

/// Calls for another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    /// The next epoch of the same producer, which shuts out what is under way.
    Epoch,
    /// The broker does not know the producer any more.
    Producer,
}

impl Sessions {
    pub(crate) async fn open(client: &Client) -> Result<Self, Error> {
        Ok(Self { held: new_session(client, None).await?, renewal: None })
    }

    /// What is under way is not known.
    pub(crate) fn needs_epoch(&mut self) {
        self.renewal.get_or_insert(Renewal::Epoch);
    }

    /// The broker refused something of the session. Tells whether that was the session itself.
    pub(crate) fn refused(&mut self, error: &Error) -> bool {
        let is_forgotten =
            matches!(error.code(), Some(ErrorCode::ProducerFenced | ErrorCode::UnknownProducer));
        if is_forgotten {
            self.renewal = Some(Renewal::Producer);
        }
        is_forgotten
    }

    /// The session is over.
    pub(crate) fn is_over(&self) -> bool {
        self.renewal.is_some()
    }

    /// The session.
    pub(crate) fn held(&self) -> Session {
        self.held
    }

    /// Asks for another one.
    ///
    /// # Errors
    /// The broker refuses, or cannot be reached until `give_up_at`.
    pub(crate) async fn renew(
        &mut self,
        client: &Client,
        backoff: &mut Backoff,
        give_up_at: Duration,
    ) -> Result<(), Error> {
        while let Some(renewal) = self.renewal {
            let held = Some(self.held).filter(|_| renewal == Renewal::Epoch);
            match new_session(client, held).await {
                Ok(session) => {
                    self.held = session;
                    self.renewal = None;
                }
                Err(error) if renewal == Renewal::Epoch && self.refused(&error) => {}
                Err(error) => {
                    let wait = backoff.next(error.retry_after());
                    if !error.is_retryable() || client.clock().monotonic() + wait >= give_up_at {
                        return Err(error);
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
        Ok(())
    }
}
