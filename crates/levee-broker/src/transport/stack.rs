//! The way of a request, in one place.

use super::step::{Request, Response, StepLayer};
use super::steps::admit::Admit;
use super::steps::authenticate::Authenticate;
use super::steps::concurrency::LimitConcurrency;
use super::steps::deadline::Deadline;
use super::steps::explain::Explain;
use super::steps::observe::Observe;
use super::steps::outgoing::Outgoing;
use super::steps::request_id::AssignRequestId;
use super::steps::retire::Retire;
use crate::audit::AuditSink;
use crate::identity::Authenticator;
use crate::metrics::RpcMetrics;
use levee_types::{Clock, Random};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tonic::service::Routes;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

/// Takes every request of every connection.
pub type Stack = BoxCloneSyncService<Request, Response, Infallible>;

/// What the steps need.
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Counters of the calls.
    pub metrics: Arc<RpcMetrics>,
    /// For one call that is not a stream.
    pub request_timeout: Duration,
    /// Who calls.
    pub authenticator: Arc<Authenticator>,
    /// Takes refusals.
    pub audit: AuditSink,
}

/// Before this the connection was admitted, and encrypted. Authorization is the services' first line, where the
/// resource is known.
#[must_use]
pub fn stack(parts: Parts, services: Routes) -> Stack {
    let Parts { clock, random, metrics, request_timeout, authenticator, audit } = parts;
    let stack = ServiceBuilder::new()
        // First, so that every answer, a refusal too, carries an id that the logs know.
        .layer(StepLayer(AssignRequestId::new(random.as_ref())))
        // Before all that refuses, so that refusals are counted.
        .layer(StepLayer(Observe::new(clock, metrics)))
        // Around all that answers with a status of the library, so that it gets code and hint.
        .layer(StepLayer(Explain))
        // Before anything is worked on: what is too much costs no more than this.
        .layer(StepLayer(LimitConcurrency))
        // Before the body is read, so that it bounds the reading.
        .layer(StepLayer(Deadline::new(request_timeout)))
        // Behind all that looks at outcomes: it makes one.
        .layer(StepLayer(Retire))
        // Before all that is counted for a tenant, so that a stranger costs nobody anything.
        .layer(StepLayer(Authenticate::new(Arc::clone(&authenticator), audit.clone())))
        // So that what is too much for a tenant reaches no service.
        .layer(StepLayer(Admit::new(authenticator, audit)))
        // Last before the services: what they say of their messages is for nobody else.
        .layer(StepLayer(Outgoing))
        .service(services.prepare());
    BoxCloneSyncService::new(stack)
}
