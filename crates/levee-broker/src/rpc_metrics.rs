//! What is measured of calls, without names of tenants or topics: the number of series is fixed.

use crate::operation::Operation;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;
use tonic::Code;

/// Upper ends of the buckets of durations, in seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The codes of gRPC are 0 to 16.
const CODES: usize = 17;

/// Makes this process collect metrics, also those of storage.
///
/// # Errors
/// When it does so already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    counter!("levee_rpc_total", "Calls that ended, by call and gRPC code.");
    histogram!("levee_rpc_seconds", "Duration of calls that are not streams, by call.");
    counter!("levee_errors_total", "Errors told to clients, by error code.");
    gauge!("levee_connections", "Open connections, by listener.");
    counter!("levee_connections_total", "Connections that were accepted, by listener.");
    counter!("levee_connections_refused_total", "Connections beyond the limit, by listener.");
    counter!("levee_accept_errors_total", "Errors of accept, by listener.");
    counter!("levee_produced_batches_total", "Batches that were acknowledged.");
    counter!("levee_produced_records_total", "Records that were acknowledged.");
    counter!("levee_produced_bytes_total", "Bytes of batches that were acknowledged.");
    counter!("levee_read_batches_total", "Batches that were sent to readers.");
    counter!("levee_read_bytes_total", "Bytes of batches that were sent to readers.");
    counter!("levee_cold_reads_total", "Reads that the tail cache could not answer.");
}

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
