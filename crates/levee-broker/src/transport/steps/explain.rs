//! Gives what the gRPC library refuses (a message that is too large, one that cannot be decoded) the
//! code and hint that every error has.

use crate::error;
use crate::transport::step::{Next, Request, Response, Step};
use tonic::{Code, Status};

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct Explain;

impl Step for Explain {
    async fn run(self, request: Request, next: impl Next) -> Response {
        let response = next.run(request).await;
        if !response.headers().contains_key(Status::GRPC_STATUS) {
            return response;
        }
        Status::from_header_map(response.headers())
            .filter(|status| status.code() != Code::Ok && status.details().is_empty())
            .and_then(|status| error::explain(&status))
            .map_or(response, |error| error::status(&error).into_http())
    }
}
