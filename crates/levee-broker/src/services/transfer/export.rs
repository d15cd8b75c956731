//! An export that goes on.
//!
//! It is polled as the body of the answer: nothing is read for a client that does not take what it was sent.

use super::telling::Telling;
use crate::authorize::{OnNode, Permit};
use crate::blocking::{Blocking, Turn};
use crate::error::status;
use crate::transport::connection::draining;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use levee_proto::v1;
use levee_storage::CompactionHold;
use levee_types::LeveeError;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An export.
pub(super) struct Export {
    permit: Permit<OnNode>,
    retire: CancellationToken,
    telling: Telling,
    _slot: OwnedSemaphorePermit,
}

impl Export {
    /// Of the tenant whose turns these are.
    pub(super) fn new(
        permit: Permit<OnNode>,
        blocking: Blocking,
        turn: Turn,
        retire: CancellationToken,
        hold: CompactionHold,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let now_ms = permit.clock().unix_ms();
        let telling = Telling::new(permit.shard().clone(), blocking, turn, now_ms, Some(hold));
        Self { permit, retire, telling, _slot: slot }
    }

    pub(super) fn into_messages(self) -> BoxStream<'static, Result<v1::ExportTenantResponse, Status>> {
        stream::unfold(Some(self), |export| async move {
            let mut export = export?;
            match export.next().await {
                Ok(Some(parts)) => Some((Ok(v1::ExportTenantResponse { parts: Some(parts) }), Some(export))),
                Ok(None) => None,
                Err(error) => Some((Err(status(&error)), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<v1::TenantParts>, LeveeError> {
        if self.retire.is_cancelled() {
            return Err(draining());
        }
        // What was taken away from the caller meanwhile, is.
        self.permit = self.permit.renew()?;
        self.telling.next().await
    }
}
