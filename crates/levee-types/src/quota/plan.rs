//! Plans: named sets of quotas that tenants are created from.

use super::{Dimension, Quota, Quotas};

/// The plan of tenants that are created without one: every dimension has its default.
pub const DEFAULT_PLAN: &str = "default";
/// The plan without any limit.
pub const UNLIMITED_PLAN: &str = "unlimited";
/// The weight of a plan that says nothing.
pub const DEFAULT_WEIGHT: u32 = 10;
/// The largest weight; the smallest is 1.
pub const MAX_WEIGHT: u32 = 100;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The share of work that waits, against other tenants: 1 to [`MAX_WEIGHT`].
    pub weight: u32,
    /// What is not among them has its default.
    pub quotas: Quotas,
}

impl Plan {
    /// A plan that every broker has; none for another name.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let mut quotas = Quotas::default();
        match name {
            DEFAULT_PLAN => {}
            UNLIMITED_PLAN => {
                for dimension in Dimension::ALL {
                    quotas.set(dimension, Quota::default());
                }
            }
            _ => return None,
        }
        Some(Self { weight: DEFAULT_WEIGHT, quotas })
    }
}
