//! What can go wrong in storage, and what of it a client is told.

use crate::index::IndexError;
use crate::journal::JournalDamage;
use crate::rows::BadRow;
use levee_types::{ErrorCode, LeveeError, PartitionId};
use std::io;
use std::path::{Path, PathBuf};

/// Why a data directory does not open. Nothing that was stored was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("{path} is in use by another process")]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// It was written by another version, or is none.
    #[error("{path}: {message}")]
    Format {
        /// The file that says so.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The journal is damaged or incomplete.
    #[error(transparent)]
    Journal(#[from] JournalDamage),
    /// The index cannot be opened or brought up to date.
    #[error("{source}{}", index_advice(.source, *.can_be_rebuilt, .path))]
    Index {
        /// Its directory.
        path: PathBuf,
        /// No segment of the journal is deleted.
        can_be_rebuilt: bool,
        /// How.
        source: IndexError,
    },
    /// A setting is outside of its range.
    #[error("{0}")]
    Settings(String),
}

/// What to do about an index that does not open.
fn index_advice(error: &IndexError, can_be_rebuilt: bool, path: &Path) -> String {
    if error.is_full() {
        "; free space on the disk and start again".to_owned()
    } else if error.is_lasting() {
        rebuild_advice(can_be_rebuilt, path)
    } else {
        String::new()
    }
}

/// What to do about an index that is damaged for good.
pub(crate) fn rebuild_advice(can_be_rebuilt: bool, path: &Path) -> String {
    let path = path.display();
    if can_be_rebuilt {
        format!(
            "; the index can be built again from the journal: move the directory {path} away and start again"
        )
    } else {
        format!(
            "; {path} cannot be built again, because segments of the journal are deleted that it would take: restore a \
             backup with: leveed restore"
        )
    }
}

/// Why a request to storage failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// There is no such token.
    #[error("there is no such token")]
    NoToken,
    /// There is no such access rule.
    #[error("there is no access rule {id}")]
    NoRule {
        /// What was asked for.
        id: u64,
    },
    /// There is no such plan.
    #[error("there is no such plan")]
    NoPlan,
    /// There is no such topic or partition.
    #[error("there is no such topic or partition")]
    NoTopic,
    /// There is no such group.
    #[error("there is no such group")]
    NoGroup,
    /// The partition was taken away from whoever commits.
    #[error("the member does not have the partition any more")]
    MemberFenced,
    /// The offset is not in the log.
    #[error("offset {offset} is out of range: the log has offsets {start} to {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: u64,
        /// The first offset that is stored.
        start: u64,
        /// The offset that the next record gets.
        end: u64,
    },
    /// The topic became a table after the batch had been checked.
    #[error("the topic was changed meanwhile")]
    TopicChanged,
    /// The tenant is being exported: see [`crate::CompactionHold`].
    #[error("the tenant is being exported, and meanwhile nothing of it is compacted or erased")]
    Held,
    /// The batch would not get the offset that it must get.
    #[error("the batch would get offset {current}, not {expected}")]
    OffsetMismatch {
        /// What was asked for.
        expected: u64,
        /// The offset that the next record gets.
        current: u64,
    },
    /// A producer skipped records.
    #[error("producer sequence {sequence} is out of order: the next one is {expected}")]
    OutOfOrderSequence {
        /// What was sent.
        sequence: u64,
        /// What would be accepted.
        expected: u64,
    },
    /// A batch is stored already, too long ago to know where.
    #[error("the batch with producer sequence {sequence} was stored before")]
    DuplicateSequence {
        /// What was sent.
        sequence: u64,
    },
    /// A transaction skipped batches.
    #[error("batch {index} of the transaction is out of order: the next one is {expected}")]
    OutOfOrderBatch {
        /// What was sent.
        index: u32,
        /// What would be accepted.
        expected: u32,
    },
    /// A producer skipped transactions, or began one before the other had ended.
    #[error("transaction {number} is out of order: {expected} is open, or the next one")]
    OutOfOrderTransaction {
        /// What was sent.
        number: u64,
        /// What would be accepted.
        expected: u64,
    },
    /// A transaction was committed, or is over for long.
    #[error("transaction {number} has ended")]
    TransactionEnded {
        /// What was sent.
        number: u64,
    },
    /// A transaction was aborted, or lost in a crash with what was not durable.
    #[error("the transaction was aborted")]
    TransactionAborted,
    /// A newer epoch of the producer exists.
    #[error("producer epoch {epoch} is fenced by epoch {current}")]
    ProducerFenced {
        /// What was sent.
        epoch: u32,
        /// The newest.
        current: u32,
    },
    /// There is no such producer, or it has no such epoch.
    #[error("there is no such producer")]
    UnknownProducer,
    /// A request asks for something impossible.
    #[error(transparent)]
    Invalid(LeveeError),
    /// A count is at its limit.
    #[error("there are {limit} {what} already, which is the limit")]
    LimitExceeded {
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The disk is full. `is_certain`: nothing of this request was stored.
    #[error("the disk is full: {reason}")]
    Full {
        /// What failed.
        reason: String,
        /// Whether the request certainly has no effect.
        is_certain: bool,
    },
    /// The shard failed, and takes nothing any more.
    #[error("storage failed: {reason}")]
    Failed {
        /// What failed.
        reason: String,
    },
    /// The shard is stopping; the request was not begun.
    #[error("the broker is stopping")]
    Stopping,
    /// Stored bytes do not match their checksum.
    #[error(
        "batch at offset {offset} of partition {partition} is damaged: segment {segment}, byte {position}"
    )]
    Damaged {
        /// Where.
        partition: PartitionId,
        /// Of the batch.
        offset: u64,
        /// Which holds it.
        segment: u64,
        /// Where it begins.
        position: u64,
    },
    /// Stored bytes cannot be read now; they may be sound.
    #[error("a segment cannot be read: {reason}")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A stored row cannot be decoded.
    #[error(transparent)]
    Row(#[from] BadRow),
}

impl From<prost::DecodeError> for StorageError {
    fn from(_: prost::DecodeError) -> Self {
        Self::Row(BadRow)
    }
}

impl From<StorageError> for LeveeError {
    fn from(error: StorageError) -> Self {
        use ErrorCode as C;
        use StorageError as E;
        if matches!(error, E::Index(_) | E::Row(_)) {
            // The client is told to look here.
            tracing::error!(%error, "the index cannot be read");
        }
        let text = error.to_string();
        // Where bytes are on the disk, and what RocksDB says, is for the operator's log.
        let unreadable = || "the index cannot be read".to_owned();
        let (code, message, hint) = match error {
            E::Invalid(invalid) => return invalid,
            // A request that was checked meets these two when somebody else deletes what it is about.
            E::NoTenant => (C::NotFound, text, "see those that there are with: levee tenant ls"),
            E::NoUser => (C::NotFound, text, "see those that there are with: levee user ls"),
            E::NoToken => (C::NotFound, text, "see those that there are with: levee token ls"),
            E::NoRule { .. } => (C::NotFound, text, "see those that there are with: levee acl ls"),
            E::NoPlan => (C::NotFound, text, "see those that there are with: levee plan ls"),
            E::NoTopic => (C::NotFound, text, "see those that there are with: levee topic ls"),
            E::NoGroup => (C::NotFound, text, "see those that there are with: levee group ls"),
            E::MemberFenced => {
                (C::MemberFenced, text, "drop what was read of the partition, or join the group again")
            }
            E::OffsetOutOfRange { .. } => {
                (C::OffsetOutOfRange, text, "give an offset that the log has, or read from its start or end")
            }
            E::Held => (C::Overloaded, text, "try again when the export is over"),
            E::TopicChanged => (C::Unavailable, text, "send it again"),
            E::OffsetMismatch { current, .. } => {
                let hint = "read the log up to that offset, decide again, and expect it then";
                return Self {
                    current_offset: Some(current),
                    ..Self::new(C::OffsetMismatch, text).with_hint(hint)
                };
            }
            E::OutOfOrderSequence { .. } => {
                (C::OutOfOrderSequence, text, "send the batches from that one on again, in their order")
            }
            E::OutOfOrderBatch { .. } => (
                C::OutOfOrderSequence,
                text,
                "stage the batches from that one on again, or abort the transaction",
            ),
            E::OutOfOrderTransaction { .. } => {
                let hint = "commit or abort the open transaction, and go on with the number behind it";
                (C::OutOfOrderSequence, text, hint)
            }
            E::TransactionEnded { .. } => {
                (C::DuplicateSequence, text, "do not send it again; go on with the next number")
            }
            E::TransactionAborted => {
                (C::TransactionAborted, text, "begin the next one with all that belongs to it")
            }
            E::DuplicateSequence { .. } => {
                (C::DuplicateSequence, text, "do not send it again; go on with the next one")
            }
            E::ProducerFenced { .. } => {
                let hint = "another sender has taken this producer over: stop, or call InitProducer";
                (C::ProducerFenced, text, hint)
            }
            E::UnknownProducer => {
                (C::UnknownProducer, text, "call InitProducer without producer_id for a new one")
            }
            E::LimitExceeded { .. } => (C::LimitExceeded, text, "delete what is not needed any more"),
            E::Full { is_certain, .. } => {
                let (code, message) = if is_certain {
                    (C::StorageFull, "the disk is full")
                } else {
                    (C::StorageFailed, "the disk is full; the outcome is unknown")
                };
                let hint = "reading goes on; free space on the broker's disk and restart it";
                (code, message.to_owned(), hint)
            }
            E::Failed { .. } => {
                let message = "storage failed; the outcome is unknown".to_owned();
                (C::StorageFailed, message, "see the broker's log")
            }
            E::Stopping => (C::Unavailable, text, "connect again and send the same request"),
            E::Damaged { offset, .. } => (
                C::DataCorrupt,
                format!("the stored batch at offset {offset} does not match its checksum"),
                "read on behind it, and restore it from a backup",
            ),
            E::Unreadable { .. } => {
                let message = "the record cannot be read now".to_owned();
                (C::Unavailable, message, "try again; see the broker's log")
            }
            E::Row(_) => (C::DataCorrupt, unreadable(), "see the broker's log"),
            E::Index(index) if index.is_corruption() => {
                (C::DataCorrupt, unreadable(), "see the broker's log")
            }
            E::Index(_) => (C::Internal, unreadable(), "see the broker's log"),
        };
        Self::new(code, message).with_hint(hint)
    }
}

#[cfg(test)]
mod tests;
