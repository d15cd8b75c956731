//! Who may do what. The only way to storage leads through a [`Permit`], and only this module makes one.
//!
//! Must hold: what belongs to another tenant and what does not exist give the same answer; within a tenant, without
//! a grant what exists and what does not give the same answer; every refusal stands in an audit log.

mod decide;
mod doubts;
mod permit;

#[cfg(test)]
mod tests;

pub use doubts::Doubts;
pub use permit::{InTenant, OnNode, Permit};

use crate::audit::{Asked, AuditSink};
use crate::identity::{Authenticator, Principal};
use crate::operation::{Access, Operation};
use crate::tenants::{TenantEntry, Tenants};
use decide::{Grant, Refused, authorize, no_tenant};
use levee_types::acl::{AclOperation, ResourceKind};
use levee_types::{Clock, ErrorCode, LeveeError, TenantId};
use std::sync::Arc;
use tonic::Request;

/// Makes permits.
#[derive(Clone)]
pub struct Authorizer {
    tenants: Tenants,
    authenticator: Arc<Authenticator>,
    audit: AuditSink,
}

impl Authorizer {
    /// For the resources of these tenants.
    #[must_use]
    pub fn new(tenants: Tenants, authenticator: Arc<Authenticator>, audit: AuditSink) -> Self {
        Self { tenants, authenticator, audit }
    }

    /// A permit within one tenant. `named` is the tenant that the message names; empty for messages that
    /// cannot name one.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PERMISSION_DENIED, TENANT_SUSPENDED, INVALID_ARGUMENT, or NOT_FOUND if there is no such tenant
    /// for the caller.
    pub fn tenant<T>(
        &self,
        request: &Request<T>,
        operation: Operation,
        named: &str,
    ) -> Result<Permit<InTenant>, LeveeError> {
        let principal = principal(request)?.clone();
        let asked = Asked::of(request, &principal, operation);
        match self.enter(&principal, operation, named) {
            Ok((tenant, is_guest)) => Permit::in_tenant(self.clone(), principal, asked, tenant, is_guest),
            Err(refused) => Err(self.refuse(&asked, &principal, refused)),
        }
    }

    /// A permit for the node.
    ///
    /// # Errors
    /// UNAUTHENTICATED or PERMISSION_DENIED.
    pub fn node<T>(&self, request: &Request<T>, operation: Operation) -> Result<Permit<OnNode>, LeveeError> {
        let principal = principal(request)?.clone();
        let asked = Asked::of(request, &principal, operation);
        match authorize(&principal, operation, "") {
            Ok(Grant::Node) => Ok(Permit::on_node(self.clone(), principal, asked)),
            Ok(Grant::Own | Grant::Named(_)) => Err(defect(operation)),
            Err(refused) => Err(self.refuse(&asked, &principal, refused)),
        }
    }

    /// The caller itself.
    ///
    /// # Errors
    /// UNAUTHENTICATED.
    pub fn caller<T>(&self, request: &Request<T>) -> Result<Principal, LeveeError> {
        principal(request).cloned()
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.tenants.clock()
    }

    /// The tenant that a call is about, and whether the caller comes from outside.
    fn enter(
        &self,
        principal: &Principal,
        operation: Operation,
        named: &str,
    ) -> Result<(Arc<TenantEntry>, bool), Refused> {
        match authorize(principal, operation, named)? {
            Grant::Own => {
                let tenant = Arc::clone(principal.tenant());
                decide::may_enter(principal, &tenant, operation)?;
                Ok((tenant, false))
            }
            Grant::Named(name) => match self.tenants.named(&name) {
                Ok(Some(tenant)) => {
                    decide::may_visit(&tenant, operation)?;
                    Ok((tenant, true))
                }
                Ok(None) => Err(Refused::Told(no_tenant(name.as_str()))),
                Err(error) => Err(Refused::Told(error)),
            },
            Grant::Node => Err(Refused::Told(defect(operation))),
        }
    }

    /// Writes down that something was refused, and what the caller is told.
    fn refuse(&self, asked: &Asked, principal: &Principal, refused: Refused) -> LeveeError {
        match refused {
            Refused::Told(error) => error,
            Refused::Denied { error, resource } => {
                self.audit.denied(principal.tenant().id(), asked, &resource, &error.message);
                error
            }
        }
    }
}

fn principal<T>(request: &Request<T>) -> Result<&Principal, LeveeError> {
    // Absent only if the authentication step is missing from the stack: then nobody may do anything.
    request
        .extensions()
        .get()
        .ok_or_else(|| LeveeError::new(ErrorCode::Unauthenticated, "the caller is not known"))
}

/// A service that asked for a permit of another scope than its operation's.
fn defect(operation: Operation) -> LeveeError {
    tracing::error!(operation = operation.path(), "asked for a permit of the wrong scope");
    LeveeError::new(ErrorCode::Internal, "the broker met a defect of its own")
}

/// What access rules must allow for an operation on a topic.
fn on_topics(operation: Operation) -> Option<AclOperation> {
    match operation.access() {
        Access::Data(needed) | Access::Topics(needed) => Some(needed),
        Access::Groups(_) | Access::Administration | Access::Node | Access::Caller => None,
    }
}

/// What access rules must allow for an operation on a group. To join one and to commit for it is to consume, also in a
/// transaction, which produces.
fn on_groups(operation: Operation) -> Option<AclOperation> {
    match operation.access() {
        Access::Data(_) => Some(AclOperation::Consume),
        Access::Groups(needed) => Some(needed),
        Access::Topics(_) | Access::Administration | Access::Node | Access::Caller => None,
    }
}

/// What access rules must allow on something at least, for an operation to begin.
fn on_anything(operation: Operation) -> Option<(AclOperation, ResourceKind)> {
    let of_topics = on_topics(operation).map(|needed| (needed, ResourceKind::Topic));
    of_topics.or_else(|| on_groups(operation).map(|needed| (needed, ResourceKind::Group)))
}

/// Whether a tenant is the system, which has neither topics nor groups.
fn is_system(id: TenantId) -> bool {
    id == TenantId::SYSTEM
}
