//! What the streams of the table service have in common: their right to go on, their share of the egress, and the disk.

use super::target::Target;
use super::value::volume;
use crate::admission::Reservation;
use crate::authorize::{Doubts, InTenant, Permit};
use crate::blocking::Blocking;
use crate::services::opening::Retire;
use crate::services::read::{EGRESS_SHARE_BYTES, Share};
use crate::tenants::OpenStream;
use crate::transport::connection::draining;
use levee_proto::v1;
use levee_storage::Shard;
use levee_types::LeveeError;
use levee_types::limits::TABLE_ANSWER_BYTES;
use std::future::Future;
use tokio_util::sync::CancellationToken;

/// A stream that is being served. It is polled as the body of the answer.
pub(super) struct Serving {
    pub(super) permit: Permit<InTenant>,
    pub(super) target: Target,
    pub(super) blocking: Blocking,
    doubts: Doubts,
    share: Share,
    retire: Retire,
    is_retiring: CancellationToken,
    _open: OpenStream,
}

impl Serving {
    /// `retire`: the connection is to go.
    pub(super) fn new(
        permit: Permit<InTenant>,
        target: Target,
        blocking: Blocking,
        retire: CancellationToken,
    ) -> Self {
        Self {
            doubts: permit.doubts(),
            _open: permit.entry().open_stream(),
            permit,
            target,
            blocking,
            share: Share::None,
            is_retiring: retire.clone(),
            retire: Box::pin(retire.cancelled_owned()),
        }
    }

    /// Refuses to go on for a caller who may not any more, and on a connection that is to go.
    pub(super) async fn check(&mut self) -> Result<(), LeveeError> {
        // Without it a client that takes everything at once would keep the worker to itself.
        tokio::task::coop::consume_budget().await;
        if self.is_retiring.is_cancelled() {
            return Err(draining());
        }
        if self.doubts.have_arisen() {
            self.permit = self.target.renew(&self.permit)?;
        }
        Ok(())
    }

    /// Waits for something, as long as the stream may go on.
    pub(super) async fn until<T>(&mut self, event: impl Future<Output = T>) -> Result<T, LeveeError> {
        tokio::pin!(event);
        loop {
            tokio::select! {
                biased;
                () = &mut self.retire => return Err(draining()),
                () = self.doubts.arise() => self.permit = self.target.renew(&self.permit)?,
                happened = &mut event => return Ok(happened),
            }
        }
    }

    /// A share of the tenant's egress for one message, and how many bytes that may have.
    pub(super) async fn share(&mut self) -> Result<(Reservation, usize), LeveeError> {
        loop {
            match std::mem::replace(&mut self.share, Share::None) {
                Share::None => self.share = Share::ask(&self.permit, &self.target.topic),
                Share::Had(share) => {
                    let most = if share.is_limited() { EGRESS_SHARE_BYTES } else { TABLE_ANSWER_BYTES };
                    return Ok((share, most));
                }
                Share::Waiting(wait) => {
                    let share = self.until(wait).await?;
                    self.share = share.map_or(Share::None, Share::Had);
                }
            }
        }
    }

    /// Reads up to so many bytes from the disk, in the turn of the tenant.
    pub(super) async fn read<T: Send + 'static>(
        &mut self,
        bytes: usize,
        call: impl FnOnce(&Shard) -> Result<T, LeveeError> + Send + 'static,
    ) -> Result<T, LeveeError> {
        let (blocking, shard, turn) =
            (self.blocking.clone(), self.permit.shard().clone(), self.permit.turn(bytes));
        self.until(blocking.run(turn, move || call(&shard))).await?
    }

    /// Counts what goes out.
    pub(super) fn sent(&self, share: Reservation, values: &[v1::KeyValue]) {
        let (bytes, records) = volume(values);
        share.settle(bytes);
        self.permit.entry().used.sent(bytes, records);
    }
}
