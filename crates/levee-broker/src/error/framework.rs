//! What the gRPC library refuses before a service sees it, in our words.
//!
//! A status of ours always has details; one without them comes from the library.

use levee_types::{ErrorCode, LeveeError};
use tonic::{Code, Status};

/// The failure behind a status of the library on the way in; none when it says all there is to say (an
/// unknown method, a call that the client gave up).
#[must_use]
pub fn explain(status: &Status) -> Option<LeveeError> {
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Some(
            LeveeError::new(
                ErrorCode::TooLarge,
                format!("the message is too large: {}", sizes(status.message())),
            )
            .with_hint("send less in one message"),
        ),
        Code::Internal | Code::InvalidArgument => Some(
            LeveeError::new(
                ErrorCode::InvalidArgument,
                format!("the request is not a message of this call: {}", status.message()),
            )
            .with_hint("generate the client from the protocol files of this release"),
        ),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}

/// What the library says of the size of a message and its limit, without what we say ourselves.
fn sizes(message: &str) -> &str {
    message.strip_prefix("Error, decoded message length too large: ").unwrap_or(message)
}
