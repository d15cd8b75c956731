//! What a transactional producer is told: plain data.

use crate::config::{MAX_TIMEOUT, all};
use crate::error::Error;
use levee_proto::v1::Compression;
use levee_types::limits::{
    DEFAULT_TRANSACTION_TIMEOUT_MS, MAX_BATCH_BYTES, MAX_TRANSACTION_TIMEOUT_MS, MIN_TRANSACTION_TIMEOUT_MS,
};
use std::time::Duration;

/// How a transactional producer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionSettings {
    /// How long a transaction may be open at the broker, which aborts it then. It counts from the first batch that does
    /// not wait for the commit. 1 to 900 s. Default: 60 s.
    pub timeout: Duration,
    /// How long to go on trying while the broker is away: to send, and to learn what became of a commit. More than zero,
    /// at most 30 days. Default: 120 s.
    pub retry_timeout: Duration,
    /// Bytes of records, before compression, at which a batch takes no more. A topic's `max.message.bytes` holds as
    /// well. 1 to 1 MiB. Default: 256 KiB.
    pub batch_bytes: usize,
    /// How batches are compressed. Default: not at all.
    pub compression: Compression,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(DEFAULT_TRANSACTION_TIMEOUT_MS.into()),
            retry_timeout: Duration::from_secs(120),
            batch_bytes: 256 * 1024,
            compression: Compression::Unspecified,
        }
    }
}

impl TransactionSettings {
    pub(super) fn check(&self) -> Result<(), Error> {
        let timeout_ms = u128::from(MIN_TRANSACTION_TIMEOUT_MS)..=u128::from(MAX_TRANSACTION_TIMEOUT_MS);
        all(&[
            (timeout_ms.contains(&self.timeout.as_millis()), "timeout is 1 to 900 s"),
            (self.retry_timeout > Duration::ZERO, "retry_timeout is more than zero"),
            (self.retry_timeout <= MAX_TIMEOUT, "retry_timeout is at most 30 days"),
            ((1..=MAX_BATCH_BYTES).contains(&self.batch_bytes), "batch_bytes is 1 to 1048576"),
        ])
    }

    pub(super) fn timeout_ms(&self) -> u32 {
        u32::try_from(self.timeout.as_millis()).unwrap_or(MAX_TRANSACTION_TIMEOUT_MS)
    }
}
