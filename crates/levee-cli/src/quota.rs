//! Quotas as people write and read them: `ingress=5MB/s`, `storage=10GiB`, `topics=100`, with options after
//! commas. What is shown can be given again.

use crate::failure::Failure;
use crate::units::{parse_count, parse_size, show_exact_size};
use levee_client::v1::{Quota, QuotaAction, QuotaDimension};
use serde_json::{Value, json};
use std::collections::HashSet;

/// What the limit of a dimension counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Bytes a second.
    ByteRate,
    /// Things a second.
    Rate,
    /// Bytes in total.
    Bytes,
    /// Things in total.
    Count,
}

/// Every dimension, as it is called, in the order in which they are shown.
const DIMENSIONS: [(&str, QuotaDimension, Unit); 9] = [
    ("ingress", QuotaDimension::Ingress, Unit::ByteRate),
    ("egress", QuotaDimension::Egress, Unit::ByteRate),
    ("requests", QuotaDimension::Requests, Unit::Rate),
    ("admin", QuotaDimension::Admin, Unit::Rate),
    ("connections", QuotaDimension::Connections, Unit::Count),
    ("storage", QuotaDimension::Storage, Unit::Bytes),
    ("topics", QuotaDimension::Topics, Unit::Count),
    ("partitions", QuotaDimension::Partitions, Unit::Count),
    ("producers", QuotaDimension::Producers, Unit::Count),
];

const ACTIONS: [(&str, QuotaAction); 3] =
    [("throttle", QuotaAction::Throttle), ("reject", QuotaAction::Reject), ("observe", QuotaAction::Observe)];

/// The dimension of this name.
///
/// # Errors
/// Says which there are.
pub(crate) fn parse_dimension(text: &str) -> Result<QuotaDimension, String> {
    find(text).map(|(dimension, _)| dimension)
}

/// A quota, such as `ingress=5MB/s,burst=10MB`.
///
/// # Errors
/// Says how it is written.
pub(crate) fn parse_quota(text: &str) -> Result<Quota, String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("{text:?} is not DIMENSION=LIMIT, as ingress=5MB/s"));
    };
    let (dimension, unit) = find(name)?;
    let mut parts = value.split(',');
    let limit = parts.next().unwrap_or_default();
    let limit = if limit == "unlimited" { None } else { Some(unit.parse(name, limit)?) };
    let mut quota = Quota { dimension: dimension.into(), limit, ..Quota::default() };
    for option in parts {
        unit.take_option(name, option, &mut quota)?;
    }
    Ok(quota)
}

impl Unit {
    fn is_rate(self) -> bool {
        matches!(self, Self::ByteRate | Self::Rate)
    }

    fn parse(self, name: &str, text: &str) -> Result<u64, String> {
        let amount = match text.strip_suffix("/s") {
            Some(_) if !self.is_rate() => return Err(format!("{name} is a total: leave /s out of {text:?}")),
            Some(amount) => amount,
            None => text,
        };
        match self {
            Self::ByteRate | Self::Bytes => parse_size(amount),
            Self::Rate | Self::Count => parse_count(amount),
        }
    }

    fn take_option(self, name: &str, option: &str, quota: &mut Quota) -> Result<(), String> {
        let known = || format!("{option:?} is no option of {name}: there are burst=, soft= and action=");
        let twice =
            |is_there: bool| if is_there { Err(format!("{name}: {option:?} comes twice")) } else { Ok(()) };
        match option.split_once('=').ok_or_else(known)? {
            ("burst", _) if !self.is_rate() => Err(format!("{name} is a total, and burst is for rates")),
            ("burst", burst) => {
                twice(quota.burst.is_some())?;
                quota.burst = Some(match self {
                    Self::ByteRate | Self::Bytes => parse_size(burst)?,
                    Self::Rate | Self::Count => parse_count(burst)?,
                });
                Ok(())
            }
            ("soft", percent) => {
                twice(quota.soft_percent.is_some())?;
                let percent = percent.strip_suffix('%').unwrap_or(percent).parse().ok();
                let percent = percent.filter(|percent| (1..=100).contains(percent));
                quota.soft_percent =
                    Some(percent.ok_or_else(|| format!("{option:?} is not a percentage from 1 to 100"))?);
                Ok(())
            }
            ("action", action) => {
                twice(quota.action != 0)?;
                let (_, action) = ACTIONS.iter().find(|(known, _)| *known == action).ok_or_else(|| {
                    format!("{option:?} is no action: there are throttle, reject and observe")
                })?;
                if *action == QuotaAction::Throttle && !self.is_rate() {
                    return Err(format!("{name} is a total, and throttle is for rates"));
                }
                quota.set_action(*action);
                Ok(())
            }
            _ => Err(known()),
        }
    }

    fn show(self, amount: u64) -> String {
        match self {
            Self::ByteRate => format!("{}/s", show_exact_size(amount)),
            Self::Rate => format!("{amount}/s"),
            Self::Bytes => show_exact_size(amount),
            Self::Count => amount.to_string(),
        }
    }
}

fn find(name: &str) -> Result<(QuotaDimension, Unit), String> {
    let found = DIMENSIONS.iter().find(|(known, ..)| *known == name);
    found.map(|(_, dimension, unit)| (*dimension, *unit)).ok_or_else(|| {
        let known: Vec<_> = DIMENSIONS.iter().map(|(known, ..)| *known).collect();
        format!("there is no dimension {name:?}: there are {}", known.join(", "))
    })
}

fn of(dimension: QuotaDimension) -> Option<(&'static str, Unit)> {
    let found = DIMENSIONS.iter().find(|(_, known, _)| *known == dimension);
    found.map(|(name, _, unit)| (*name, *unit))
}

/// What a quota limits.
pub(crate) fn dimension(quota: &Quota) -> QuotaDimension {
    quota.dimension()
}

/// Checks that no dimension comes twice: which one would be meant?
///
/// # Errors
/// One does.
pub(crate) fn refuse_twice(dimensions: impl IntoIterator<Item = QuotaDimension>) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match dimensions.into_iter().find(|dimension| !seen.insert(*dimension)) {
        None => Ok(()),
        Some(twice) => Err(Failure::usage(format!("quota {} is given twice", name(twice)))),
    }
}

/// The name of a dimension.
pub(crate) fn name(dimension: QuotaDimension) -> &'static str {
    of(dimension).map_or("unknown", |(name, _)| name)
}

/// What is done beyond the limit; empty if it was not said.
pub(crate) fn show_action(action: QuotaAction) -> &'static str {
    ACTIONS.iter().find(|(_, known)| *known == action).map_or("", |(name, _)| *name)
}

/// An amount of a dimension, such as its limit or what is used of it.
pub(crate) fn show_amount(dimension: QuotaDimension, amount: u64) -> String {
    of(dimension).map_or_else(|| amount.to_string(), |(_, unit)| unit.show(amount))
}

/// The limit of a quota.
pub(crate) fn show_limit(quota: &Quota) -> String {
    quota.limit.map_or_else(|| "unlimited".to_owned(), |limit| show_amount(quota.dimension(), limit))
}

/// The cells of a quota: dimension, limit, burst, soft mark, action. What was not said is empty.
pub(crate) fn cells(quota: &Quota) -> Vec<String> {
    let burst = |burst| match of(quota.dimension()) {
        Some((_, Unit::ByteRate)) => show_exact_size(burst),
        _ => burst.to_string(),
    };
    vec![
        name(quota.dimension()).to_owned(),
        show_limit(quota),
        quota.burst.map(burst).unwrap_or_default(),
        quota.soft_percent.map(|percent| format!("{percent}%")).unwrap_or_default(),
        show_action(quota.action()).to_owned(),
    ]
}

/// A quota for programs. What was not said is null.
pub(crate) fn json(quota: &Quota) -> Value {
    let action = show_action(quota.action());
    json!({
        "dimension": name(quota.dimension()),
        "limit": quota.limit,
        "burst": quota.burst,
        "soft_percent": quota.soft_percent,
        "action": Some(action).filter(|action| !action.is_empty()),
    })
}

#[cfg(test)]
mod tests;
