//! Quotas as people set them.

use super::{Action, Dimension};
use crate::error::{ErrorCode, LeveeError};
use crate::limits::{MAX_QUOTA_RATE, MAX_QUOTA_TOTAL};
use std::collections::BTreeMap;

/// One quota, as it was set. See [`Quota::check`] for what may be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Per second, or in total. None: no limit, explicitly.
    pub limit: Option<u64>,
    /// What may come at once after a pause, in the unit of the limit. None: what the rate gives in a tenth of a second.
    pub burst: Option<u64>,
    /// Percent of the limit at which a warning is due. None: 80.
    pub soft_percent: Option<u8>,
    /// What happens beyond the limit. None: throttle for rates, reject for totals.
    pub action: Option<Action>,
}

impl Quota {
    /// Only a limit; the rest is the default.
    #[must_use]
    pub fn of(limit: u64) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// Explicitly no limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Whether it can be a quota of this dimension.
    ///
    /// # Errors
    /// INVALID_ARGUMENT that names the field as `dimension.field`, and what it takes: limits of rates 1 to
    /// [`MAX_QUOTA_RATE`], of totals 0 to [`MAX_QUOTA_TOTAL`]; bursts, of rates only, 1 to [`MAX_QUOTA_RATE`];
    /// `soft_percent` 1 to 100; throttle for rates and trim-oldest for storage only. Without a limit the other fields
    /// would do nothing, so they are refused.
    pub fn check(&self, dimension: Dimension) -> Result<(), LeveeError> {
        let Self { limit, burst, soft_percent, action } = *self;
        let Some(limit) = limit else {
            let extra = [("burst", burst.is_some()), ("soft_percent", soft_percent.is_some())];
            let extra = extra.into_iter().chain([("action", action.is_some())]);
            return match extra.into_iter().find(|(_, is_set)| *is_set) {
                Some((field, _)) => Err(invalid(
                    dimension,
                    field,
                    "it does nothing without a limit",
                    "give a limit too, or leave it out",
                )),
                None => Ok(()),
            };
        };
        let range = if dimension.is_rate() { 1..=MAX_QUOTA_RATE } else { 0..=MAX_QUOTA_TOTAL };
        if !range.contains(&limit) {
            return Err(out_of_range(dimension, "limit", limit, *range.start(), *range.end()));
        }
        match burst {
            Some(_) if !dimension.is_rate() => {
                return Err(invalid(dimension, "burst", "only rates have one", "leave it out"));
            }
            Some(burst) if !(1..=MAX_QUOTA_RATE).contains(&burst) => {
                return Err(out_of_range(dimension, "burst", burst, 1, MAX_QUOTA_RATE));
            }
            _ => {}
        }
        if let Some(percent) = soft_percent.filter(|percent| !(1..=100).contains(percent)) {
            return Err(out_of_range(dimension, "soft_percent", percent.into(), 1, 100));
        }
        if action == Some(Action::Throttle) && !dimension.is_rate() {
            let hint = "give reject or observe";
            return Err(invalid(dimension, "action", "only rates can be throttled", hint));
        }
        if action == Some(Action::TrimOldest) && dimension != Dimension::Storage {
            let hint = if dimension.is_rate() {
                "give throttle, reject or observe"
            } else {
                "give reject or observe"
            };
            return Err(invalid(dimension, "action", "only storage can be trimmed", hint));
        }
        Ok(())
    }
}

/// The quotas of a plan, a tenant, a user or a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quotas(pub BTreeMap<Dimension, Quota>);

impl Quotas {
    /// The quota of a dimension, if it is set.
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> Option<&Quota> {
        self.0.get(&dimension)
    }

    /// Checks them as those of a plan or tenant.
    ///
    /// # Errors
    /// Those of [`Quota::check`].
    pub fn check(&self) -> Result<(), LeveeError> {
        self.0.iter().try_for_each(|(dimension, quota)| quota.check(*dimension))
    }

    /// Checks them as those of a user or topic.
    ///
    /// # Errors
    /// Those of [`Quota::check`]; INVALID_ARGUMENT for a dimension that only tenants have.
    pub fn check_part(&self) -> Result<(), LeveeError> {
        match self.0.keys().find(|dimension| !dimension.of_part()) {
            Some(dimension) => {
                let parts: Vec<_> =
                    Dimension::ALL.into_iter().filter(|one| one.of_part()).map(Dimension::name).collect();
                Err(LeveeError::new(
                    ErrorCode::InvalidArgument,
                    format!("{dimension}: users and topics have no quota of it"),
                )
                .with_hint(format!("set it for the tenant; users and topics have: {}", parts.join(", "))))
            }
            None => self.check(),
        }
    }
}

impl FromIterator<(Dimension, Quota)> for Quotas {
    fn from_iter<T: IntoIterator<Item = (Dimension, Quota)>>(quotas: T) -> Self {
        Self(quotas.into_iter().collect())
    }
}

fn out_of_range(dimension: Dimension, field: &str, value: u64, from: u64, to: u64) -> LeveeError {
    let problem = format!("{value} is out of range; it takes {from} to {to}");
    invalid(dimension, field, &problem, &format!("give {from} to {to}"))
}

fn invalid(dimension: Dimension, field: &str, problem: &str, hint: &str) -> LeveeError {
    LeveeError::new(ErrorCode::InvalidArgument, format!("{dimension}.{field}: {problem}")).with_hint(hint)
}

#[cfg(test)]
mod tests;
