//! Serving a broker that a test plays, and what its calls have in common.

use levee_types::ErrorCode;
use std::collections::HashMap;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::TaskTracker;
use tonic::transport::server::Router;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// How long the client may take for what it is to do.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Serves on a port of its own, until the runtime of the test ends. Gives the endpoint.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    TaskTracker::new().spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    endpoint
}

/// The next one to arrive.
pub async fn accept<T>(calls: &mut mpsc::UnboundedReceiver<T>) -> T {
    tokio::time::timeout(PATIENCE, calls.recv()).await.expect("a call in time").unwrap()
}

/// What a broker says that refuses with this code.
pub fn refusal(code: ErrorCode) -> Status {
    let metadata = HashMap::from([("retryable".to_owned(), code.is_retryable().to_string())]);
    let details = ErrorDetails::with_error_info(code.as_str(), "levee", metadata);
    Status::with_error_details(Code::FailedPrecondition, "no", details)
}
