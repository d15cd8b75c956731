//! Takes each call's share of its tenant's quotas: of connections with the first call of a connection, of requests,
//! and of administration. Bytes are taken by the services, which know them.

use crate::admission::{Charge, Reservation};
use crate::audit::{Asked, AuditSink};
use crate::error;
use crate::identity::{Authenticator, Principal};
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use crate::transport::step::{Next, Request, Response, Step};
use crate::transport::steps::request_id::RequestId;
use levee_types::quota::Dimension;
use levee_types::{LeveeError, TenantId};
use std::sync::Arc;

/// The step.
#[derive(Clone)]
pub(crate) struct Admit {
    authenticator: Arc<Authenticator>,
    audit: AuditSink,
}

impl Admit {
    pub(crate) fn new(authenticator: Arc<Authenticator>, audit: AuditSink) -> Self {
        Self { authenticator, audit }
    }

    /// Looks again who calls: what was found out before the wait may not hold any more.
    fn renew(&self, request: &mut Request) -> Result<(), LeveeError> {
        let Some(principal) = request.extensions().get::<Principal>() else { return Ok(()) };
        let renewed = self.authenticator.renew(principal).inspect_err(|error| {
            if let Some(operation) = Operation::of_path(request.uri().path()) {
                let asked = Asked::by_nobody(request.extensions(), operation);
                self.audit.denied(TenantId::SYSTEM, &asked, "", &error.message);
            }
        })?;
        request.extensions_mut().insert(renewed);
        Ok(())
    }
}

impl Step for Admit {
    async fn run(self, mut request: Request, next: impl Next) -> Response {
        // Not awaited here: a request cannot be looked at from elsewhere while something is waited for.
        let reservation = match reserve(&request) {
            Ok(reservation) => reservation,
            Err(error) => return error::status(&error).into_http(),
        };
        if !reservation.wait().await.is_zero()
            && let Err(error) = self.renew(&mut request)
        {
            return error::status(&error).into_http();
        }
        next.run(request).await
    }
}

fn reserve(request: &Request) -> Result<Reservation, LeveeError> {
    // Operators are nobody's tenant.
    let Some(principal) =
        request.extensions().get::<Principal>().filter(|principal| !principal.is_operator())
    else {
        return Ok(Reservation::default());
    };
    let tenant = principal.tenant();
    if let Some(context) = request.extensions().get::<ConnectionContext>() {
        context.tenants.enter(tenant)?;
    }
    tenant.used.requested();
    let request_id = request.extensions().get().map_or("", RequestId::as_str);
    let charge = |dimension| Charge {
        dimension,
        amount: 1,
        user: principal.user().name.as_str(),
        topic: None,
        request_id,
    };
    let mut reservation = tenant.admission.reserve(charge(Dimension::Requests))?;
    if Operation::of_path(request.uri().path()).is_some_and(Operation::is_change) {
        reservation = reservation.and(tenant.admission.reserve(charge(Dimension::Admin))?);
    }
    Ok(reservation)
}
