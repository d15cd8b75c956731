//! Who may do what. The only way to storage leads through a [`Permit`], and only this module makes one.
//!
//! Must hold: what belongs to another tenant and what does not exist give the same answer.

#[cfg(test)]
mod tests;

use crate::blocking::Turn;
use crate::fields::topic_name;
use crate::identity::Principal;
use crate::operation::{Access, Operation};
use levee_storage::{Shard, Topic};
use levee_types::limits::{DEFAULT_PLAN_WEIGHT, MAX_TENANT_NAME};
use levee_types::{ErrorCode, LeveeError, PartitionId, TenantId, TenantName};
use std::sync::Arc;
use tonic::Request;

/// What an operation may act on.
#[derive(Debug, PartialEq, Eq)]
enum Grant {
    Tenant(TenantName),
    Node,
}

/// Decides. `named` is the tenant that the message names; empty if it names none.
fn authorize(principal: &Principal, operation: Operation, named: &str) -> Result<Grant, LeveeError> {
    match (operation.access(), principal) {
        (Access::Data, Principal::Tenant(own)) => Ok(Grant::Tenant(own.clone())),
        (Access::Topics, Principal::Tenant(own)) => {
            if named.is_empty() || named == own.as_str() {
                Ok(Grant::Tenant(own.clone()))
            } else {
                // Nothing is looked up: not even the time tells whether that tenant exists.
                Err(no_tenant(named))
            }
        }
        (Access::Topics, Principal::Operator) => {
            if named.is_empty() {
                return Err(LeveeError::new(
                    ErrorCode::InvalidArgument,
                    "tenant: the operator must name one",
                )
                .with_hint("give the name of the tenant whose topics are meant: levee names TENANT/TOPIC"));
            }
            // A name that cannot be one is no tenant either.
            TenantName::new(named).map(Grant::Tenant).map_err(|_| no_tenant(named))
        }
        (Access::Node, Principal::Operator) => Ok(Grant::Node),
        (Access::Data, Principal::Operator) => Err(LeveeError::new(
            ErrorCode::PermissionDenied,
            "records belong to tenants; the operator has none",
        )
        .with_hint("use a credential of the tenant")),
        (Access::Node, Principal::Tenant(_)) => {
            Err(LeveeError::new(ErrorCode::PermissionDenied, "this is for operators")
                .with_hint("use a credential of an operator"))
        }
    }
}

fn no_tenant(name: &str) -> LeveeError {
    let shown: String = name.chars().take(MAX_TENANT_NAME).collect();
    let error = LeveeError::new(ErrorCode::NotFound, format!("there is no tenant {shown:?}"));
    match TenantName::new(name) {
        Ok(name) => error.with_hint(format!("create it with: levee tenant create {name}")),
        Err(_) => error.with_hint("check the name; levee tenant ls lists the tenants"),
    }
}

/// Proof that the caller may do the operation it asked for within `S`, and the way to storage.
pub struct Permit<S> {
    shard: Shard,
    scope: S,
}

/// Scope of a [`Permit`]: one tenant.
pub struct InTenant {
    id: TenantId,
    name: TenantName,
}

/// Scope of a [`Permit`]: the node, with every tenant.
pub struct OnNode(());

impl<S> Permit<S> {
    /// Storage. Act on what the permit's scope covers only.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }
}

impl Permit<InTenant> {
    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.scope.id
    }

    /// The weight of the tenant among others, 1 to 100.
    #[must_use]
    pub fn weight(&self) -> u32 {
        DEFAULT_PLAN_WEIGHT
    }

    /// The turn of a call that waits for the disk, and may read so many bytes.
    #[must_use]
    pub fn turn(&self, bytes: usize) -> Turn {
        Turn { tenant: self.tenant(), weight: self.weight(), bytes }
    }

    /// The topic of this name. `field` is what the message calls it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what cannot be a name, NOT_FOUND if the tenant has no such topic.
    pub fn topic(&self, field: &str, name: &str) -> Result<Arc<Topic>, LeveeError> {
        let name = topic_name(field, name)?;
        self.shard.topic(self.tenant(), &name)?.ok_or_else(|| {
            LeveeError::new(ErrorCode::NotFound, format!("there is no topic {:?}", name.as_str()))
                .with_hint(format!("create it with: levee topic create {}/{name}", self.scope.name))
        })
    }

    /// A partition of a topic of this tenant.
    ///
    /// # Errors
    /// NOT_FOUND if the topic has fewer partitions.
    pub fn partition(&self, topic: &Topic, partition: u32) -> Result<PartitionId, LeveeError> {
        if partition >= topic.partitions {
            return Err(LeveeError::new(
                ErrorCode::NotFound,
                format!(
                    "there is no partition {partition} of topic {:?}; it has {}, from 0",
                    topic.name.as_str(),
                    topic.partitions
                ),
            )
            .with_hint("choose one of these, or add some with: levee topic add-partitions"));
        }
        Ok(PartitionId { tenant: self.tenant(), topic: topic.id, partition })
    }
}

/// Makes permits.
#[derive(Clone)]
pub struct Authorizer {
    shard: Shard,
}

impl Authorizer {
    /// For the resources of this shard.
    #[must_use]
    pub fn new(shard: Shard) -> Self {
        Self { shard }
    }

    /// A permit within one tenant. `named` is the tenant that the message names; empty for messages that
    /// cannot name one.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT, or NOT_FOUND if there is no such tenant for
    /// the caller.
    pub fn tenant<T>(
        &self,
        request: &Request<T>,
        operation: Operation,
        named: &str,
    ) -> Result<Permit<InTenant>, LeveeError> {
        match authorize(principal(request)?, operation, named)? {
            Grant::Tenant(name) => {
                let tenant = self.shard.tenant(&name)?.ok_or_else(|| no_tenant(name.as_str()))?;
                Ok(Permit { shard: self.shard.clone(), scope: InTenant { id: tenant.id, name: tenant.name } })
            }
            Grant::Node => Err(defect(operation)),
        }
    }

    /// A permit for the node.
    ///
    /// # Errors
    /// UNAUTHENTICATED or PERMISSION_DENIED.
    pub fn node<T>(&self, request: &Request<T>, operation: Operation) -> Result<Permit<OnNode>, LeveeError> {
        match authorize(principal(request)?, operation, "")? {
            Grant::Node => Ok(Permit { shard: self.shard.clone(), scope: OnNode(()) }),
            Grant::Tenant(_) => Err(defect(operation)),
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
