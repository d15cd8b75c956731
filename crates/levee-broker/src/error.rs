//! How a failure reaches a client: the one place where a [`LeveeError`] becomes a gRPC status, or a
//! message of a stream that goes on.
//!
//! Must hold: texts are chosen for a client and short enough for a header; every error says what to do; no
//! match has a catch-all arm.

mod framework;

#[cfg(test)]
mod tests;

pub use framework::explain;

use levee_proto::v1;
use levee_types::{ErrorCode, LeveeError};
use std::collections::HashMap;
use std::time::Duration;
use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The `domain` of `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "levee";

/// With OFFSET_MISMATCH, the key of the offset in the metadata of `google.rpc.ErrorInfo`.
const CURRENT_OFFSET: &str = "current_offset";

/// Characters of a text in a status. Clients accept 8 to 16 KiB of trailers, in which a text stands
/// twice and encoded.
const MAX_TEXT: usize = 600;

/// The `subject` of `google.rpc.QuotaFailure`: every quota is the tenant's, or one of its users' or topics'.
const QUOTA_SUBJECT: &str = "tenant";

/// Characters of its `description`, which repeats the message: there is room for little more.
const MAX_VIOLATION: usize = 200;

/// The status of a failed call.
#[must_use]
pub fn status(error: &LeveeError) -> Status {
    let LeveeError { code, message, hint, retry_after, current_offset } = error;
    count(*code);
    let mut metadata = HashMap::from([
        ("hint".to_owned(), shorten(if hint.is_empty() { what_to_do(*code) } else { hint })),
        ("retryable".to_owned(), code.is_retryable().to_string()),
    ]);
    if let Some(offset) = current_offset {
        metadata.insert(CURRENT_OFFSET.to_owned(), offset.to_string());
    }
    let mut details = ErrorDetails::with_error_info(code.as_str(), DOMAIN, metadata);
    if let Some(delay) = retry_after.or(retry_delay(*code)) {
        details.set_retry_info(Some(delay));
    }
    if is_quota(*code) {
        details.add_quota_failure_violation(QUOTA_SUBJECT, shorten_to(MAX_VIOLATION, message));
    }
    Status::with_error_details(grpc_code(*code), shorten(message), details)
}

/// The error inside of a stream that goes on.
#[must_use]
pub fn detail(error: LeveeError) -> v1::ErrorDetail {
    let LeveeError { code, message, mut hint, retry_after, current_offset } = error;
    count(code);
    if hint.is_empty() {
        what_to_do(code).clone_into(&mut hint);
    }
    let delay = retry_after.or(retry_delay(code));
    let retry_after_ms = delay.map(|delay| u32::try_from(delay.as_millis()).unwrap_or(u32::MAX));
    v1::ErrorDetail {
        code: code as i32,
        message,
        hint,
        retryable: code.is_retryable(),
        retry_after_ms,
        current_offset,
    }
}

/// The answer of a unary call.
///
/// # Errors
/// The status of a failure.
pub fn reply<T>(result: Result<T, LeveeError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| status(&error))
}

fn count(code: ErrorCode) {
    metrics::counter!("levee_errors_total", "code" => code.as_str()).increment(1);
}

/// Every gRPC library acts on these. What may succeed on a repeat without harm is `UNAVAILABLE` or
/// `RESOURCE_EXHAUSTED`; an unknown outcome is neither, so that nothing repeats it blindly.
fn grpc_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::InvalidArgument | ErrorCode::CorruptBatch | ErrorCode::TooLarge => Code::InvalidArgument,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::AlreadyExists | ErrorCode::DuplicateSequence => Code::AlreadyExists,
        ErrorCode::OffsetOutOfRange => Code::OutOfRange,
        ErrorCode::OutOfOrderSequence
        | ErrorCode::ProducerFenced
        | ErrorCode::UnknownProducer
        | ErrorCode::TenantSuspended
        | ErrorCode::LeaseExpired
        | ErrorCode::GroupActive => Code::FailedPrecondition,
        // What clients of gRPC take for a lost race: begin again further up.
        ErrorCode::OffsetMismatch | ErrorCode::TransactionAborted | ErrorCode::MemberFenced => Code::Aborted,
        ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::LimitExceeded
        | ErrorCode::Overloaded
        | ErrorCode::StorageFull
        | ErrorCode::QuotaExceeded => Code::ResourceExhausted,
        ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::DataCorrupt => Code::DataLoss,
        ErrorCode::StorageFailed | ErrorCode::Internal => Code::Internal,
    }
}

/// A limit that was set for the caller is reached.
fn is_quota(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::QuotaExceeded | ErrorCode::LimitExceeded)
}

/// How long to wait before the same request may succeed, when the error does not say.
fn retry_delay(code: ErrorCode) -> Option<Duration> {
    match code {
        ErrorCode::Overloaded => Some(Duration::from_millis(100)),
        // A broker that goes down needs about this long to come back.
        ErrorCode::StorageFailed | ErrorCode::Unavailable | ErrorCode::QuotaExceeded => {
            Some(Duration::from_secs(1))
        }
        ErrorCode::InvalidArgument
        | ErrorCode::CorruptBatch
        | ErrorCode::TooLarge
        | ErrorCode::NotFound
        | ErrorCode::AlreadyExists
        | ErrorCode::OffsetOutOfRange
        | ErrorCode::OutOfOrderSequence
        | ErrorCode::DuplicateSequence
        | ErrorCode::ProducerFenced
        | ErrorCode::UnknownProducer
        | ErrorCode::Unauthenticated
        | ErrorCode::PermissionDenied
        | ErrorCode::LimitExceeded
        | ErrorCode::StorageFull
        | ErrorCode::DataCorrupt
        | ErrorCode::Internal
        | ErrorCode::TenantSuspended
        | ErrorCode::OffsetMismatch
        | ErrorCode::TransactionAborted
        | ErrorCode::MemberFenced
        | ErrorCode::LeaseExpired
        | ErrorCode::GroupActive => None,
    }
}

/// The hint of an error that has none of its own.
#[must_use]
pub fn what_to_do(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidArgument => "correct the field that the message names",
        ErrorCode::CorruptBatch => "send the batch again, as it was",
        ErrorCode::TooLarge => "send less at once",
        ErrorCode::NotFound => "check the name",
        ErrorCode::AlreadyExists => "choose another name",
        ErrorCode::OffsetOutOfRange => "read from the start or the end of the log",
        ErrorCode::OutOfOrderSequence => "send what is missing first",
        ErrorCode::DuplicateSequence => "do not send it again; go on with the next one",
        ErrorCode::ProducerFenced | ErrorCode::UnknownProducer => "call InitProducer",
        ErrorCode::Unauthenticated => "send a credential",
        ErrorCode::PermissionDenied => "use a credential that may do this",
        ErrorCode::LimitExceeded => "delete what is not needed any more",
        ErrorCode::Overloaded | ErrorCode::Unavailable => "try again",
        ErrorCode::StorageFull => "free space on the broker's disk and restart it",
        ErrorCode::QuotaExceeded => "send less, or ask for a higher quota",
        ErrorCode::TenantSuspended => "ask the operator to resume the tenant",
        ErrorCode::OffsetMismatch => "read what was appended in between, and decide again",
        ErrorCode::TransactionAborted => "begin another transaction with all that belongs to it",
        ErrorCode::MemberFenced => "drop what was read of the partition: another member has it now",
        ErrorCode::LeaseExpired => "drop the record: it is handed out again",
        ErrorCode::GroupActive => "stop the members of the group first",
        ErrorCode::StorageFailed | ErrorCode::DataCorrupt | ErrorCode::Internal => "see the broker's log",
    }
}

fn shorten(text: &str) -> String {
    shorten_to(MAX_TEXT, text)
}

fn shorten_to(characters: usize, text: &str) -> String {
    text.chars().take(characters).collect()
}
