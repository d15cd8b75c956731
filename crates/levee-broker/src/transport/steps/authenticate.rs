//! Finds out who calls and binds it to the request.

use crate::error;
use crate::identity::Authenticator;
use crate::transport::step::{Next, Request, Response, Step};

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct Authenticate {
    authenticator: Authenticator,
}

impl Authenticate {
    pub(crate) fn new(authenticator: Authenticator) -> Self {
        Self { authenticator }
    }
}

impl Step for Authenticate {
    async fn run(self, mut request: Request, next: impl Next) -> Response {
        match (self.authenticator)(request.headers()) {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
                next.run(request).await
            }
            Err(error) => error::status(&error).into_http(),
        }
    }
}
