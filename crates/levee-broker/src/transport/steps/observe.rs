//! Counts every call with its outcome and its time, and logs those that failed by the broker's fault.

use super::request_id::RequestId;
use crate::metrics::RpcMetrics;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use crate::transport::step::{Next, Request, Response, Step};
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use levee_types::Clock;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tonic::body::Body;
use tonic::{Code, Status};

/// The step.
#[derive(Clone)]
pub(crate) struct Observe {
    clock: Arc<dyn Clock>,
    metrics: Arc<RpcMetrics>,
}

impl Observe {
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: Arc<RpcMetrics>) -> Self {
        Self { clock, metrics }
    }
}

impl Step for Observe {
    async fn run(self, request: Request, next: impl Next) -> Response {
        let mut call = Call {
            operation: Operation::of_path(request.uri().path()),
            id: request.extensions().get().cloned(),
            peer: request.extensions().get().map(|context: &ConnectionContext| context.peer),
            start: self.clock.monotonic(),
            // What stays if the client goes away before there is an outcome.
            code: Code::Cancelled,
            observe: self,
        };
        let response = next.run(request).await;
        if let Some(code) = code_of(response.headers()) {
            call.code = code;
            return response;
        }
        response.map(|body| Body::new(Observed { body, call }))
    }
}

/// A call whose outcome is counted when this is dropped.
struct Call {
    observe: Observe,
    operation: Option<Operation>,
    id: Option<RequestId>,
    peer: Option<SocketAddr>,
    start: Duration,
    code: Code,
}

impl Drop for Call {
    fn drop(&mut self) {
        let elapsed = self.observe.clock.monotonic().saturating_sub(self.start);
        self.observe.metrics.record(self.operation, self.code, elapsed);
        let rpc = self.operation.map_or("other", Operation::path);
        let request_id = self.id.as_ref().map_or("", RequestId::as_str);
        if matches!(self.code, Code::Internal | Code::DataLoss | Code::Unknown) {
            tracing::warn!(rpc, request_id, peer = ?self.peer, code = ?self.code, ?elapsed, "a call failed");
        } else {
            tracing::debug!(rpc, request_id, peer = ?self.peer, code = ?self.code, ?elapsed, "a call ended");
        }
    }
}

/// An answer whose trailers tell the outcome.
struct Observed {
    body: Body,
    call: Call,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_of) {
                    self.call.code = code;
                }
            }
            Some(Err(status)) => self.call.code = status.code(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}
