//! A tenant as it was at one moment: what its requests are decided on.

use crate::admission::Limits;
use levee_storage::{QuotaPart, Shard, Suspension, Tenant, Token, User};
use levee_types::acl::AclPolicy;
use levee_types::limits::DEFAULT_PLAN_WEIGHT;
use levee_types::quota::Quotas;
use levee_types::{LeveeError, PlanName, TenantId, TokenId, UserId, UserName};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Users and tokens that are remembered; beyond it they are read again when needed.
const REMEMBERED: usize = 10_000;
/// Rules that are read at a time.
const RULES_AT_ONCE: usize = 1_000;

/// A tenant at one moment.
pub struct Snapshot {
    id: TenantId,
    /// None for the system.
    tenant: Option<Tenant>,
    policy: AclPolicy,
    weight: u32,
    limits: Limits,
    shard: Shard,
    users: Remembered<UserId, User>,
    ids: Remembered<UserName, UserId>,
    tokens: Remembered<TokenId, Token>,
}

impl Snapshot {
    /// None: there is no such tenant.
    pub(super) fn read(shard: &Shard, id: TenantId) -> Result<Option<Self>, LeveeError> {
        let tenant = match id {
            TenantId::SYSTEM => None,
            id => match shard.tenant_by_id(id)? {
                Some(tenant) => Some(tenant),
                None => return Ok(None),
            },
        };
        let mut rules = Vec::new();
        let mut after = Some(0);
        while let Some(from) = after {
            let page = shard.list_acl_rules(id, from, RULES_AT_ONCE)?;
            after = page.next.and_then(|_| page.items.last()).map(|rule| rule.id);
            rules.extend(page.items);
        }
        let (weight, limits) = match &tenant {
            Some(tenant) => limits(shard, tenant)?,
            None => (DEFAULT_PLAN_WEIGHT, Limits::default()),
        };
        Ok(Some(Self {
            id,
            tenant,
            policy: AclPolicy::compile(rules),
            weight,
            limits,
            shard: shard.clone(),
            users: Remembered::default(),
            ids: Remembered::default(),
            tokens: Remembered::default(),
        }))
    }

    /// The tenant; none for the system.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// What it must not do for now.
    #[must_use]
    pub fn suspension(&self) -> Suspension {
        self.tenant.as_ref().map_or(Suspension::None, |tenant| tenant.suspension)
    }

    /// Whether it is being deleted.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.tenant.as_ref().is_some_and(|tenant| tenant.delete_at_ms.is_some())
    }

    /// Its access rules.
    #[must_use]
    pub fn policy(&self) -> &AclPolicy {
        &self.policy
    }

    /// Its share of work that waits.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Its quotas.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A user of it. From memory, mostly.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn user(&self, id: UserId) -> Result<Option<Arc<User>>, LeveeError> {
        self.users.get_or_read(&id, || Ok(self.shard.user_by_id(self.id, id)?))
    }

    /// A user of it by its name. From memory, mostly.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn user_named(&self, name: &UserName) -> Result<Option<Arc<User>>, LeveeError> {
        let id = self.ids.get_or_read(name, || Ok(self.shard.user(self.id, name)?.map(|user| user.id)))?;
        match id {
            Some(id) => self.user(*id),
            None => Ok(None),
        }
    }

    /// A token of it that was read before.
    #[must_use]
    pub fn remembered_token(&self, id: TokenId) -> Option<Arc<Token>> {
        self.tokens.get(&id)
    }

    /// A token of it. From memory, mostly.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn token(&self, id: TokenId) -> Result<Option<Arc<Token>>, LeveeError> {
        self.tokens.get_or_read(&id, || Ok(self.shard.token(id)?))
    }
}

/// The weight and the limits of a tenant, out of its plan and what was set for it and its parts.
fn limits(shard: &Shard, tenant: &Tenant) -> Result<(u32, Limits), LeveeError> {
    let plan = shard.plan(&tenant.plan)?.ok_or_else(|| no_plan(&tenant.plan))?;
    let (mut own, mut users, mut topics): (_, Vec<(UserName, Quotas)>, Vec<_>) =
        (Quotas::default(), Vec::new(), Vec::new());
    for (part, quotas) in shard.quotas(tenant.id)? {
        match part {
            QuotaPart::Tenant => own = quotas,
            QuotaPart::User(id) => {
                users.extend(shard.user_by_id(tenant.id, id)?.map(|user| (user.name, quotas)));
            }
            QuotaPart::Topic(id) => {
                topics.extend(shard.topic_by_id(tenant.id, id)?.map(|topic| (topic.name.clone(), quotas)));
            }
        }
    }
    let limits = Limits::new(tenant.name.clone(), tenant.plan.clone(), &plan.plan, &own, users, topics);
    Ok((plan.plan.weight, limits))
}

fn no_plan(name: &PlanName) -> LeveeError {
    tracing::error!(plan = %name, "a tenant has a plan that does not exist");
    LeveeError::new(levee_types::ErrorCode::Internal, "the broker met a defect of its own")
}

/// Rows that were read, for as long as the snapshot lives. What does not exist is not remembered.
struct Remembered<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, V> Remembered<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn get_or_read(
        &self,
        key: &K,
        read: impl FnOnce() -> Result<Option<V>, LeveeError>,
    ) -> Result<Option<Arc<V>>, LeveeError> {
        if let Some(known) = self.get(key) {
            return Ok(Some(known));
        }
        let Some(value) = read()?.map(Arc::new) else { return Ok(None) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key.clone(), Arc::clone(&value));
        Ok(Some(value))
    }
}
