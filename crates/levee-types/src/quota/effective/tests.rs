use super::{Action, Dimension, Effective, EffectiveQuotas, Plan, Quota, Quotas, Source};

fn plan(dimension: Dimension, quota: Quota) -> Plan {
    Plan { weight: 10, quotas: Quotas::from_iter([(dimension, quota)]) }
}

#[test]
fn the_nearest_quota_holds() {
    let (none, own) = (Quotas::default(), Quotas::from_iter([(Dimension::Topics, Quota::of(7))]));
    let planned = plan(Dimension::Topics, Quota::of(5));
    let of = |plan: &Plan, tenant: &Quotas| {
        let effective = Effective::of_tenant(Dimension::Topics, plan, tenant);
        (effective.limit, effective.source)
    };
    let bare = Plan { weight: 10, quotas: Quotas::default() };
    assert_eq!(of(&bare, &none), (Some(1_000), Source::Default));
    assert_eq!(of(&planned, &none), (Some(5), Source::Plan));
    assert_eq!(of(&planned, &own), (Some(7), Source::Tenant));
}

#[test]
fn explicitly_unlimited_wins_over_what_is_further_away() {
    let own = Quotas::from_iter([(Dimension::Ingress, Quota::unlimited())]);
    let effective = Effective::of_tenant(Dimension::Ingress, &plan(Dimension::Ingress, Quota::of(5)), &own);
    assert_eq!((effective.limit, effective.burst, effective.source), (None, None, Source::Tenant));
    assert_eq!(effective.soft_mark(), None);
}

#[test]
fn a_gap_is_filled_with_the_default_and_not_from_the_plan() {
    let full =
        Quota { limit: Some(100), burst: Some(77), soft_percent: Some(50), action: Some(Action::Observe) };
    let own = Quotas::from_iter([(Dimension::Requests, Quota::of(200))]);
    let effective = Effective::of_tenant(Dimension::Requests, &plan(Dimension::Requests, full), &own);
    let expected = Effective {
        limit: Some(200),
        burst: Some(20),
        soft_percent: 80,
        action: Action::Throttle,
        source: Source::Tenant,
    };
    assert_eq!(effective, expected);
    let effective =
        Effective::of_tenant(Dimension::Requests, &plan(Dimension::Requests, full), &Quotas::default());
    assert_eq!((effective.burst, effective.soft_percent, effective.action), (Some(77), 50, Action::Observe));
}

#[test]
fn a_burst_is_a_tenth_of_a_second_and_at_least_one() {
    for (limit, burst) in [(1, 1), (9, 1), (19, 1), (20, 2), (1_000, 100)] {
        let quotas = Quotas::from_iter([(Dimension::Ingress, Quota::of(limit))]);
        assert_eq!(
            Effective::of_part(Dimension::Ingress, &quotas, Source::User).burst,
            Some(burst),
            "{limit}"
        );
    }
    let quotas = Quotas::from_iter([(Dimension::Storage, Quota::of(100))]);
    let total = Effective::of_tenant(Dimension::Storage, &plan(Dimension::Topics, Quota::of(1)), &quotas);
    assert_eq!((total.burst, total.action), (None, Action::Reject));
}

#[test]
fn users_and_topics_have_only_what_is_set_for_them() {
    let own = Quotas::from_iter([(Dimension::Ingress, Quota::of(5))]);
    let set = Effective::of_part(Dimension::Ingress, &own, Source::Topic);
    assert_eq!((set.limit, set.source), (Some(5), Source::Topic));
    let unset = Effective::of_part(Dimension::Egress, &own, Source::Topic);
    assert_eq!((unset.limit, unset.source), (None, Source::Default));
}

#[test]
fn soft_marks_do_not_overflow() {
    let of = |limit, percent| {
        let quota = Quota { soft_percent: Some(percent), ..Quota::of(limit) };
        Effective::of_quota(Dimension::Storage, &quota, Source::Tenant).soft_mark()
    };
    assert_eq!(of(10, 80), Some(8));
    assert_eq!(of(1 << 60, 100), Some(1 << 60));
    assert_eq!(of(0, 80), Some(0));
}

#[test]
fn every_dimension_is_found() {
    let plan = Plan { weight: 10, quotas: Quotas::default() };
    let all = EffectiveQuotas::of_tenant(&plan, &Quotas::default());
    for dimension in Dimension::ALL {
        assert_eq!(all.get(dimension).limit, Some(dimension.default_limit()), "{dimension}");
    }
}
