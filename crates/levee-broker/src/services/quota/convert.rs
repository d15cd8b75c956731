//! Between messages and the documents of quotas.

use crate::admission::HeldUp;
use crate::fields::{invalid, out_of_range};
use levee_proto::v1;
use levee_storage::{NamedPlan, QuotaChange};
use levee_types::LeveeError;
use levee_types::limits::{DEFAULT_PLAN_WEIGHT, MAX_PLAN_WEIGHT};
use levee_types::quota::{Action, Dimension, Effective, Quota, Quotas};

/// The weight of a plan; 0 means the default.
pub(super) fn weight(field: &str, value: u32) -> Result<u32, LeveeError> {
    match value {
        0 => Ok(DEFAULT_PLAN_WEIGHT),
        1..=MAX_PLAN_WEIGHT => Ok(value),
        _ => Err(out_of_range(field, value, 1, MAX_PLAN_WEIGHT)),
    }
}

fn dimension(field: &str, value: i32) -> Result<Dimension, LeveeError> {
    let known = || Dimension::ALL.map(|known| format!("{} {known}", known as i32)).join(", ");
    Dimension::from_number(value)
        .ok_or_else(|| invalid(field, format!("{value} is no dimension"), format!("there are: {}", known())))
}

fn quota(field: &str, quota: &v1::Quota) -> Result<(Dimension, Quota), LeveeError> {
    let dimension = dimension(&format!("{field}.dimension"), quota.dimension)?;
    let action = match quota.action {
        0 => None,
        number => Some(Action::from_number(number).ok_or_else(|| {
            let problem = format!("{number} is no action");
            invalid(
                &format!("{field}.action"),
                problem,
                "give 1 to throttle, 2 to reject, 3 to observe or 4 to trim the oldest",
            )
        })?),
    };
    let soft_percent = quota
        .soft_percent
        .map(|percent| {
            u8::try_from(percent).map_err(|_| out_of_range(&format!("{field}.soft_percent"), percent, 1, 100))
        })
        .transpose()?;
    let set = Quota { limit: quota.limit, burst: quota.burst, soft_percent, action };
    set.check(dimension)?;
    Ok((dimension, set))
}

fn each(field: &str, set: &[v1::Quota]) -> Result<Vec<(Dimension, Quota)>, LeveeError> {
    if set.len() > Dimension::ALL.len() {
        let problem = format!("there are {}; there are only {} dimensions", set.len(), Dimension::ALL.len());
        return Err(invalid(field, problem, "name each dimension once"));
    }
    let quotas = set.iter().enumerate().map(|(index, given)| quota(&format!("{field}[{index}]"), given));
    let quotas: Vec<_> = quotas.collect::<Result<_, _>>()?;
    for (index, (dimension, _)) in quotas.iter().enumerate() {
        if quotas[..index].iter().any(|(before, _)| before == dimension) {
            return Err(invalid(
                &format!("{field}[{index}]"),
                format!("{dimension} is there twice"),
                "name it once",
            ));
        }
    }
    Ok(quotas)
}

/// A whole set of quotas.
pub(in crate::services) fn quotas(field: &str, set: &[v1::Quota]) -> Result<Quotas, LeveeError> {
    Ok(each(field, set)?.into_iter().collect())
}

/// What is to change.
pub(super) fn change(set: &[v1::Quota], unset: &[i32]) -> Result<QuotaChange, LeveeError> {
    let set = each("set", set)?;
    if unset.len() > Dimension::ALL.len() {
        let problem =
            format!("there are {}; there are only {} dimensions", unset.len(), Dimension::ALL.len());
        return Err(invalid("unset", problem, "name each dimension once"));
    }
    let unset: Vec<_> = unset.iter().map(|value| dimension("unset", *value)).collect::<Result<_, _>>()?;
    if let Some((both, _)) = set.iter().find(|(dimension, _)| unset.contains(dimension)) {
        return Err(invalid("unset", format!("{both} is in `set` as well"), "name it in one of the two"));
    }
    Ok(QuotaChange { set, unset })
}

pub(in crate::services) fn quotas_to_proto(quotas: &Quotas) -> Vec<v1::Quota> {
    let quota = |(dimension, quota): (&Dimension, &Quota)| v1::Quota {
        dimension: *dimension as i32,
        limit: quota.limit,
        burst: quota.burst,
        soft_percent: quota.soft_percent.map(u32::from),
        action: quota.action.map_or(0, |action| action as i32),
    };
    quotas.0.iter().map(quota).collect()
}

pub(super) fn plan_to_proto(named: &NamedPlan) -> v1::Plan {
    v1::Plan {
        name: named.name.to_string(),
        weight: named.plan.weight,
        quotas: quotas_to_proto(&named.plan.quotas),
        tenants: named.tenants,
    }
}

pub(super) fn effective_to_proto(dimension: Dimension, quota: Effective, used: u64) -> v1::EffectiveQuota {
    v1::EffectiveQuota {
        quota: Some(v1::Quota {
            dimension: dimension as i32,
            limit: quota.limit,
            burst: quota.burst,
            soft_percent: Some(u32::from(quota.soft_percent)),
            action: quota.action as i32,
        }),
        source: quota.source as i32,
        used,
    }
}

pub(super) fn held_up_to_proto(event: HeldUp) -> v1::QuotaEvent {
    v1::QuotaEvent {
        time_ms: event.time_ms,
        request_id: event.request_id,
        user: event.user,
        topic: event.topic,
        dimension: event.dimension as i32,
        level: event.level as i32,
        limit: event.limit,
        delay_ms: u32::try_from(event.delay.as_millis()).unwrap_or(u32::MAX),
        action: event.action as i32,
    }
}
