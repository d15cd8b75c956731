//! An export that goes on: the catalog, the records, the end.
//!
//! It is polled as the body of the answer: nothing is read for a client that does not take what it was sent.

use super::catalog::Catalog;
use super::logs::Logs;
use super::parts::Parts;
use crate::authorize::{OnNode, Permit};
use crate::blocking::{Blocking, Turn};
use crate::error::status;
use crate::transport::connection::draining;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_types::LeveeError;
use levee_types::limits::{MAX_EXPORT_CATALOG_BYTES, TRANSFER_PARTS_BYTES};
use std::collections::VecDeque;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An export.
pub(super) struct Export {
    permit: Permit<OnNode>,
    blocking: Blocking,
    turn: Turn,
    retire: CancellationToken,
    stage: Stage,
    _slot: OwnedSemaphorePermit,
}

/// What comes next.
enum Stage {
    Begin,
    Catalog(VecDeque<v1::TenantParts>, Box<Logs>, VecDeque<v1::TenantParts>),
    Records(Box<Logs>, VecDeque<v1::TenantParts>),
    /// What stands behind the records, the end with it.
    Behind(VecDeque<v1::TenantParts>),
    Over,
}

impl Export {
    /// Of the tenant whose turns these are.
    pub(super) fn new(
        permit: Permit<OnNode>,
        blocking: Blocking,
        turn: Turn,
        retire: CancellationToken,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        Self { permit, blocking, turn, retire, stage: Stage::Begin, _slot: slot }
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
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Begin => {
                    let catalog = self.catalog().await?;
                    let Catalog { messages, logs, behind, counts, .. } = catalog;
                    let logs = Logs::new(self.permit.shard().clone(), logs, counts);
                    self.stage = Stage::Catalog(messages, Box::new(logs), behind);
                }
                Stage::Catalog(mut messages, logs, behind) => match messages.pop_front() {
                    Some(message) => {
                        self.stage = Stage::Catalog(messages, logs, behind);
                        return Ok(Some(message));
                    }
                    None => self.stage = Stage::Records(logs, behind),
                },
                Stage::Records(mut logs, mut behind) => {
                    let turn = Turn { bytes: TRANSFER_PARTS_BYTES, ..self.turn };
                    let read = move || Ok::<_, LeveeError>((logs.message()?, logs));
                    let (message, logs) = self.blocking.run(turn, read).await?;
                    if let Some(message) = message {
                        self.stage = Stage::Records(logs, behind);
                        return Ok(Some(message));
                    }
                    behind.extend(end(logs.counts()));
                    self.stage = Stage::Behind(behind);
                }
                Stage::Behind(mut messages) => {
                    let message = messages.pop_front();
                    if message.is_some() {
                        self.stage = Stage::Behind(messages);
                    }
                    return Ok(message);
                }
                Stage::Over => return Ok(None),
            }
        }
    }

    async fn catalog(&self) -> Result<Catalog, LeveeError> {
        let (shard, tenant) = (self.permit.shard().clone(), self.turn.tenant);
        let now_ms = self.permit.clock().unix_ms();
        // Nobody knows how large it is; what it may be makes it wait for those who ask for little.
        let turn = Turn { bytes: MAX_EXPORT_CATALOG_BYTES, ..self.turn };
        self.blocking.run(turn, move || Catalog::read(&shard.view(tenant), now_ms)).await
    }
}

fn end(counts: v1::TransferCounts) -> Option<v1::TenantParts> {
    let mut parts = Parts::default();
    // Into an empty one it fits.
    let _ = parts.add(Kind::End(v1::ExportEnd { counts: Some(counts) }));
    parts.finish()
}
