//! Plans and quotas: what a tenant may use, and the evaluation of where each limit comes from.
//!
//! A quota of a tenant wins over that of its plan, and that over the default. It wins as a whole: a field that
//! it leaves out has the default of that field, not the value of the plan.

mod dimension;
mod plan;
mod simulate;

#[cfg(test)]
mod tests;

pub use dimension::Dimension;
pub use plan::{DEFAULT_PLAN, DEFAULT_WEIGHT, MAX_WEIGHT, Plan, UNLIMITED_PLAN};
pub use simulate::{HourOfUse, Overrun, simulate};

use crate::error::{ErrorCode, LeveeError};
use std::collections::BTreeMap;

/// Percent of a limit at which warnings begin, unless a quota says otherwise.
pub const DEFAULT_SOFT_PERCENT: u8 = 80;
/// The largest limit: 1 EiB, or as many of anything.
pub const MAX_LIMIT: u64 = 1 << 60;

/// What happens to a request beyond a limit. The numbers are those of `levee.v1.QuotaAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// It is delayed. For rates only.
    Throttle = 1,
    /// It is refused.
    Reject = 2,
    /// It is counted, and goes through.
    Observe = 3,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Throttle, Self::Reject, Self::Observe];

    /// The action of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u32 == number)
    }

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Reject => "reject",
            Self::Observe => "observe",
        }
    }
}

/// A quota as somebody set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Per second for rates, in total otherwise; 0 only in total. None: no limit.
    pub limit: Option<u64>,
    /// What may come at once after a pause; rates only. None: a tenth of the limit, at least 1.
    pub burst: Option<u64>,
    /// Percent of the limit at which warnings begin, 1 to 100. None: [`DEFAULT_SOFT_PERCENT`].
    pub soft_percent: Option<u8>,
    /// None: throttle for rates, reject for totals.
    pub action: Option<Action>,
}

impl Quota {
    /// Only a limit.
    #[must_use]
    pub fn of(limit: u64) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Names the field and what it takes.
    pub fn check(&self, dimension: Dimension) -> Result<(), LeveeError> {
        let name = dimension.name();
        let refuse = |field: &str, problem: String, hint: &str| {
            let message = format!("quota {name}: {field}: {problem}");
            Err(LeveeError::new(ErrorCode::InvalidArgument, message).with_hint(hint))
        };
        let least = u64::from(dimension.is_rate());
        if let Some(limit) = self.limit
            && !(least..=MAX_LIMIT).contains(&limit)
        {
            let problem = format!("{limit} is out of range; it takes {least} to {MAX_LIMIT}");
            return refuse("limit", problem, "give a limit in that range, or unlimited");
        }
        if let Some(burst) = self.burst {
            if !dimension.is_rate() {
                return refuse("burst", "only rates have one".to_owned(), "leave it out");
            }
            if !(1..=MAX_LIMIT).contains(&burst) {
                let problem = format!("{burst} is out of range; it takes 1 to {MAX_LIMIT}");
                return refuse("burst", problem, "give a burst in that range");
            }
        }
        if let Some(percent) = self.soft_percent
            && !(1..=100).contains(&percent)
        {
            let problem = format!("{percent} is out of range; it takes 1 to 100");
            return refuse("soft", problem, "give 1 to 100");
        }
        if self.action == Some(Action::Throttle) && !dimension.is_rate() {
            let problem = "what is counted in total cannot be delayed".to_owned();
            return refuse("action", problem, "give reject or observe");
        }
        Ok(())
    }
}

/// Quotas by what they limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quotas(BTreeMap<Dimension, Quota>);

impl Quotas {
    /// Sets one.
    pub fn set(&mut self, dimension: Dimension, quota: Quota) {
        self.0.insert(dimension, quota);
    }

    /// Returns one to where it is inherited from.
    pub fn unset(&mut self, dimension: Dimension) {
        self.0.remove(&dimension);
    }

    /// One, if it is set.
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> Option<&Quota> {
        self.0.get(&dimension)
    }

    /// Those that are set.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &Quota)> {
        self.0.iter().map(|(dimension, quota)| (*dimension, quota))
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a quota comes from. The numbers are those of `levee.v1.QuotaSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Source {
    /// Nobody set it.
    Default = 1,
    /// The tenant's plan.
    Plan = 2,
    /// The tenant.
    Tenant = 3,
    /// One of its users.
    User = 4,
    /// One of its topics.
    Topic = 5,
}

/// A quota that holds, with every field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective {
    /// None: no limit.
    pub limit: Option<u64>,
    /// What may come at once after a pause; 0 for totals and without a limit.
    pub burst: u64,
    /// Percent of the limit at which warnings begin.
    pub soft_percent: u8,
    /// What happens beyond the limit.
    pub action: Action,
    /// Where it comes from.
    pub source: Source,
}

impl Effective {
    /// A quota with its defaults.
    #[must_use]
    pub fn of(dimension: Dimension, quota: Quota, source: Source) -> Self {
        let usual = if dimension.is_rate() { Action::Throttle } else { Action::Reject };
        let burst = match quota.limit {
            Some(limit) if dimension.is_rate() => quota.burst.unwrap_or((limit / 10).max(1)),
            _ => 0,
        };
        Self {
            limit: quota.limit,
            burst,
            soft_percent: quota.soft_percent.unwrap_or(DEFAULT_SOFT_PERCENT),
            action: quota.action.unwrap_or(usual),
            source,
        }
    }
}

/// The quota of a tenant that holds.
#[must_use]
pub fn effective(dimension: Dimension, plan: &Quotas, tenant: &Quotas) -> Effective {
    let (quota, source) = match (tenant.get(dimension), plan.get(dimension)) {
        (Some(own), _) => (*own, Source::Tenant),
        (None, Some(planned)) => (*planned, Source::Plan),
        (None, None) => (Quota { limit: dimension.default_limit(), ..Quota::default() }, Source::Default),
    };
    Effective::of(dimension, quota, source)
}
