//! Proof that a caller may do what it asked for, and the way to storage.

use super::decide::{Refused, authorize, may_also_use, may_enter, may_use};
use super::{Authorizer, Doubts, defect, is_system, on_groups, on_topics};
use crate::admission::{Charge, Reservation};
use crate::audit::Asked;
use crate::blocking::Turn;
use crate::fields::topic_name;
use crate::identity::Principal;
use crate::tenants::{Snapshot, TenantEntry};
use levee_storage::{AuditEvent, Shard, Topic};
use levee_types::acl::{AclOperation, Resource};
use levee_types::quota::Dimension;
use levee_types::{Clock, ErrorCode, LeveeError, PartitionId, TenantId, TenantName};
use std::sync::Arc;
use std::time::Duration;

/// Proof that the caller may do the operation it asked for within `S`, and the way to storage.
pub struct Permit<S> {
    authorizer: Authorizer,
    principal: Principal,
    asked: Asked,
    scope: S,
}

/// Scope of a [`Permit`]: one tenant.
pub struct InTenant {
    tenant: Arc<TenantEntry>,
    name: TenantName,
    /// An operator, who is not bound by the access rules of the tenant.
    is_guest: bool,
}

/// Scope of a [`Permit`]: the node, with every tenant.
pub struct OnNode(());

impl<S> Permit<S> {
    /// Storage. Act on what the permit's scope covers only.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        self.authorizer.tenants.shard()
    }

    /// Who asked.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The event that says in the audit log that this was done. `resource` is as in `topic:orders`.
    #[must_use]
    pub fn audit(&self, resource: impl Into<String>) -> AuditEvent {
        self.asked.event(resource)
    }
}

impl Permit<OnNode> {
    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.authorizer.clock()
    }

    pub(super) fn on_node(authorizer: Authorizer, principal: Principal, asked: Asked) -> Self {
        Self { authorizer, principal, asked, scope: OnNode(()) }
    }

    /// Decides again what was decided when the permit was given, for calls that go on.
    ///
    /// # Errors
    /// UNAUTHENTICATED or PERMISSION_DENIED.
    pub fn renew(&self) -> Result<Self, LeveeError> {
        let principal = self.authorizer.authenticator.renew(&self.principal)?;
        authorize(&principal, self.asked.operation(), "")
            .map_err(|refused| self.authorizer.refuse(&self.asked, &principal, refused))?;
        Ok(Self::on_node(self.authorizer.clone(), principal, self.asked.clone()))
    }
}

impl Permit<InTenant> {
    pub(super) fn in_tenant(
        authorizer: Authorizer,
        principal: Principal,
        asked: Asked,
        tenant: Arc<TenantEntry>,
        is_guest: bool,
    ) -> Result<Self, LeveeError> {
        let snapshot = tenant.snapshot()?.ok_or_else(gone)?;
        #[expect(clippy::expect_used, reason = "the name is a valid one")]
        let name = match snapshot.tenant() {
            Some(tenant) => tenant.name.clone(),
            None => TenantName::new("system").expect("a name"),
        };
        Ok(Self { authorizer, principal, asked, scope: InTenant { tenant, name, is_guest } })
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant.id()
    }

    /// The name of the tenant, as it was when the permit was given.
    #[must_use]
    pub fn tenant_name(&self) -> &TenantName {
        &self.scope.name
    }

    /// The tenant, as it is now.
    ///
    /// # Errors
    /// It is gone, or the index cannot be read.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, LeveeError> {
        self.scope.tenant.snapshot()?.ok_or_else(gone)
    }

    /// What the broker keeps of the tenant.
    #[must_use]
    pub fn entry(&self) -> &Arc<TenantEntry> {
        &self.scope.tenant
    }

    /// The tenants that the permit covers, of those in memory: its own; all, for an operator who named none.
    #[must_use]
    pub fn covered(&self) -> Vec<Arc<TenantEntry>> {
        if !is_system(self.tenant()) {
            return vec![Arc::clone(&self.scope.tenant)];
        }
        let mut all = self.authorizer.tenants.known();
        all.retain(|tenant| !is_system(tenant.id()));
        all
    }

    /// The tenant's share of work that waits.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.snapshot().map_or(1, |snapshot| snapshot.weight())
    }

    /// The turn of a call that waits for the disk, and may read so many bytes.
    #[must_use]
    pub fn turn(&self, bytes: usize) -> Turn {
        Turn { tenant: self.tenant(), weight: self.weight(), bytes }
    }

    /// Whether the caller may do with a topic what it asked to do. It is the decision alone, for lists.
    ///
    /// # Errors
    /// The tenant is gone, or the index cannot be read.
    pub fn may(&self, topic: &str) -> Result<bool, LeveeError> {
        self.is_allowed(on_topics(self.asked.operation()), Resource::topic(topic))
    }

    /// Whether the caller may do this with a topic, whatever it asked to do. It is the decision alone, for lists.
    ///
    /// # Errors
    /// The tenant is gone, or the index cannot be read.
    pub fn may_for(&self, needed: AclOperation, topic: &str) -> Result<bool, LeveeError> {
        self.is_allowed(Some(needed), Resource::topic(topic))
    }

    /// Whether the caller may do with a group what it asked to do. It is the decision alone, for lists.
    ///
    /// # Errors
    /// The tenant is gone, or the index cannot be read.
    pub fn may_group(&self, group: &str) -> Result<bool, LeveeError> {
        self.is_allowed(on_groups(self.asked.operation()), Resource::group(group))
    }

    fn is_allowed(&self, needed: Option<AclOperation>, what: Resource<'_>) -> Result<bool, LeveeError> {
        let Some(needed) = needed else { return Ok(false) };
        Ok(self.scope.is_guest || may_use(&self.principal, &*self.snapshot()?, needed, what).is_ok())
    }

    /// Decides on a topic by its name alone, before anything is looked up.
    ///
    /// # Errors
    /// PERMISSION_DENIED.
    pub fn require(&self, topic: &str) -> Result<(), LeveeError> {
        let operation = self.asked.operation();
        let needed = on_topics(operation).ok_or_else(|| defect(operation))?;
        if self.scope.is_guest {
            return Ok(());
        }
        may_use(&self.principal, &*self.snapshot()?, needed, Resource::topic(topic))
            .map_err(|refused| self.refuse(refused))
    }

    /// Decides on something else than what was asked for that the call does with a topic, such as to append to the
    /// topic that takes the dead. Like [`Permit::require`], and the state of the tenant must allow it.
    ///
    /// # Errors
    /// PERMISSION_DENIED, TENANT_SUSPENDED.
    pub fn require_for(&self, needed: AclOperation, topic: &str) -> Result<(), LeveeError> {
        if self.scope.is_guest {
            return Ok(());
        }
        may_also_use(&self.principal, &*self.snapshot()?, needed, Resource::topic(topic))
            .map_err(|refused| self.refuse(refused))
    }

    /// Decides on a group by its name alone, before anything is looked up. To join it and to commit for it is to
    /// consume.
    ///
    /// # Errors
    /// PERMISSION_DENIED.
    pub fn require_group(&self, group: &str) -> Result<(), LeveeError> {
        let operation = self.asked.operation();
        let needed = on_groups(operation).ok_or_else(|| defect(operation))?;
        if self.scope.is_guest {
            return Ok(());
        }
        may_use(&self.principal, &*self.snapshot()?, needed, Resource::group(group))
            .map_err(|refused| self.refuse(refused))
    }

    fn refuse(&self, refused: Refused) -> LeveeError {
        self.authorizer.refuse(&self.asked, &self.principal, refused)
    }

    /// For what only operators do within a tenant.
    ///
    /// # Errors
    /// PERMISSION_DENIED.
    pub fn require_operator(&self, why: &str) -> Result<(), LeveeError> {
        if self.principal.is_operator() {
            return Ok(());
        }
        let error = LeveeError::new(ErrorCode::PermissionDenied, why).with_hint("ask an operator to do it");
        let refused = Refused::Denied { error, resource: format!("tenant:{}", self.scope.name) };
        Err(self.refuse(refused))
    }

    /// The topic of this name. `field` is what the message calls it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what cannot be a name, PERMISSION_DENIED, NOT_FOUND if the tenant has no such topic.
    pub fn topic(&self, field: &str, name: &str) -> Result<Arc<Topic>, LeveeError> {
        let name = topic_name(field, name)?;
        self.require(name.as_str())?;
        self.shard().topic(self.tenant(), &name)?.ok_or_else(|| {
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

    /// All partitions of a topic of this tenant.
    #[must_use]
    pub fn partitions(&self, topic: &Topic) -> Vec<PartitionId> {
        let id = |partition| PartitionId { tenant: self.tenant(), topic: topic.id, partition };
        (0..topic.partitions).map(id).collect()
    }

    /// What makes it doubtful whether the permit still holds. They have arisen at first: what changed between the
    /// decision and this call was not watched.
    #[must_use]
    pub fn doubts(&self) -> Doubts {
        Doubts::new(
            Arc::clone(&self.scope.tenant),
            self.authorizer.authenticator.changes(self.principal.credential()),
            Arc::clone(self.authorizer.tenants.clock()),
            self.principal.expires_ms(),
        )
    }

    /// Decides again what was decided when the permit was given, but for topics and groups.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PERMISSION_DENIED, TENANT_SUSPENDED.
    pub fn renew(&self) -> Result<Self, LeveeError> {
        let principal = self.authorizer.authenticator.renew(&self.principal)?;
        let InTenant { tenant, name, is_guest } = &self.scope;
        if !is_guest && !is_system(self.tenant()) {
            may_enter(&principal, tenant, self.asked.operation())
                .map_err(|refused| self.authorizer.refuse(&self.asked, &principal, refused))?;
        }
        Ok(Self {
            authorizer: self.authorizer.clone(),
            principal,
            asked: self.asked.clone(),
            scope: InTenant { tenant: Arc::clone(tenant), name: name.clone(), is_guest: *is_guest },
        })
    }

    /// Waits for a share of the quota, and if that takes a while decides again, but for topics and groups. Tells how
    /// long it was.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PERMISSION_DENIED, TENANT_SUSPENDED.
    pub async fn wait(self, reservation: Reservation) -> Result<(Self, Duration), LeveeError> {
        let throttled = reservation.wait().await;
        let permit = if throttled.is_zero() { self } else { self.renew()? };
        Ok((permit, throttled))
    }

    /// Takes so much of the tenant's quota. What an operator does for a tenant costs the tenant nothing.
    ///
    /// # Errors
    /// QUOTA_EXCEEDED.
    pub fn reserve(
        &self,
        dimension: Dimension,
        amount: u64,
        topic: Option<&Topic>,
    ) -> Result<Reservation, LeveeError> {
        if self.scope.is_guest {
            return Ok(Reservation::default());
        }
        let charge = Charge {
            dimension,
            amount,
            user: self.principal.user().name.as_str(),
            topic: topic.map(|topic| &topic.name),
            request_id: self.asked.request_id(),
        };
        self.scope.tenant.admission.reserve(charge)
    }
}

fn gone() -> LeveeError {
    LeveeError::new(ErrorCode::NotFound, "the tenant is gone").with_hint("use a credential of another tenant")
}
