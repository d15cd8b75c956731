//! Writing the audit log. A change and its event are one entry: neither is there without the other.

use super::{Draft, Machine};
use crate::catalog::audit::AuditEvent;
use crate::error::StorageError;
use crate::keys;
use crate::rows::AuditEnds;
use levee_types::TenantId;
use levee_types::limits::MAX_AUDIT_EVENTS_PER_TENANT;

impl Machine {
    /// Adds events to the log of a tenant, and lets the oldest go when there are too many. Once for each log and
    /// draft.
    pub(crate) fn audit(
        &self,
        draft: &mut Draft,
        log: TenantId,
        events: &[AuditEvent],
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let mut ends = self.row(&keys::audit_ends(log))?.unwrap_or(AuditEnds { first: 1, next: 1 });
        for event in events {
            draft.put_row(keys::audit_event(log, ends.next), &event.to_row(now_ms));
            ends.next += 1;
            if ends.next - ends.first > MAX_AUDIT_EVENTS_PER_TENANT {
                draft.delete(keys::audit_event(log, ends.first));
                ends.first += 1;
            }
        }
        draft.put_row(keys::audit_ends(log), &ends);
        Ok(())
    }
}
