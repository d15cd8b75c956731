//! A record in the hands of a worker.

use super::ledger::{Fate, Reply};
use super::settings::millis;
use crate::error::Error;
use crate::record::ReadRecord;
use levee_types::limits::MAX_REJECT_REASON;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What is told to the task of the worker.
pub(super) struct Settle {
    /// The stream that it belongs to.
    pub(super) stream: u64,
    pub(super) delivery_id: u64,
    pub(super) fate: Fate,
    pub(super) reply: Reply,
}

/// A record that a worker has until its lease ends. One that is dropped is rejected: it is handed out again at once.
#[derive(Debug)]
pub struct Leased {
    /// The record, and where it is.
    pub record: ReadRecord,
    /// How often it was handed out, with this time; 1 or more.
    pub deliveries: u32,
    pub(super) stream: u64,
    pub(super) delivery_id: u64,
    /// None: it is settled.
    pub(super) worker: Option<mpsc::UnboundedSender<Settle>>,
}

impl Leased {
    /// It is done.
    pub fn ack(mut self) -> Settled {
        self.end(Fate::Acknowledge)
    }

    /// It is not done: it is handed out again, when this time has passed; at most 12 hours.
    pub fn reject(mut self, delay: Duration) -> Settled {
        self.end(Fate::Reject { delay_ms: millis(delay) })
    }

    /// It can never be done: it goes to the dead letter topic at once, or is dropped if there is none. The first 200
    /// characters of `reason` go into its headers.
    pub fn dead(mut self, reason: &str) -> Settled {
        self.end(Fate::Dead { reason: reason.chars().take(MAX_REJECT_REASON).collect() })
    }

    /// It needs more time: so much from now on. 1 s to 12 hours.
    pub fn extend(&self, lease: Duration) -> Settled {
        match &self.worker {
            Some(worker) => self.tell(worker, Fate::Extend { lease_ms: millis(lease) }),
            None => Settled { outcome: oneshot::channel().1 },
        }
    }

    fn end(&mut self, fate: Fate) -> Settled {
        match self.worker.take() {
            Some(worker) => self.tell(&worker, fate),
            None => Settled { outcome: oneshot::channel().1 },
        }
    }

    fn tell(&self, worker: &mpsc::UnboundedSender<Settle>, fate: Fate) -> Settled {
        let (reply, outcome) = oneshot::channel();
        let Self { stream, delivery_id, .. } = *self;
        // A task that has ended drops the reply, which tells.
        let _ = worker.send(Settle { stream, delivery_id, fate, reply: Some(reply) });
        Settled { outcome }
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            let Self { stream, delivery_id, .. } = *self;
            let fate = Fate::Reject { delay_ms: 0 };
            let _ = worker.send(Settle { stream, delivery_id, fate, reply: None });
        }
    }
}

/// What became of a record, to be awaited. Dropping it changes nothing.
///
/// The error `LEASE_EXPIRED` says that the record was taken from the worker before, and is handed out again.
#[derive(Debug)]
pub struct Settled {
    outcome: oneshot::Receiver<Result<(), Error>>,
}

impl Future for Settled {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome).poll(context).map(|outcome| {
            outcome.unwrap_or_else(|_| Err(Error::closed("the worker has ended").with_unknown_outcome()))
        })
    }
}
