//! Finds out who calls and binds it to the request.

use crate::audit::{Asked, AuditSink};
use crate::error;
use crate::identity::Authenticator;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use crate::transport::step::{Next, Request, Response, Step};
use levee_types::TenantId;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What is answered to everybody.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// The step.
#[derive(Clone)]
pub(crate) struct Authenticate {
    authenticator: Arc<Authenticator>,
    audit: AuditSink,
}

impl Authenticate {
    pub(crate) fn new(authenticator: Arc<Authenticator>, audit: AuditSink) -> Self {
        Self { authenticator, audit }
    }
}

impl Step for Authenticate {
    async fn run(self, mut request: Request, next: impl Next) -> Response {
        // Whether the broker serves is no secret, and whoever asks for it, often a machine, may have no credential. It
        // must be told also when nobody's credential can be looked up.
        if request.uri().path().starts_with(HEALTH) {
            return next.run(request).await;
        }
        let context: Option<&ConnectionContext> = request.extensions().get();
        let source = context.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |context| context.peer.ip());
        let certificate = context.and_then(|context| context.certificate.clone());
        match self.authenticator.authenticate(request.headers(), certificate.as_deref(), source).await {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
                next.run(request).await
            }
            Err(error) => {
                if let Some(operation) = Operation::of_path(request.uri().path()) {
                    let asked = Asked::by_nobody(request.extensions(), operation);
                    self.audit.denied(TenantId::SYSTEM, &asked, "", &error.message);
                }
                error::status(&error).into_http()
            }
        }
    }
}
