//! Taking a tenant out, and making one of what another broker took out.
//!
//! Whoever imports calls [`Shard::begin_import`], the others in any number, and at last either
//! [`Shard::finish_import`] or [`Shard::discard_import`]. Each fails with `Invalid` when the tenant is not being
//! imported any more.

use super::{Receipt, Shard};
use crate::catalog::NewTopic;
use crate::catalog::audit::AuditEvent;
use crate::catalog::groups::ImportedGroup;
use crate::catalog::tenants::{Suspension, Tenant};
use crate::catalog::users::User;
use crate::catalog::view::{LogBounds, TenantView};
use crate::command::{Append, Command, Place};
use crate::committer::{Draft, Machine, QuotaTarget};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::acl::AclRule;
use levee_types::quota::Quotas;
use levee_types::topic::Properties;
use levee_types::{PartitionId, PlanName, TenantId, TenantName};
use tokio::sync::oneshot;

impl<S: SegmentStore> Shard<S> {
    /// A tenant as it is now. May block, as all that is read from it.
    #[must_use]
    pub fn view(&self, tenant: TenantId) -> TenantView<'_> {
        TenantView::new(self.inner.index.view(), tenant)
    }

    /// Notes in the logs of the system and of the tenant that it is taken out.
    ///
    /// # Errors
    /// `NoTenant`, or the shard does not work.
    pub async fn note_export(&self, tenant: TenantId, audit: AuditEvent) -> Result<(), StorageError> {
        self.change(0, None, move |machine, draft, now_ms| {
            machine.require_tenant(tenant)?;
            machine.audit(draft, TenantId::SYSTEM, std::slice::from_ref(&audit), now_ms)?;
            machine.audit(draft, tenant, &[audit], now_ms)
        })
        .await
    }

    /// Makes a tenant that is being imported, with its own quotas.
    ///
    /// # Errors
    /// `NoPlan`, `Invalid` if the name is taken, `LimitExceeded`, or the shard does not work.
    pub async fn begin_import(
        &self,
        name: TenantName,
        plan: PlanName,
        quotas: Quotas,
        audit: AuditEvent,
    ) -> Result<Tenant, StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit)), move |machine, draft, now_ms| {
            machine.begin_import(&name, &plan, &quotas, draft, now_ms)
        })
        .await
    }

    /// Makes users, whose ids are ignored.
    ///
    /// # Errors
    /// `Invalid` for a name that is there twice or a certificate that another user has, `LimitExceeded`, or the
    /// shard does not work.
    pub async fn import_users(&self, tenant: TenantId, users: Vec<User>) -> Result<(), StorageError> {
        let bytes = users.len() * size_of::<User>();
        self.import(tenant, bytes, move |machine, draft| machine.import_users(tenant, users, draft)).await
    }

    /// Makes access rules, in the order of their ids.
    ///
    /// # Errors
    /// `Invalid` for ids out of order, `LimitExceeded`, or the shard does not work.
    pub async fn import_acl_rules(&self, tenant: TenantId, rules: Vec<AclRule>) -> Result<(), StorageError> {
        let bytes = rules.len() * size_of::<AclRule>();
        self.import(tenant, bytes, move |machine, draft| machine.import_acl_rules(tenant, &rules, draft))
            .await
    }

    /// Sets the defaults of its topics.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn import_topic_defaults(
        &self,
        tenant: TenantId,
        defaults: Properties,
    ) -> Result<(), StorageError> {
        self.import(tenant, 0, move |machine, draft| machine.import_topic_defaults(tenant, defaults, draft))
            .await
    }

    /// Makes topics, each with the time of its creation in Unix milliseconds.
    ///
    /// # Errors
    /// `Invalid` for what cannot be a topic, is there twice or is beyond the quotas; `LimitExceeded`, or the shard
    /// does not work.
    pub async fn import_topics(
        &self,
        tenant: TenantId,
        topics: Vec<(NewTopic, i64)>,
    ) -> Result<(), StorageError> {
        let bytes = topics.iter().map(|(topic, _)| topic.size()).sum();
        self.import(tenant, bytes, move |machine, draft| machine.import_topics(tenant, topics, draft)).await
    }

    /// Sets quotas of users and topics.
    ///
    /// # Errors
    /// `NoUser`, `NoTopic`, `Invalid`, `LimitExceeded`, or the shard does not work.
    pub async fn import_quotas(
        &self,
        tenant: TenantId,
        quotas: Vec<(QuotaTarget, Quotas)>,
    ) -> Result<(), StorageError> {
        let bytes = quotas.len() * size_of::<Quotas>();
        self.import(tenant, bytes, move |machine, draft| machine.import_quotas(tenant, &quotas, draft)).await
    }

    /// Makes a group that has come so far.
    ///
    /// # Errors
    /// `NoTopic`, `OffsetOutOfRange`, `Invalid` if it is there twice, `LimitExceeded`, or the shard does not work.
    pub async fn import_group(&self, tenant: TenantId, group: ImportedGroup) -> Result<(), StorageError> {
        let bytes = group.size();
        self.import(tenant, bytes, move |machine, draft| machine.import_group(tenant, group, draft)).await
    }

    /// Has the log of a partition begin at a place; batches come behind it.
    ///
    /// # Errors
    /// `NoTopic`, `Invalid` if there is something in it or the bounds contradict each other, or the shard does not
    /// work.
    pub async fn import_start(&self, partition: PartitionId, bounds: LogBounds) -> Result<(), StorageError> {
        self.import(partition.tenant, 0, move |machine, draft| machine.import_start(partition, bounds, draft))
            .await
    }

    /// Hands a batch to the committer that must be appended at a stated place, as [`Shard::submit`] does. Its
    /// producer and durability are ignored: it is durable when [`Shard::finish_import`] is answered.
    ///
    /// # Errors
    /// `Stopping`; with the receipt `NoTopic`, `Invalid` for another place or beyond the quotas, or the shard does
    /// not work.
    pub async fn import_batch(&self, append: Append, place: Place) -> Result<Receipt<()>, StorageError> {
        let (reply, receipt) = oneshot::channel();
        let bytes = append.batch.len();
        self.push(Command::Import(append, place, reply), bytes).await?;
        Ok(Receipt(receipt))
    }

    /// Ends an import well: the tenant gets its state, and everything of it is durable.
    ///
    /// # Errors
    /// `NoTenant`, `Invalid`, or the shard does not work.
    pub async fn finish_import(
        &self,
        tenant: TenantId,
        state: Suspension,
        audit: AuditEvent,
    ) -> Result<Tenant, StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, _| {
            machine.finish_import(tenant, state, draft)
        })
        .await
    }

    /// Ends an import that came to nothing: what there is of the tenant is deleted. The log of the system gets the
    /// receipt.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn discard_import(&self, tenant: TenantId, receipt: AuditEvent) -> Result<(), StorageError> {
        self.change(0, None, move |machine, draft, now_ms| {
            machine.discard_import(tenant, receipt, draft, now_ms)
        })
        .await
    }

    /// A step of an import, when it is the turn of its tenant.
    async fn import(
        &self,
        tenant: TenantId,
        bytes: usize,
        decide: impl FnOnce(&mut Machine, &mut Draft) -> Result<(), StorageError> + Send + 'static,
    ) -> Result<(), StorageError> {
        self.change_in_turn_of(tenant, bytes, None, move |machine, draft, _| {
            machine.require_importing(tenant)?;
            draft.relax();
            decide(machine, draft)
        })
        .await
    }
}
