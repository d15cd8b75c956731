//! What becomes of a record that was sent.

use crate::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// Where a record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// The partition.
    pub partition: u32,
    /// The offset, or [`Acked::UNKNOWN_OFFSET`].
    pub offset: u64,
    /// When the broker appended it, in Unix milliseconds; 0 if the offset is unknown.
    pub append_time_ms: i64,
}

impl Acked {
    /// Stands for the offset of a record that is stored, but so long ago that the broker has forgotten
    /// where. It can only come when a batch was sent again after its first copy was stored and its
    /// partition got more batches of this producer since than the broker remembers; a broker that keeps
    /// the last eight, the most that a producer has open, never gives cause for it.
    pub const UNKNOWN_OFFSET: u64 = u64::MAX;
}

/// The outcome of a record, to be awaited. Dropping it changes nothing: the record is sent.
#[derive(Debug)]
pub struct Delivery {
    outcome: oneshot::Receiver<Result<Acked, Error>>,
}

impl Delivery {
    pub(super) fn new(outcome: oneshot::Receiver<Result<Acked, Error>>) -> Self {
        Self { outcome }
    }
}

impl Future for Delivery {
    type Output = Result<Acked, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome).poll(context).map(|outcome| {
            // The task of the producer answers everything unless the runtime is shut down under it.
            outcome.unwrap_or_else(|_| {
                Err(Error::closed("the producer's runtime was shut down").with_unknown_outcome())
            })
        })
    }
}
