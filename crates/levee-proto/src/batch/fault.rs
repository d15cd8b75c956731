//! The three ways in which a batch is refused.

use levee_types::{ErrorCode, LeveeError};

/// Bytes that are not a batch of the published schema.
#[cold]
pub(super) fn corrupt(message: impl Into<String>) -> LeveeError {
    LeveeError::new(ErrorCode::CorruptBatch, message).with_hint(
        "a batch is a serialized levee.v1.RecordBatch: compare the sender's schema with the broker's",
    )
}

/// A batch that breaks a rule.
#[cold]
pub(super) fn invalid(message: impl Into<String>) -> LeveeError {
    LeveeError::new(ErrorCode::InvalidArgument, message)
}

/// Something of `bytes` bytes that may have `limit`.
#[cold]
pub(super) fn too_large(what: &str, bytes: usize, limit: usize) -> LeveeError {
    LeveeError::new(ErrorCode::TooLarge, format!("{what} has {bytes} bytes; the limit is {limit}"))
}

/// More of something than its limit.
#[cold]
pub(super) fn too_many(what: &str, limit: usize) -> LeveeError {
    LeveeError::new(ErrorCode::TooLarge, format!("{what}; the limit is {limit}"))
}
