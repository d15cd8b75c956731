//! A tenant, told from its beginning to its end: the catalog, the records, the end.

use super::catalog::Catalog;
use super::logs::Logs;
use super::parts::Parts;
use crate::blocking::{Blocking, Turn};
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_storage::{CompactionHold, Shard};
use levee_types::LeveeError;
use levee_types::limits::{MAX_EXPORT_CATALOG_BYTES, TRANSFER_PARTS_BYTES};
use std::collections::VecDeque;

/// A tenant that is being told.
pub(super) struct Telling {
    shard: Shard,
    blocking: Blocking,
    turn: Turn,
    now_ms: i64,
    stage: Stage,
    _hold: Option<CompactionHold>,
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

impl Telling {
    /// Of the tenant whose turns these are. Where somebody writes, it must be held: its logs are read later than its
    /// catalog.
    pub(super) fn new(
        shard: Shard,
        blocking: Blocking,
        turn: Turn,
        now_ms: i64,
        hold: Option<CompactionHold>,
    ) -> Self {
        Self { shard, blocking, turn, now_ms, stage: Stage::Begin, _hold: hold }
    }

    /// The next parts; none when all were told.
    pub(super) async fn next(&mut self) -> Result<Option<v1::TenantParts>, LeveeError> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Begin => {
                    let catalog = self.catalog().await?;
                    let Catalog { messages, logs, behind, counts, .. } = catalog;
                    let logs = Logs::new(self.shard.clone(), logs, counts);
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
        let (shard, tenant, now_ms) = (self.shard.clone(), self.turn.tenant, self.now_ms);
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
