//! The share of a tenant's egress that one message of a read stream takes.

use crate::admission::Reservation;
use crate::authorize::{InTenant, Permit};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use levee_storage::Topic;
use levee_types::quota::Dimension;
use std::future::pending;
use std::time::Duration;
use tokio::time::sleep;

/// What one message takes of a limited egress, but for a batch that is larger. Small, so that many readers take
/// turns; large enough for a usual batch.
pub(in crate::services) const EGRESS_SHARE_BYTES: usize = 128 * 1024;
/// When to ask again for a share that was refused without a time.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A share of the tenant's egress, for one message. It is had before anything is fetched, so that what waits for its
/// turn holds nothing.
pub(in crate::services) enum Share {
    /// There is none yet.
    None,
    /// It is waited for; or, when too many wait already, for the time to ask again.
    Waiting(BoxFuture<'static, Option<Reservation>>),
    /// It is there.
    Had(Reservation),
}

impl Share {
    /// Asks for one, to read `topic`.
    pub(in crate::services) fn ask(permit: &Permit<InTenant>, topic: &Topic) -> Self {
        let mut reservation = match permit.reserve(Dimension::Egress, EGRESS_SHARE_BYTES as u64, Some(topic))
        {
            Ok(reservation) => reservation,
            // A reader waits as long as it takes: it is held up, and not broken off.
            Err(error) => {
                let again = error.retry_after.unwrap_or(ASK_AGAIN);
                return Self::Waiting(sleep(again).map(|()| None).boxed());
            }
        };
        if reservation.delay().is_zero() {
            return Self::Had(reservation);
        }
        let wait = async move {
            reservation.ready().await;
            Some(reservation)
        };
        Self::Waiting(wait.boxed())
    }

    /// Resolves when the share that is waited for is there, or may be asked for again. Cancel-safe.
    pub(in crate::services) async fn turn(&mut self) -> Option<Reservation> {
        match self {
            Self::Waiting(wait) => wait.as_mut().await,
            Self::None | Self::Had(_) => pending().await,
        }
    }
}
