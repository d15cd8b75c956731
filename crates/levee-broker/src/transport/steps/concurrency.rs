//! Bounds the calls of one connection that are in the broker's hands. HTTP/2 bounds open streams, but a
//! stream that the client resets leaves its call running for a moment: this is the second fence against
//! clients that open and reset as fast as they can.

use crate::error;
use crate::transport::connection::ConnectionContext;
use crate::transport::step::{Next, Request, Response, Step};
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct LimitConcurrency;

impl Step for LimitConcurrency {
    async fn run(self, request: Request, next: impl Next) -> Response {
        let calls = request.extensions().get().map(|context: &ConnectionContext| Arc::clone(&context.calls));
        let Some(_permit) = calls.and_then(|calls| calls.try_acquire_owned().ok()) else {
            let error = LeveeError::new(ErrorCode::Overloaded, "too many calls run on this connection")
                .with_hint("wait for answers before sending more, or open another connection");
            return error::status(&error).into_http();
        };
        next.run(request).await
    }
}
