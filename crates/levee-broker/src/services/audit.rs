//! Reading the audit log.

use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::error::reply;
use crate::fields::{invalid, page_size};
use crate::operation::Operation;
use levee_proto::v1;
use levee_storage::{AuditEvent, AuditLine};
use levee_types::LeveeError;
use tonic::{Request, Response, Status};

/// `levee.v1.AuditService`.
pub(super) struct Audits {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
}

#[tonic::async_trait]
impl v1::audit_service_server::AuditService for Audits {
    async fn list_audit_events(
        &self,
        request: Request<v1::ListAuditEventsRequest>,
    ) -> Result<Response<v1::ListAuditEventsResponse>, Status> {
        reply(self.list(&request).await)
    }
}

impl Audits {
    async fn list(
        &self,
        request: &Request<v1::ListAuditEventsRequest>,
    ) -> Result<v1::ListAuditEventsResponse, LeveeError> {
        let v1::ListAuditEventsRequest { tenant, from_sequence, page_size: size, latest } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListAuditEvents, tenant)?;
        let size = page_size(*size)?;
        if *latest && *from_sequence != 0 {
            let hint = "leave it 0, or do not ask for the latest";
            return Err(invalid("from_sequence", "the latest events begin where they begin", hint));
        }
        let (from, latest) = (*from_sequence, *latest);
        let (shard, tenant) = (permit.shard().clone(), permit.tenant());
        let (lines, next_sequence) = self
            .blocking
            .run(permit.turn(0), move || {
                let from = if latest { shard.audit_end(tenant)?.saturating_sub(size as u64) } else { from };
                shard.audit_log(tenant, from, size)
            })
            .await?;
        Ok(v1::ListAuditEventsResponse { events: lines.into_iter().map(to_proto).collect(), next_sequence })
    }
}

fn to_proto(line: AuditLine) -> v1::AuditEvent {
    let AuditLine { sequence, time_ms, event } = line;
    let AuditEvent { principal, action, resource, refusal, note, request_id, source, count } = event;
    let decision = if refusal.is_some() { v1::AuditDecision::Denied } else { v1::AuditDecision::Allowed };
    v1::AuditEvent {
        sequence,
        time_ms,
        principal,
        action,
        resource,
        decision: decision as i32,
        reason: refusal.unwrap_or(note),
        request_id,
        source,
        count,
    }
}
