//! Why a command failed, and the exit code that says so.
//!
//! Exit codes are part of the contract with scripts: 0 ok, 1 server or partial failure, 2 usage,
//! 3 not found, 4 denied, 5 quota, 6 timeout.

use crate::output::View;
use levee_client::ErrorKind;
use levee_types::{ErrorCode, LeveeError, NameError};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

/// What the process says on exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The server failed, cannot be reached, or did only a part.
    Failed = 1,
    /// The command line, an argument or the configuration is wrong.
    Usage = 2,
    /// There is no such resource.
    NotFound = 3,
    /// The caller may not do this.
    Denied = 4,
    /// A limit is reached.
    Quota = 5,
    /// No answer in time.
    Timeout = 6,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For programs: the name of a [`ErrorCode`], or one of `TIMEOUT`, `CONNECTION_FAILED`, `IO`,
    /// `INTERRUPTED`.
    pub(crate) code: &'static str,
    /// The exit code.
    pub(crate) exit: Exit,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it; may be empty.
    pub(crate) hint: String,
    /// The same command may succeed later.
    pub(crate) retryable: bool,
    /// How long the server asks to wait before that.
    pub(crate) retry_after: Option<Duration>,
    /// What the server's log calls the request.
    pub(crate) request_id: Option<Box<str>>,
    /// What was done all the same.
    pub(crate) partial: Option<Box<Partial>>,
}

/// What a failed command did all the same.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    /// The result.
    pub(crate) view: View,
    /// Of a command on several things, every failure; the one around this sums them up.
    pub(crate) each: Vec<Failure>,
}

impl Failure {
    fn new(code: &'static str, exit: Exit, message: impl Into<String>) -> Self {
        Self {
            code,
            exit,
            message: message.into(),
            hint: String::new(),
            retryable: false,
            retry_after: None,
            request_id: None,
            partial: None,
        }
    }

    /// The user asked for something that cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument.as_str(), Exit::Usage, message)
    }

    /// Something that is kept on this side does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound.as_str(), Exit::NotFound, message)
    }

    /// Something that is kept on this side exists already.
    pub(crate) fn already_exists(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::AlreadyExists.as_str(), Exit::Failed, message)
    }

    /// The server did not answer in time.
    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::new("TIMEOUT", Exit::Timeout, message) }
    }

    /// The server cannot be reached.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::new("CONNECTION_FAILED", Exit::Failed, message) }
    }

    /// A file or stream on this side failed.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self::new("IO", Exit::Failed, format!("{what}: {error}"))
    }

    /// A file on this side failed.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::io(&path.display().to_string(), error)
    }

    /// The user stopped the command before it was done.
    pub(crate) fn interrupted() -> Self {
        Self::new("INTERRUPTED", Exit::Failed, "interrupted")
    }

    /// A task of this program panicked, and has said why.
    pub(crate) fn defect() -> Self {
        Self::new(ErrorCode::Internal.as_str(), Exit::Failed, "levee met a defect of its own")
    }

    /// The server refused or failed.
    pub(crate) fn server(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { retryable: code.is_retryable(), ..Self::new(code.as_str(), exit_of(code), message) }
    }

    /// The same failure of another thing that was asked for in the same request.
    pub(crate) fn again(&self) -> Self {
        Self {
            retryable: self.retryable,
            retry_after: self.retry_after,
            request_id: self.request_id.clone(),
            ..Self::new(self.code, self.exit, self.message.as_str()).with_hint(self.hint.as_str())
        }
    }

    /// The failures of a command on several things as one; none if there are none. `what` failed, such as
    /// `2 of 3 topics`. Code and request are those of the first one.
    pub(crate) fn of_several(what: &str, each: Vec<Self>) -> Option<Self> {
        let first = each.first()?;
        let message = format!("{what} failed, the first one: {}", first.message);
        let failure = Self {
            retryable: each.iter().all(|failure| failure.retryable),
            retry_after: each.iter().filter_map(|failure| failure.retry_after).max(),
            request_id: first.request_id.clone(),
            ..Self::new(first.code, Exit::Failed, message).with_hint(first.hint.as_str())
        };
        Some(Self { partial: Some(Box::new(Partial { view: View::default(), each })), ..failure })
    }

    /// The failure for programs. All fields are there always; what is not known is null.
    pub(crate) fn json(&self) -> Value {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        json!({
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "retry_after_ms": self.retry_after.map(ms),
            "request_id": self.request_id,
        })
    }

    /// The same failure with what to do about it; an empty hint changes nothing.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !hint.is_empty() {
            self.hint = hint;
        }
        self
    }

    /// The same failure of a create, with the way out if it is that the thing exists.
    #[must_use]
    pub(crate) fn or_if_not_exists(self) -> Self {
        if self.code == ErrorCode::AlreadyExists.as_str() {
            return self.with_hint("with --if-not-exists one that exists is left as it is");
        }
        self
    }

    /// The same failure, of a command that shows something all the same.
    #[must_use]
    pub(crate) fn showing(mut self, view: View) -> Self {
        self.partial.get_or_insert_default().view = view;
        self
    }

    /// The same failure, of a command that did a part: the exit code is that of a partial failure.
    #[must_use]
    pub(crate) fn after_part(mut self, view: View) -> Self {
        self.exit = Exit::Failed;
        self.showing(view)
    }

    /// The same failure with where it happened in front.
    #[must_use]
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

/// The exit code that tells a script what kind of failure it was.
fn exit_of(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::InvalidArgument | ErrorCode::TooLarge | ErrorCode::OffsetOutOfRange => Exit::Usage,
        ErrorCode::NotFound => Exit::NotFound,
        ErrorCode::Unauthenticated | ErrorCode::PermissionDenied | ErrorCode::TenantSuspended => Exit::Denied,
        ErrorCode::LimitExceeded | ErrorCode::QuotaExceeded => Exit::Quota,
        ErrorCode::CorruptBatch
        | ErrorCode::AlreadyExists
        | ErrorCode::OutOfOrderSequence
        | ErrorCode::DuplicateSequence
        | ErrorCode::ProducerFenced
        | ErrorCode::UnknownProducer
        | ErrorCode::Overloaded
        | ErrorCode::StorageFull
        | ErrorCode::StorageFailed
        | ErrorCode::DataCorrupt
        | ErrorCode::Unavailable
        | ErrorCode::Internal
        | ErrorCode::OffsetMismatch
        | ErrorCode::TransactionAborted
        | ErrorCode::MemberFenced
        | ErrorCode::LeaseExpired
        | ErrorCode::GroupActive => Exit::Failed,
    }
}

impl From<LeveeError> for Failure {
    fn from(error: LeveeError) -> Self {
        Self::server(error.code, error.message).with_hint(error.hint)
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        LeveeError::from(error).into()
    }
}

impl From<levee_client::Error> for Failure {
    fn from(error: levee_client::Error) -> Self {
        let message = error.to_string();
        let failure = match (error.code(), error.kind()) {
            (Some(code), _) => Self::server(code, message),
            (None, ErrorKind::Timeout) => Self::timeout(message),
            (None, ErrorKind::Connection) => Self::unreachable(message)
                .with_hint("is the server running, and is --endpoint right? for a first try: leveed --dev"),
            (None, _) => Self::server(ErrorCode::Internal, message),
        };
        Self {
            retryable: error.is_retryable(),
            retry_after: error.retry_after(),
            request_id: error.request_id().map(Box::from),
            ..failure
        }
        .with_hint(error.hint())
    }
}
