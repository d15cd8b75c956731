//! The audit log.

use super::Admin;
use crate::error::Error;
use levee_proto::v1;

/// The audit log of a tenant, or with an empty tenant for an operator: that of the broker itself.
impl Admin {
    /// A page of events in the order of time.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn list_audit_events(
        &self,
        request: v1::ListAuditEventsRequest,
    ) -> Result<v1::ListAuditEventsResponse, Error> {
        Ok(self.client.audit().list_audit_events(self.client.request(request)).await?.into_inner())
    }
}
