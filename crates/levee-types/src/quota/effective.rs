//! Which quota holds, and where it comes from.

use super::{Action, Dimension, Plan, Quota, Quotas};
use crate::limits::DEFAULT_SOFT_PERCENT;

/// Where a quota comes from. The numbers are those of `levee.v1.QuotaSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Source {
    /// The broker.
    Default = 1,
    /// The plan of the tenant.
    Plan = 2,
    /// Set for the tenant.
    Tenant = 3,
    /// Set for the user.
    User = 4,
    /// Set for the topic.
    Topic = 5,
}

impl Source {
    /// As people read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Plan => "plan",
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Topic => "topic",
        }
    }
}

/// A quota that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective {
    /// Per second, or in total. None: no limit.
    pub limit: Option<u64>,
    /// What may come at once after a pause; of limited rates only.
    pub burst: Option<u64>,
    /// Percent of the limit at which a warning is due.
    pub soft_percent: u8,
    /// What happens beyond the limit.
    pub action: Action,
    /// Where it comes from.
    pub source: Source,
}

impl Effective {
    /// What holds for a tenant that has `plan` and the quotas `tenant` of its own.
    #[must_use]
    pub fn of_tenant(dimension: Dimension, plan: &Plan, tenant: &Quotas) -> Self {
        if let Some(quota) = tenant.get(dimension) {
            return Self::of_quota(dimension, quota, Source::Tenant);
        }
        if let Some(quota) = plan.quotas.get(dimension) {
            return Self::of_quota(dimension, quota, Source::Plan);
        }
        Self::of_quota(dimension, &Quota::of(dimension.default_limit()), Source::Default)
    }

    /// What holds for a user or topic with the quotas `own`: nothing that is not set for it.
    #[must_use]
    pub fn of_part(dimension: Dimension, own: &Quotas, source: Source) -> Self {
        match own.get(dimension) {
            Some(quota) => Self::of_quota(dimension, quota, source),
            None => Self::of_quota(dimension, &Quota::unlimited(), Source::Default),
        }
    }

    /// The quota with its gaps filled.
    fn of_quota(dimension: Dimension, quota: &Quota, source: Source) -> Self {
        let Quota { limit, burst, soft_percent, action } = *quota;
        let burst = limit.filter(|_| dimension.is_rate()).map(|limit| burst.unwrap_or((limit / 10).max(1)));
        Self {
            limit,
            burst,
            soft_percent: soft_percent.unwrap_or(DEFAULT_SOFT_PERCENT),
            action: action.unwrap_or(dimension.default_action()),
            source,
        }
    }

    /// From how much on a warning is due; none without a limit.
    #[must_use]
    pub fn soft_mark(&self) -> Option<u64> {
        let mark = |limit: u64| u128::from(limit) * u128::from(self.soft_percent) / 100;
        self.limit.map(|limit| u64::try_from(mark(limit)).unwrap_or(limit))
    }
}

/// The quotas that hold for a tenant, of every dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveQuotas([Effective; Dimension::ALL.len()]);

impl EffectiveQuotas {
    /// Those of a tenant that has `plan` and the quotas `tenant` of its own.
    #[must_use]
    pub fn of_tenant(plan: &Plan, tenant: &Quotas) -> Self {
        Self(Dimension::ALL.map(|dimension| Effective::of_tenant(dimension, plan, tenant)))
    }

    /// The one of a dimension.
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> &Effective {
        // The dimensions are numbered from 1 without a gap, which a test holds.
        &self.0[dimension as usize - 1]
    }
}

#[cfg(test)]
mod tests;
