//! What is measured of calls.

use crate::operation::Operation;
use metrics::{Counter, Histogram};
use std::sync::OnceLock;
use std::time::Duration;
use tonic::Code;

/// The codes of gRPC are 0 to 16.
const CODES: usize = 17;

/// Counters of calls, looked up once.
pub struct RpcMetrics {
    operations: [PerCall; Operation::ALL.len()],
    other: PerCall,
}

struct PerCall {
    rpc: &'static str,
    seconds: Option<Histogram>,
    // Made when first needed: most calls never see most codes.
    by_code: [OnceLock<Counter>; CODES],
}

impl PerCall {
    fn new(rpc: &'static str, has_duration: bool) -> Self {
        let seconds = has_duration.then(|| metrics::histogram!("levee_rpc_seconds", "rpc" => rpc));
        Self { rpc, seconds, by_code: [const { OnceLock::new() }; CODES] }
    }
}

impl RpcMetrics {
    /// With the collector that is installed now.
    #[must_use]
    pub fn new() -> Self {
        let call = |operation: Operation| PerCall::new(operation.path(), !operation.is_stream());
        Self { operations: Operation::ALL.map(call), other: PerCall::new("other", false) }
    }

    /// Counts a call that ended. No operation: it was to another service, or to nothing.
    pub fn record(&self, operation: Option<Operation>, code: Code, elapsed: Duration) {
        let call = operation.map_or(&self.other, |operation| &self.operations[operation as usize]);
        if let Some(seconds) = &call.seconds {
            seconds.record(elapsed);
        }
        if let Some(counter) = call.by_code.get(code as usize) {
            counter
                .get_or_init(|| metrics::counter!("levee_rpc_total", "rpc" => call.rpc, "code" => name(code)))
                .increment(1);
        }
    }
}

impl Default for RpcMetrics {
    fn default() -> Self {
        Self::new()
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
