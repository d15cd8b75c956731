//! A batch on its way into storage: to be appended, or to be staged for a transaction.

use super::append::Volume;
use levee_storage::{Append, Appended, Receipt, Shard, Staged, StorageError, TransactionSequence};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A batch that was checked.
pub(super) struct Submission {
    pub(super) append: Append,
    /// Absent: it is appended.
    pub(super) transaction: Option<TransactionSequence>,
}

/// A batch that storage has. Resolves when it is acknowledged.
pub(super) enum Submitted {
    ToAppend(Receipt),
    ToStage(Receipt<Staged>),
}

impl Submission {
    pub(super) fn volume(&self) -> Volume {
        Volume::of(&self.append)
    }

    /// Waits for room in storage's queue.
    pub(super) async fn submit(self, shard: &Shard) -> Result<Submitted, StorageError> {
        Ok(match self.transaction {
            None => Submitted::ToAppend(shard.submit(self.append).await?),
            Some(sequence) => Submitted::ToStage(shard.stage(self.append, sequence).await?),
        })
    }
}

impl Future for Submitted {
    /// Of a staged batch without offset and time, which it gets at the commit.
    type Output = Result<Appended, StorageError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let staged = |Staged { duplicate }| Appended { base_offset: 0, append_time_ms: 0, duplicate };
        match &mut *self {
            Self::ToAppend(receipt) => Pin::new(receipt).poll(context),
            Self::ToStage(receipt) => Pin::new(receipt).poll(context).map(|result| result.map(staged)),
        }
    }
}
