//! Quotas as people write and read them: `ingress=5MB/s`, `storage=10GiB`, `topics=100`, with options after
//! commas. What is shown can be given again.

use crate::failure::Failure;
use crate::units::{parse_count, parse_size, show_exact_size};
use levee_client::v1;
use levee_types::LeveeError;
use levee_types::quota::{Action, Dimension, Quota};
use serde_json::{Value, json};
use std::collections::HashSet;

/// A quota, and what it limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaOf {
    pub(crate) dimension: Dimension,
    pub(crate) quota: Quota,
}

/// The dimension of this name.
///
/// # Errors
/// Says which there are.
pub(crate) fn parse_dimension(text: &str) -> Result<Dimension, String> {
    text.parse().map_err(refusal)
}

/// A quota, such as `ingress=5MB/s,burst=10MB`.
///
/// # Errors
/// Says how it is written.
pub(crate) fn parse_quota(text: &str) -> Result<QuotaOf, String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("{text:?} is not DIMENSION=LIMIT, as ingress=5MB/s"));
    };
    let dimension = parse_dimension(name)?;
    let mut parts = value.split(',');
    let limit = match parts.next().unwrap_or_default() {
        "unlimited" => None,
        limit => Some(parse_limit(dimension, limit)?),
    };
    let mut quota = Quota { limit, ..Quota::default() };
    for option in parts {
        take_option(dimension, option, &mut quota)?;
    }
    quota.check(dimension).map_err(refusal)?;
    Ok(QuotaOf { dimension, quota })
}

fn refusal(error: LeveeError) -> String {
    let LeveeError { message, hint, .. } = error;
    if hint.is_empty() { message } else { format!("{message}: {hint}") }
}

fn parse_limit(dimension: Dimension, text: &str) -> Result<u64, String> {
    match text.strip_suffix("/s") {
        Some(_) if !dimension.is_rate() => Err(format!("{dimension} is a total: leave /s out of {text:?}")),
        Some(amount) => parse_amount(dimension, amount),
        None => parse_amount(dimension, text),
    }
}

fn parse_amount(dimension: Dimension, text: &str) -> Result<u64, String> {
    if dimension.is_bytes() { parse_size(text) } else { parse_count(text) }
}

fn take_option(dimension: Dimension, option: &str, quota: &mut Quota) -> Result<(), String> {
    fn once<T>(option: &str, slot: &mut Option<T>, value: T) -> Result<(), String> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(format!("{option:?} comes after another of its kind")),
        }
    }
    match option.split_once('=') {
        Some(("burst", burst)) => once(option, &mut quota.burst, parse_amount(dimension, burst)?),
        Some(("soft", percent)) => {
            let percent = percent.strip_suffix('%').unwrap_or(percent).parse();
            let percent = percent.map_err(|_| format!("{option:?} is not a percentage from 1 to 100"))?;
            once(option, &mut quota.soft_percent, percent)
        }
        Some(("action", action)) => once(option, &mut quota.action, action.parse().map_err(refusal)?),
        _ => Err(format!("{option:?} is no option of a quota: there are burst=, soft= and action=")),
    }
}

/// Checks that no dimension comes twice: which one would be meant?
///
/// # Errors
/// One does.
pub(crate) fn refuse_twice(dimensions: impl IntoIterator<Item = Dimension>) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match dimensions.into_iter().find(|dimension| !seen.insert(*dimension)) {
        None => Ok(()),
        Some(twice) => Err(Failure::usage(format!("quota {twice} is given twice"))),
    }
}

/// The quotas as the server takes them.
pub(crate) fn to_messages(quotas: &[QuotaOf]) -> Vec<v1::Quota> {
    let to_message = |QuotaOf { dimension, quota }: &QuotaOf| v1::Quota {
        dimension: *dimension as i32,
        limit: quota.limit,
        burst: quota.burst,
        soft_percent: quota.soft_percent.map(u32::from),
        action: quota.action.map_or(0, |action| action as i32),
    };
    quotas.iter().map(to_message).collect()
}

/// The dimensions as the server takes them.
pub(crate) fn to_numbers(dimensions: &[Dimension]) -> Vec<i32> {
    dimensions.iter().map(|dimension| *dimension as i32).collect()
}

/// A quota that the server sent; none if its dimension is newer than this program.
pub(crate) fn from_message(message: &v1::Quota) -> Option<QuotaOf> {
    let quota = Quota {
        limit: message.limit,
        burst: message.burst,
        soft_percent: message.soft_percent.map(|percent| u8::try_from(percent).unwrap_or(u8::MAX)),
        action: Action::from_number(message.action),
    };
    Dimension::from_number(message.dimension).map(|dimension| QuotaOf { dimension, quota })
}

/// The name of a dimension that the server sent.
pub(crate) fn show_dimension(number: i32) -> &'static str {
    Dimension::from_number(number).map_or("unknown", Dimension::name)
}

/// The name of an action that the server sent; empty if it said none.
pub(crate) fn show_action(number: i32) -> &'static str {
    Action::from_number(number).map_or("", Action::name)
}

/// An amount of a dimension that the server sent, such as its limit or what is used of it.
pub(crate) fn show_amount(number: i32, amount: u64) -> String {
    let dimension = Dimension::from_number(number);
    let is = |is: fn(Dimension) -> bool| dimension.is_some_and(is);
    let amount = if is(Dimension::is_bytes) { show_exact_size(amount) } else { amount.to_string() };
    if is(Dimension::is_rate) { format!("{amount}/s") } else { amount }
}

/// The limit of a quota.
pub(crate) fn show_limit(quota: &v1::Quota) -> String {
    quota.limit.map_or_else(|| "unlimited".to_owned(), |limit| show_amount(quota.dimension, limit))
}

/// The cells of a quota: dimension, limit, burst, soft mark, action. What was not said is empty.
pub(crate) fn cells(quota: &v1::Quota) -> Vec<String> {
    let is_bytes = Dimension::from_number(quota.dimension).is_some_and(Dimension::is_bytes);
    let burst = |burst: u64| if is_bytes { show_exact_size(burst) } else { burst.to_string() };
    vec![
        show_dimension(quota.dimension).to_owned(),
        show_limit(quota),
        quota.burst.map(burst).unwrap_or_default(),
        quota.soft_percent.map(|percent| format!("{percent}%")).unwrap_or_default(),
        show_action(quota.action).to_owned(),
    ]
}

/// A quota for programs. What was not said is null.
pub(crate) fn json(quota: &v1::Quota) -> Value {
    json!({
        "dimension": show_dimension(quota.dimension),
        "limit": quota.limit,
        "burst": quota.burst,
        "soft_percent": quota.soft_percent,
        "action": Action::from_number(quota.action).map(Action::name),
    })
}

#[cfg(test)]
mod tests;
