//! Sends answers to clients that may be slow to take them, see [`crate::transport::outgoing`].

use crate::transport::outgoing;
use crate::transport::step::{Next, Request, Response, Step};

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing;

impl Step for Outgoing {
    async fn run(self, request: Request, next: impl Next) -> Response {
        outgoing::send(next.run(request).await)
    }
}
