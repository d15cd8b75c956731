//! Deciding an import: a tenant is made of what another broker exported, and is whole at the end or not there.
//!
//! Until then it has a state of its own, [`Suspension::Importing`], in which nobody else can use or change it. What
//! makes it is written as any other change is, so recovery needs nothing of its own: after a crash it is half a
//! tenant in that state. Nothing of it is acknowledged before the end, and the end is synced with all before it: so
//! the steps between need no sync.

use super::append::{Arrival, batch_meta, set_keys};
use super::{Draft, Group, Machine};
use crate::catalog::NewTopic;
use crate::catalog::acl;
use crate::catalog::audit::AuditEvent;
use crate::catalog::groups::{ImportedGroup, ImportedProgress};
use crate::catalog::plans::quotas_row;
use crate::catalog::tenants::{Suspension, Tenant};
use crate::catalog::users::User;
use crate::catalog::view::LogBounds;
use crate::command::{Append, Place};
use crate::error::StorageError;
use crate::journal::Entry;
use crate::keys::{self, QuotaPart};
use crate::log::Head;
use crate::operation::{BatchMeta, Operation};
use crate::rows::{TenantRow, TrimRow};
use levee_types::acl::AclRule;
use levee_types::limits::{MAX_ACL_RULES_PER_TENANT, MAX_QUOTA_TARGETS_PER_TENANT, MAX_USERS_PER_TENANT};
use levee_types::quota::{Dimension, Quotas};
use levee_types::topic::Properties;
use levee_types::{
    ErrorCode, LeveeError, PartitionId, PlanName, TenantId, TenantName, TopicName, UserId, UserName,
};
use std::collections::HashSet;

/// What quotas of an import are for, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaTarget {
    /// One of its users.
    User(UserName),
    /// One of its topics.
    Topic(TopicName),
}

impl Machine {
    /// Makes the tenant, with its own quotas, which what follows is counted against.
    pub(crate) fn begin_import(
        &mut self,
        name: &TenantName,
        plan: &PlanName,
        quotas: &Quotas,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<Tenant, StorageError> {
        let (tenant, is_new) = self.create_tenant(name, plan, Suspension::Importing, draft, now_ms)?;
        if !is_new {
            let message = format!("there is a tenant {:?} already", name.as_str());
            return Err(refused(ErrorCode::AlreadyExists, message, "import it under another name"));
        }
        if !quotas.0.is_empty() {
            draft.put_row(keys::quotas(tenant.id, QuotaPart::Tenant), &quotas_row(quotas));
        }
        Ok(tenant)
    }

    /// Refuses a tenant that is not being imported.
    pub(crate) fn require_importing(&self, tenant: TenantId) -> Result<TenantRow, StorageError> {
        let row = self.tenant_row(tenant)?;
        if row.suspension == Suspension::Importing as u32 && row.delete_at_ms.is_none() {
            return Ok(row);
        }
        let message = format!("tenant {} is not being imported", row.name);
        Err(refused(ErrorCode::InvalidArgument, message, "import it again, under a name that is free"))
    }

    /// Makes users as they were, but for their ids.
    pub(crate) fn import_users(
        &mut self,
        tenant: TenantId,
        users: Vec<User>,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let mut counters = self.tenant_counters(tenant)?;
        // What the draft has is not among the rows yet.
        let (mut names, mut certificates) = (HashSet::new(), HashSet::new());
        for user in users {
            if counters.users >= MAX_USERS_PER_TENANT {
                let what = "users of this tenant";
                return Err(StorageError::LimitExceeded { what, limit: MAX_USERS_PER_TENANT });
            }
            if self.user(tenant, &user.name)?.is_some() || !names.insert(user.name.clone()) {
                return Err(twice("user", user.name.as_str()));
            }
            if let Some(name) = user.certificates.iter().find(|name| !certificates.insert((*name).clone())) {
                return Err(twice("certificate name", name));
            }
            counters.users += 1;
            counters.last_user += 1;
            let id = UserId(counters.last_user);
            self.take_certificates(tenant, id, &user.certificates, draft)?;
            draft.put(keys::user_by_name(tenant, &user.name), id.0.to_le_bytes().to_vec());
            draft.put_row(keys::user(tenant, id), &user.to_row());
        }
        draft.put_row(keys::tenant_counters(tenant), &counters);
        Ok(())
    }

    /// Makes access rules as they were, with their ids, in the order of these.
    pub(crate) fn import_acl_rules(
        &mut self,
        tenant: TenantId,
        rules: &[AclRule],
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let mut counters = self.tenant_counters(tenant)?;
        for rule in rules {
            if counters.rules >= MAX_ACL_RULES_PER_TENANT {
                let what = "access rules of this tenant";
                return Err(StorageError::LimitExceeded { what, limit: MAX_ACL_RULES_PER_TENANT });
            }
            if rule.id <= counters.last_rule {
                let message = format!("access rule {} is not behind the one before it", rule.id);
                return Err(refused(ErrorCode::InvalidArgument, message, OF_ANOTHER_KIND));
            }
            counters.rules += 1;
            counters.last_rule = rule.id;
            draft.put_row(keys::acl_rule(tenant, rule.id), &acl::to_row(rule));
        }
        draft.put_row(keys::tenant_counters(tenant), &counters);
        Ok(())
    }

    /// Sets the defaults of its topics.
    pub(crate) fn import_topic_defaults(
        &mut self,
        tenant: TenantId,
        topic_defaults: Properties,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let row = TenantRow { topic_defaults, ..self.require_importing(tenant)? };
        self.put_tenant(tenant, &row, draft).map(drop)
    }

    /// Makes topics as they were, but for their ids, each with the time of its creation.
    pub(crate) fn import_topics(
        &mut self,
        tenant: TenantId,
        topics: Vec<(NewTopic, i64)>,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        for made in self.create_topics(tenant, topics, draft)? {
            if let (topic, false) = made? {
                return Err(twice("topic", topic.name.as_str()));
            }
        }
        Ok(())
    }

    /// Sets the quotas of users and topics.
    pub(crate) fn import_quotas(
        &mut self,
        tenant: TenantId,
        all: &[(QuotaTarget, Quotas)],
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let mut counters = self.tenant_counters(tenant)?;
        let mut set = HashSet::new();
        for (target, quotas) in all {
            let part = match target {
                QuotaTarget::User(name) => {
                    QuotaPart::User(self.user(tenant, name)?.ok_or(StorageError::NoUser)?.id)
                }
                QuotaTarget::Topic(name) => {
                    QuotaPart::Topic(self.topic(tenant, name)?.ok_or(StorageError::NoTopic)?.id)
                }
            };
            let key = keys::quotas(tenant, part);
            if !set.insert(part) || self.row::<crate::rows::QuotasRow>(&key)?.is_some() {
                return Err(twice("set of quotas of", target.name()));
            }
            if counters.quota_parts >= MAX_QUOTA_TARGETS_PER_TENANT {
                let what = "users and topics with quotas of their own";
                return Err(StorageError::LimitExceeded { what, limit: MAX_QUOTA_TARGETS_PER_TENANT });
            }
            counters.quota_parts += 1;
            draft.put_row(key, &quotas_row(quotas));
        }
        draft.put_row(keys::tenant_counters(tenant), &counters);
        Ok(())
    }

    /// Makes a group as it was, but for its id.
    pub(crate) fn import_group(
        &mut self,
        tenant: TenantId,
        group: ImportedGroup,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let ImportedGroup { name, kind, created_ms, progress } = group;
        let (made, is_new) = self.open_group(tenant, name, kind, draft, created_ms)?;
        if !is_new {
            return Err(twice("group", made.name.as_str()));
        }
        let mut seen = HashSet::new();
        for ImportedProgress { topic, partition, progress } in progress {
            let topic = self.topic(tenant, &topic)?.ok_or(StorageError::NoTopic)?;
            if !seen.insert((topic.id, partition)) {
                return Err(twice("progress in topic", topic.name.as_str()));
            }
            let partition = PartitionId { tenant, topic: topic.id, partition };
            self.set_progress(made.id, partition, progress, draft)?;
        }
        Ok(())
    }

    /// Has the log of a partition begin where it began, before anything is in it.
    pub(crate) fn import_start(
        &mut self,
        partition: PartitionId,
        bounds: LogBounds,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let head = self.head(partition)?;
        let LogBounds { start, first, end } = bounds;
        let empty = Head { is_table: head.is_table, ..Head::default() };
        if head != empty || first > start || start > end {
            let message = format!("the log of partition {partition} cannot begin at {start}");
            return Err(refused(ErrorCode::InvalidArgument, message, OF_ANOTHER_KIND));
        }
        if start > 0 {
            draft.put_row(keys::trim(partition), &TrimRow { start, end: first, ..TrimRow::default() });
            self.heads.insert(partition, Head { start, end: first, ..head });
        }
        Ok(())
    }

    /// Appends a batch at the place that it had. It counts as stored, and not as appended by the tenant.
    pub(super) fn import_batch(
        &mut self,
        append: Append,
        place: Place,
        group: &mut Group,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let tenant = append.partition.tenant;
        self.require_importing(tenant)?;
        let head = self.head(append.partition)?;
        if place.base_offset != head.end {
            let message =
                format!("the batch begins at offset {}, and the log ends at {}", place.base_offset, head.end);
            return Err(refused(ErrorCode::InvalidArgument, message, OF_ANOTHER_KIND));
        }
        let bytes = append.batch.len() as u64;
        let totals = self.totals(tenant)?;
        if let Some(limit) = self.count_limits(tenant)?.storage
            && totals.stored_bytes.saturating_add(bytes) > limit
        {
            return Err(self.at_limit(tenant, Dimension::Storage, limit));
        }
        let totals = totals.store(bytes, now_ms);
        let batch = BatchMeta {
            totals: Some(totals),
            ..batch_meta(&Arrival::of(&append), head, place.append_time_ms)?
        };
        let keys = set_keys(head, append.keys.as_ref(), &batch)?;
        // From here on nothing fails: what is remembered is what is written. Nobody follows the tail yet.
        self.extend(head, totals, &batch);
        let mut entry = Entry { operations: vec![Operation::Append(batch)], payload: vec![append.batch] };
        if let Some((operation, bytes)) = keys {
            entry.operations.push(operation);
            entry.payload.push(bytes);
        }
        group.add(entry, false);
        Ok(())
    }

    /// Gives the tenant the state that it is to have from now on.
    pub(crate) fn finish_import(
        &mut self,
        tenant: TenantId,
        state: Suspension,
        draft: &mut Draft,
    ) -> Result<Tenant, StorageError> {
        let mut row = self.require_importing(tenant)?;
        row.suspension = state as u32;
        self.put_tenant(tenant, &row, draft)
    }

    /// Deletes what there is of the tenant, if there is anything and it is still being imported.
    pub(crate) fn discard_import(
        &mut self,
        tenant: TenantId,
        receipt: AuditEvent,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        match self.row::<TenantRow>(&keys::tenant(tenant))? {
            Some(row) if row.suspension == Suspension::Importing as u32 => {
                self.purge_tenant(tenant, receipt, draft, now_ms)
            }
            _ => Ok(()),
        }
    }
}

impl QuotaTarget {
    fn name(&self) -> &str {
        match self {
            Self::User(name) => name.as_str(),
            Self::Topic(name) => name.as_str(),
        }
    }
}

/// What to do about parts that no export has.
const OF_ANOTHER_KIND: &str = "import what levee tenant export wrote, as it is";

fn refused(code: ErrorCode, message: String, hint: &str) -> StorageError {
    StorageError::Invalid(LeveeError::new(code, message).with_hint(hint))
}

fn twice(what: &str, name: &str) -> StorageError {
    refused(ErrorCode::InvalidArgument, format!("there is a {what} {name:?} twice"), OF_ANOTHER_KIND)
}
