//! The quotas of a tenant, evaluated.

use levee_types::quota::{Dimension, Effective, EffectiveQuotas, Plan, Quota, Quotas, Source};
use levee_types::{PlanName, TenantName, TopicName, UserName};

/// The quotas that hold for a tenant and its parts.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    tenant: Option<(TenantName, PlanName)>,
    all: Option<EffectiveQuotas>,
    users: Vec<(UserName, Quotas)>,
    topics: Vec<(TopicName, Quotas)>,
}

impl Limits {
    /// Those of a plan and a tenant, and those that were set for users and topics.
    #[must_use]
    pub fn new(
        tenant: TenantName,
        plan: PlanName,
        planned: &Plan,
        own: &Quotas,
        users: Vec<(UserName, Quotas)>,
        topics: Vec<(TopicName, Quotas)>,
    ) -> Self {
        let all = EffectiveQuotas::of_tenant(planned, own);
        Self { tenant: Some((tenant, plan)), all: Some(all), users, topics }
    }

    /// The quota of the tenant; none for the system, which has none.
    #[must_use]
    pub fn of(&self, dimension: Dimension) -> Option<Effective> {
        self.all.as_ref().map(|all| *all.get(dimension))
    }

    /// Those of users.
    #[must_use]
    pub fn users(&self) -> &[(UserName, Quotas)] {
        &self.users
    }

    /// Those of topics.
    #[must_use]
    pub fn topics(&self) -> &[(TopicName, Quotas)] {
        &self.topics
    }

    pub(super) fn tenant_name(&self) -> &str {
        self.tenant.as_ref().map_or("system", |(name, _)| name.as_str())
    }
}

/// The quota of a user or a topic, if one was set for it.
pub(super) fn of_part(quotas: &Quotas, dimension: Dimension, source: Source) -> Option<Effective> {
    quotas.get(dimension).map(|_| Effective::of_part(dimension, quotas, source))
}

/// What all tenants may use together, per second; 0: any amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeRates {
    /// Bytes that are appended.
    pub ingress: u64,
    /// Bytes that are sent to readers.
    pub egress: u64,
    /// Calls, and messages within streams.
    pub requests: u64,
}

impl NodeRates {
    pub(super) fn limits(self) -> impl Iterator<Item = (Dimension, Quota)> {
        [
            (Dimension::Ingress, self.ingress),
            (Dimension::Egress, self.egress),
            (Dimension::Requests, self.requests),
        ]
        .into_iter()
        .filter(|(_, limit)| *limit > 0)
        .map(|(dimension, limit)| (dimension, Quota::of(limit)))
    }
}
