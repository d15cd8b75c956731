//! The few kinds of failure that a client can act on.

use std::fmt;
use std::time::Duration;

/// Why a request failed. The numbers are those of `levee.v1.ErrorCode`; a gap is a retired code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ErrorCode {
    /// A field of the request is missing, malformed or beyond its limit.
    InvalidArgument = 1,
    /// The record batch cannot be decoded, or its checksum does not match.
    CorruptBatch = 2,
    /// A batch, record, key, header or message is larger than its limit.
    TooLarge = 3,
    /// There is no such resource for this caller.
    NotFound = 4,
    /// The name is taken.
    AlreadyExists = 5,
    /// The offset lies outside of the log of the partition.
    OffsetOutOfRange = 6,
    /// A producer sequence skips records that the broker has not got.
    OutOfOrderSequence = 7,
    /// The batch is stored already, too long ago to name its offset.
    DuplicateSequence = 8,
    /// A newer epoch of this producer exists.
    ProducerFenced = 9,
    /// The producer id is unknown.
    UnknownProducer = 10,
    /// No or unusable credentials.
    Unauthenticated = 11,
    /// The principal may not do this.
    PermissionDenied = 12,
    /// A count limit is reached.
    LimitExceeded = 13,
    /// The broker takes no more work now; nothing was done.
    Overloaded = 14,
    /// The disk is full; nothing was stored.
    StorageFull = 15,
    /// A write or sync failed; the outcome is unknown.
    StorageFailed = 16,
    /// Stored data do not match their checksum.
    DataCorrupt = 17,
    /// The broker is draining; nothing was done.
    Unavailable = 18,
    /// A defect of the broker.
    Internal = 19,
    /// A quota of the tenant is used up for now; nothing was done.
    QuotaExceeded = 20,
    /// The tenant is suspended; nothing was done.
    TenantSuspended = 21,
    /// The batch would not get the offset that was expected; nothing was done.
    OffsetMismatch = 22,
    /// The transaction was aborted, or lost with what was not durable.
    TransactionAborted = 23,
    /// The member does not have the partition any more; nothing was done.
    MemberFenced = 24,
    /// The worker does not have the record any more; nothing was done.
    LeaseExpired = 25,
    /// The group has members; nothing was done.
    GroupActive = 26,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::InvalidArgument,
        Self::CorruptBatch,
        Self::TooLarge,
        Self::NotFound,
        Self::AlreadyExists,
        Self::OffsetOutOfRange,
        Self::OutOfOrderSequence,
        Self::DuplicateSequence,
        Self::ProducerFenced,
        Self::UnknownProducer,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::LimitExceeded,
        Self::Overloaded,
        Self::StorageFull,
        Self::StorageFailed,
        Self::DataCorrupt,
        Self::Unavailable,
        Self::Internal,
        Self::QuotaExceeded,
        Self::TenantSuspended,
        Self::OffsetMismatch,
        Self::TransactionAborted,
        Self::MemberFenced,
        Self::LeaseExpired,
        Self::GroupActive,
    ];

    /// The same request may succeed later. A client without a producer sequence must not repeat a
    /// produce request unless [`Self::has_no_side_effects`] holds too.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Overloaded | Self::StorageFailed | Self::Unavailable | Self::QuotaExceeded)
    }

    /// The request certainly changed nothing.
    #[must_use]
    pub fn has_no_side_effects(self) -> bool {
        !matches!(self, Self::StorageFailed | Self::Internal)
    }

    /// The name as in `levee.v1.ErrorCode` without its prefix: the `reason` of `google.rpc.ErrorInfo`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::CorruptBatch => "CORRUPT_BATCH",
            Self::TooLarge => "TOO_LARGE",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::OffsetOutOfRange => "OFFSET_OUT_OF_RANGE",
            Self::OutOfOrderSequence => "OUT_OF_ORDER_SEQUENCE",
            Self::DuplicateSequence => "DUPLICATE_SEQUENCE",
            Self::ProducerFenced => "PRODUCER_FENCED",
            Self::UnknownProducer => "UNKNOWN_PRODUCER",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::Overloaded => "OVERLOADED",
            Self::StorageFull => "STORAGE_FULL",
            Self::StorageFailed => "STORAGE_FAILED",
            Self::DataCorrupt => "DATA_CORRUPT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::OffsetMismatch => "OFFSET_MISMATCH",
            Self::TransactionAborted => "TRANSACTION_ABORTED",
            Self::MemberFenced => "MEMBER_FENCED",
            Self::LeaseExpired => "LEASE_EXPIRED",
            Self::GroupActive => "GROUP_ACTIVE",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure as a client sees it: a code to act on, and texts that were chosen for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LeveeError {
    /// What kind of failure it is.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// How long to wait before the same request may succeed, where that is known; otherwise it follows from the code.
    pub retry_after: Option<Duration>,
    /// With [`ErrorCode::OffsetMismatch`]: the offset that the next record will get.
    pub current_offset: Option<u64>,
}

impl LeveeError {
    /// A failure without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: String::new(), retry_after: None, current_offset: None }
    }

    /// The same failure with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same failure with how long to wait before the same request may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl From<crate::NameError> for LeveeError {
    fn from(error: crate::NameError) -> Self {
        Self::new(ErrorCode::InvalidArgument, error.to_string())
    }
}
