//! Whose transactions they are: one after the other.

use super::Transaction;
use super::buffer::Buffer;
use super::settings::TransactionSettings;
use super::staging::{Name, Staging};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;
use crate::producer::session::{Session, Sessions};
use crate::producer::topics::Topics;
use levee_proto::v1;
use levee_types::{Clock, ErrorCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Sends records in transactions, one after the other.
pub struct TransactionalProducer {
    pub(super) client: Client,
    pub(super) settings: TransactionSettings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) backoff: Backoff,
    pub(super) topics: Topics,
    sessions: Sessions,
    /// The last transaction of the session of which the broker may know.
    number: u64,
    /// The abort of that one.
    aborting: Option<JoinHandle<Result<(), Error>>>,
}

impl TransactionalProducer {
    pub(crate) async fn open(client: &Client, settings: TransactionSettings) -> Result<Self, Error> {
        settings.check()?;
        let sessions = Sessions::open(client).await?;
        let places = ProducerSettings {
            batch_bytes: settings.batch_bytes,
            delivery_timeout: settings.retry_timeout,
            ..ProducerSettings::default()
        };
        Ok(Self {
            client: client.clone(),
            clock: Arc::clone(client.clock()),
            backoff: Backoff::new(Arc::clone(client.random())),
            topics: Topics::new(client.clone(), places),
            settings,
            sessions,
            number: 0,
            aborting: None,
        })
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> Transaction<'_> {
        Transaction {
            buffer: Buffer::new(self.settings.compression),
            producer: self,
            staging: Staging::default(),
            sent: Vec::new(),
            positions: Vec::new(),
            link: None,
            retry_at: Duration::ZERO,
            name: None,
            failure: None,
            has_ended: false,
        }
    }

    pub(super) fn give_up_at(&self) -> Duration {
        self.clock.monotonic() + self.settings.retry_timeout
    }

    /// The name of the next transaction, when the one before has certainly ended.
    ///
    /// # Errors
    /// The broker cannot be reached in time, or refuses.
    pub(super) async fn next_name(&mut self) -> Result<Name, Error> {
        if let Some(aborting) = &mut self.aborting {
            let is_aborted = matches!(aborting.await, Ok(Ok(())));
            self.aborting = None;
            if !is_aborted {
                self.needs_epoch();
            }
        }
        if self.sessions.is_over() {
            let give_up_at = self.give_up_at();
            self.sessions.renew(&self.client, &mut self.backoff, give_up_at).await?;
            self.number = 0;
        }
        self.number += 1;
        let Session { producer_id, epoch } = self.sessions.held();
        Ok(Name { producer_id, epoch, number: self.number, timeout_ms: self.settings.timeout_ms() })
    }

    /// What is open is not known: the next transaction begins with a new epoch.
    pub(super) fn needs_epoch(&mut self) {
        self.sessions.needs_epoch();
    }

    pub(super) fn is_renewing(&self) -> bool {
        self.sessions.is_over()
    }

    /// The broker refused something of a transaction.
    pub(super) fn refused(&mut self, error: Error) -> Error {
        self.sessions.refused(&error);
        error
    }

    /// Asks once.
    pub(super) async fn ask_commit(
        &self,
        request: v1::CommitTransactionRequest,
    ) -> Result<v1::CommitTransactionResponse, Error> {
        let request = self.client.request(request);
        Ok(self.client.transacts().commit_transaction(request).await?.into_inner())
    }

    /// Aborts a transaction, for as long as a call may be tried again.
    pub(super) async fn abort(&mut self, name: Name) -> Result<(), Error> {
        abort(self.client.clone(), name, self.settings.retry_timeout).await
    }

    /// The same, while nobody waits.
    pub(super) fn abort_later(&mut self, name: Name) {
        if self.is_renewing() {
            return;
        }
        if Handle::try_current().is_err() {
            self.needs_epoch();
            return;
        }
        let abort = abort(self.client.clone(), name, self.settings.retry_timeout);
        self.aborting = Some(self.client.tasks().spawn(abort));
    }
}

async fn abort(client: Client, name: Name, retry_timeout: Duration) -> Result<(), Error> {
    let Name { producer_id, epoch, number, .. } = name;
    let mut backoff = Backoff::new(Arc::clone(client.random()));
    let give_up_at = client.clock().monotonic() + retry_timeout;
    loop {
        let request = client.request(v1::AbortTransactionRequest { producer_id, epoch, number });
        let error = match client.transacts().abort_transaction(request).await.map_err(Error::from) {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(ErrorCode::TransactionAborted) => return Ok(()),
            Err(error) => error,
        };
        let wait = backoff.next(error.retry_after());
        if !error.is_retryable() || client.clock().monotonic() + wait >= give_up_at {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}
