//! What export and import have in common: how much there was.

use crate::progress;
use crate::units::show_size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use levee_client::v1::tenant_part::Kind;
use levee_client::v1::{TenantParts, TransferCounts};
use serde_json::{Value, json};

/// Shows a person the bytes of records that passed. Clones share it.
#[derive(Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template("{bytes} of records, {bytes_per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self(progress::line(ProgressDrawTarget::stderr(), style))
    }

    pub(super) fn passed(&self, parts: &TenantParts) {
        let bytes = parts.parts.iter().map(|part| match &part.kind {
            Some(Kind::Batch(batch)) => batch.batch.len() as u64,
            _ => 0,
        });
        self.0.inc(bytes.sum());
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// For people.
pub(super) fn counts_text(counts: &TransferCounts) -> String {
    let TransferCounts { users, rules, topics, groups, records, batch_bytes, .. } = counts;
    let bytes = show_size(*batch_bytes);
    format!("{users} users, {rules} rules, {topics} topics, {groups} groups, {records} records, {bytes}")
}

/// For programs.
pub(super) fn counts_json(counts: &TransferCounts) -> Value {
    let TransferCounts { users, rules, quotas, topics, partitions, batches, records, batch_bytes, groups } =
        counts;
    json!({
        "users": users,
        "rules": rules,
        "quotas": quotas,
        "topics": topics,
        "partitions": partitions,
        "batches": batches,
        "records": records,
        "batch_bytes": batch_bytes,
        "groups": groups,
    })
}
