//! Plans: what tenants are created from.

use super::{Dimension, Quota, Quotas};
use crate::error::{ErrorCode, LeveeError};
use crate::limits::{DEFAULT_PLAN_WEIGHT, MAX_PLAN_WEIGHT};
use crate::name::PlanName;

/// A named set of quotas; the name is its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The share of work that waits, against other tenants: 1 to 100, default 10.
    pub weight: u32,
    /// What is absent has the broker's default.
    pub quotas: Quotas,
}

impl Plan {
    /// The name of the built-in plan in which everything has the broker's default: 10 MiB/s in, 20 MiB/s out,
    /// 2,000 requests/s, 20 administrative changes/s, 200 connections, 100 GiB stored, 1,000 topics, 5,000 partitions,
    /// 10,000 producers.
    pub const DEFAULT: &str = "default";
    /// The name of the built-in plan without limits.
    pub const UNLIMITED: &str = "unlimited";

    /// The plan of this name that exists without being created.
    #[must_use]
    pub fn built_in(name: &PlanName) -> Option<Self> {
        let quotas = match name.as_str() {
            Self::DEFAULT => Quotas::default(),
            Self::UNLIMITED => {
                Dimension::ALL.into_iter().map(|dimension| (dimension, Quota::unlimited())).collect()
            }
            _ => return None,
        };
        Some(Self { weight: DEFAULT_PLAN_WEIGHT, quotas })
    }

    /// Whether it can be a plan.
    ///
    /// # Errors
    /// INVALID_ARGUMENT that names the field, for a weight outside of 1 to 100, and those of [`Quota::check`].
    pub fn check(&self) -> Result<(), LeveeError> {
        if !(1..=MAX_PLAN_WEIGHT).contains(&self.weight) {
            return Err(LeveeError::new(
                ErrorCode::InvalidArgument,
                format!("weight: {} is out of range; it takes 1 to {MAX_PLAN_WEIGHT}", self.weight),
            )
            .with_hint(format!("give 1 to {MAX_PLAN_WEIGHT}; without one it is {DEFAULT_PLAN_WEIGHT}")));
        }
        self.quotas.check()
    }
}

#[cfg(test)]
mod tests;
