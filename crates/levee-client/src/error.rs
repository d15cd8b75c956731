//! What can go wrong for a client.

use levee_proto::v1::ErrorDetail;
use levee_types::{ErrorCode, LeveeError};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The metadata in which the broker names a request.
const REQUEST_ID: &str = "levee-request-id";

/// Where a failure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The broker refused: see [`Error::code`].
    Broker,
    /// The broker cannot be reached, or the connection was lost.
    Connection,
    /// It took longer than the timeout.
    Timeout,
    /// The caller asked for something that cannot be; nothing was sent.
    Invalid,
    /// The producer, or whatever else was asked, was closed, or failed for good before.
    Closed,
    /// The broker answered something that this client does not understand.
    Protocol,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    code: Option<ErrorCode>,
    message: String,
    hint: String,
    is_retryable: bool,
    retry_after: Option<Duration>,
    request_id: Option<RequestId>,
    is_outcome_unknown: bool,
    current_offset: Option<u64>,
}

/// What the broker calls a request, or a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The name of the request that this metadata answers.
    pub(crate) fn of(answer: &MetadataMap) -> Option<Self> {
        answer.get(REQUEST_ID)?.to_str().ok().map(|id| Self(id.into()))
    }
}

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: None,
            message: message.into(),
            hint: String::new(),
            is_retryable: matches!(kind, ErrorKind::Connection | ErrorKind::Timeout),
            retry_after: None,
            request_id: None,
            is_outcome_unknown: false,
            current_offset: None,
        }
    }

    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Connection, message)
    }

    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { code: Some(ErrorCode::InvalidArgument), ..Self::new(ErrorKind::Invalid, message) }
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self { code: Some(ErrorCode::TooLarge), ..Self::new(ErrorKind::Invalid, message) }
    }

    /// What the broker would refuse with this code, without asking it.
    pub(crate) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        LeveeError::new(code, message).into()
    }

    pub(crate) fn closed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Closed, message)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// The same failure of something that may have been done nevertheless.
    pub(crate) fn with_unknown_outcome(mut self) -> Self {
        self.is_outcome_unknown = true;
        self
    }

    /// The same failure, with what it happened to.
    pub(crate) fn at(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same failure of a request, or within a stream, that the broker calls so.
    pub(crate) fn of_request(mut self, id: Option<&RequestId>) -> Self {
        self.request_id = self.request_id.or_else(|| id.cloned());
        self
    }

    /// Where it comes from.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the broker, or this client in its place, says the failure is. None for failures of the
    /// connection, timeouts, and codes that are newer than this client.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.code
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it; may be empty.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.is_retryable
    }

    /// How long the broker asks to wait before the same request is sent again; none if it does not say.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the logs of the broker call the request, or the stream, that failed; none if it did not get
    /// that far.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_ref().map(|id| &*id.0)
    }

    /// Of a delivery, a commit, or another change: it may have been done nevertheless. When false, it certainly is not.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.is_outcome_unknown
    }

    /// With [`ErrorCode::OffsetMismatch`]: the offset that the next record will get.
    #[must_use]
    pub fn current_offset(&self) -> Option<u64> {
        self.current_offset
    }

    /// The request certainly changed nothing.
    pub(crate) fn has_no_side_effects(&self) -> bool {
        match self.kind {
            ErrorKind::Broker => self.code.is_some_and(ErrorCode::has_no_side_effects),
            ErrorKind::Invalid => true,
            ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Closed | ErrorKind::Protocol => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.is_outcome_unknown {
            f.write_str(" (it may have been done nevertheless)")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<LeveeError> for Error {
    fn from(error: LeveeError) -> Self {
        let LeveeError { code, message, hint, retry_after, current_offset } = error;
        Self {
            code: Some(code),
            hint,
            is_retryable: code.is_retryable(),
            retry_after,
            current_offset,
            ..Self::new(ErrorKind::Broker, message)
        }
    }
}

impl From<ErrorDetail> for Error {
    fn from(detail: ErrorDetail) -> Self {
        Self {
            code: ErrorCode::ALL.into_iter().find(|code| *code as i32 == detail.code),
            hint: detail.hint,
            is_retryable: detail.retryable,
            retry_after: detail.retry_after_ms.map(|ms| Duration::from_millis(ms.into())),
            current_offset: detail.current_offset,
            ..Self::new(ErrorKind::Broker, detail.message)
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let id = RequestId::of(status.metadata());
        Self::of_status(&status).of_request(id.as_ref())
    }
}

impl Error {
    fn of_status(status: &Status) -> Self {
        if let Some(mut info) = status.get_details_error_info().filter(|info| info.domain == "levee") {
            return Self {
                code: ErrorCode::ALL.into_iter().find(|code| code.as_str() == info.reason),
                hint: info.metadata.remove("hint").unwrap_or_default(),
                is_retryable: info.metadata.get("retryable").is_some_and(|value| value == "true"),
                retry_after: status.get_details_retry_info().and_then(|info| info.retry_delay),
                current_offset: info.metadata.get("current_offset").and_then(|value| value.parse().ok()),
                ..Self::new(ErrorKind::Broker, status.message())
            };
        }
        // Without that detail it is not the broker's service that speaks, but the transport of either
        // side, or something in between.
        match status.code() {
            Code::DeadlineExceeded => Self::timeout("no answer in time"),
            Code::Cancelled if status.message() == "Timeout expired" => Self::timeout("no answer in time"),
            Code::Unavailable | Code::Cancelled | Code::Unknown => not_connected(status),
            _ if std::error::Error::source(status).is_some() => not_connected(status),
            code => Self::protocol(format!("{code:?}: {}", status.message()))
                .with_hint("is this the gRPC port of a Levee broker?"),
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

fn not_connected(status: &Status) -> Error {
    let error = Error::connection(with_sources(status));
    // As rustls says it.
    if error.message.contains("invalid peer certificate") {
        return error.with_hint(
            "no authority that is trusted here vouches for the broker under this name: give the authority's \
             certificates, and connect to a name that stands in the broker's certificate",
        );
    }
    error
}

/// The message of a failed connection; the reason stands in the innermost of its sources.
fn with_sources(status: &Status) -> String {
    let mut message = format!("connection to the broker failed: {}", status.message());
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = error.source();
    }
    message
}

#[cfg(test)]
mod tests;
