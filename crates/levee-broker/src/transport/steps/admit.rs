//! Takes each call's share of its tenant's quotas: of connections with the first call of a connection, of requests,
//! and of administration. Bytes are taken by the services, which know them.

use crate::admission::{Charge, Reservation};
use crate::error;
use crate::identity::Principal;
use crate::operation::Operation;
use crate::transport::connection::ConnectionContext;
use crate::transport::step::{Next, Request, Response, Step};
use crate::transport::steps::request_id::RequestId;
use levee_types::LeveeError;
use levee_types::quota::Dimension;

/// The step.
#[derive(Debug, Clone)]
pub(crate) struct Admit;

impl Step for Admit {
    async fn run(self, request: Request, next: impl Next) -> Response {
        // Not awaited here: a request cannot be looked at from elsewhere while something is waited for.
        match reserve(&request) {
            Ok(reservation) => {
                reservation.wait().await;
                next.run(request).await
            }
            Err(error) => error::status(&error).into_http(),
        }
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
