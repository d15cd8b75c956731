use super::{Dimension, EffectiveQuotas, HourOfUse, Simulated, WorstHour, simulate};
use crate::quota::{Plan, Quota, Quotas};

fn quotas(dimension: Dimension, quota: Quota) -> EffectiveQuotas {
    let plan = Plan { weight: 10, quotas: Quotas::default() };
    EffectiveQuotas::of_tenant(&plan, &Quotas::from_iter([(dimension, quota)]))
}

fn of(hours: &[HourOfUse], dimension: Dimension, quota: Quota) -> Simulated {
    let all = simulate(hours, &quotas(dimension, quota));
    all.into_iter().find(|one| one.dimension == dimension).unwrap()
}

#[test]
fn an_average_at_the_limit_is_within_it_and_one_byte_more_is_not() {
    let hour = |hour_ms, bytes_in| HourOfUse { hour_ms, bytes_in, ..HourOfUse::default() };
    let at = of(&[hour(0, 36_000)], Dimension::Ingress, Quota::of(10));
    assert_eq!(at.hours_beyond, 0);
    assert_eq!(at.worst, Some(WorstHour { hour_ms: 0, used: 10, excess: 0 }));
    let beyond = of(&[hour(0, 36_001)], Dimension::Ingress, Quota::of(10));
    assert_eq!(beyond.hours_beyond, 1);
    assert_eq!(beyond.worst, Some(WorstHour { hour_ms: 0, used: 11, excess: 1 }));
}

#[test]
fn the_worst_hour_is_the_one_with_the_most_use() {
    let hours = [5, 9, 7, 9].into_iter().zip(0..);
    let hours: Vec<_> = hours
        .map(|(peak_connections, hour_ms)| HourOfUse { hour_ms, peak_connections, ..HourOfUse::default() })
        .collect();
    let simulated = of(&hours, Dimension::Connections, Quota::of(6));
    assert_eq!(simulated.hours_beyond, 3);
    assert_eq!(simulated.worst, Some(WorstHour { hour_ms: 1, used: 9, excess: 3 }));
}

#[test]
fn nothing_is_beyond_no_limit() {
    let hour = HourOfUse { stored_bytes: u64::MAX, ..HourOfUse::default() };
    let simulated = of(&[hour], Dimension::Storage, Quota::unlimited());
    assert_eq!((simulated.limit, simulated.hours_beyond), (None, 0));
    assert_eq!(simulated.worst.map(|worst| (worst.used, worst.excess)), Some((u64::MAX, 0)));
}

#[test]
fn each_dimension_compares_its_own_use() {
    let hour = HourOfUse {
        hour_ms: 3_600_000,
        bytes_in: 3_600,
        records_in: 99_999,
        bytes_out: 7_200,
        requests: 10_800,
        stored_bytes: 4,
        peak_connections: 5,
    };
    let simulated = simulate(&[hour], &quotas(Dimension::Topics, Quota::of(0)));
    let used: Vec<_> = simulated.iter().map(|one| (one.dimension.name(), one.worst.unwrap().used)).collect();
    assert_eq!(used, [("ingress", 1), ("egress", 2), ("requests", 3), ("connections", 5), ("storage", 4)]);
}

#[test]
fn without_hours_there_is_no_worst_one() {
    let simulated = simulate(&[], &quotas(Dimension::Ingress, Quota::of(1)));
    assert_eq!(simulated.len(), 5);
    assert!(simulated.iter().all(|one| one.hours_beyond == 0 && one.worst.is_none()));
}
