//! The audit log of a tenant.

use super::Catalog;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{AuditEnds, AuditEventRow, BadRow};
use levee_types::TenantId;
use levee_types::limits::MAX_AUDIT_PAGE_BYTES;
use prost::Message;

/// Something that was changed or refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditEvent {
    /// Who.
    pub principal: String,
    /// The call.
    pub action: String,
    /// What it was about; empty if nothing was named.
    pub resource: String,
    /// Why it was refused; none if it was done.
    pub refusal: Option<String>,
    /// More about what was done; empty if there is nothing to say.
    pub note: String,
    /// The request.
    pub request_id: String,
    /// Where the client is.
    pub source: String,
    /// How many events this one stands for, at least 1.
    pub count: u64,
}

/// The same as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its place in the log.
    pub sequence: u64,
    /// Unix milliseconds.
    pub time_ms: i64,
    /// What happened.
    pub event: AuditEvent,
}

impl AuditEvent {
    pub(crate) fn to_row(&self, now_ms: i64) -> AuditEventRow {
        AuditEventRow {
            time_ms: now_ms,
            principal: self.principal.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            is_denied: self.refusal.is_some(),
            reason: self.refusal.clone().unwrap_or_else(|| self.note.clone()),
            request_id: self.request_id.clone(),
            source: self.source.clone(),
            count: self.count.max(1),
        }
    }

    fn from_row(row: AuditEventRow) -> Self {
        let (refusal, note) =
            if row.is_denied { (Some(row.reason), String::new()) } else { (None, row.reason) };
        Self {
            principal: row.principal,
            action: row.action,
            resource: row.resource,
            refusal,
            note,
            request_id: row.request_id,
            source: row.source,
            count: row.count,
        }
    }
}

impl Catalog {
    /// Up to `limit` events from a sequence on, of little more than [`MAX_AUDIT_PAGE_BYTES`], and where the next ones begin.
    pub(crate) fn audit(
        &self,
        log: TenantId,
        from: u64,
        limit: usize,
    ) -> Result<(Vec<AuditLine>, u64), StorageError> {
        let ends = self.audit_ends(log)?;
        let mut lines = Vec::new();
        let mut next = from.max(ends.first).min(ends.next);
        let mut cursor = self.index.cursor(Keyspace::State, keys::audit_events(log));
        cursor.seek(&keys::audit_event(log, next))?;
        let mut bytes = 0;
        while lines.len() < limit && bytes < MAX_AUDIT_PAGE_BYTES {
            let Some((key, row)) = cursor.item() else { break };
            let sequence = keys::last_u64(key).ok_or(BadRow)?;
            bytes += row.len();
            let row = AuditEventRow::decode(row)?;
            lines.push(AuditLine { sequence, time_ms: row.time_ms, event: AuditEvent::from_row(row) });
            next = sequence + 1;
            cursor.next()?;
        }
        Ok((lines, next))
    }

    /// The sequence of the next event.
    pub(crate) fn audit_end(&self, log: TenantId) -> Result<u64, StorageError> {
        Ok(self.audit_ends(log)?.next)
    }

    fn audit_ends(&self, log: TenantId) -> Result<AuditEnds, StorageError> {
        match self.index.get(Keyspace::State, &keys::audit_ends(log))? {
            Some(row) => Ok(AuditEnds::decode(&row[..])?),
            None => Ok(AuditEnds { first: 1, next: 1 }),
        }
    }
}
