use super::*;

#[test]
fn names_and_numbers_are_each_once() {
    for dimension in Dimension::ALL {
        assert_eq!(dimension.name().parse(), Ok(dimension));
        assert_eq!(Dimension::from_number(dimension as u32), Some(dimension));
        assert!(
            dimension.default_limit().is_some(),
            "every tenant has finite quotas unless somebody says otherwise"
        );
    }
    assert!("Ingress".parse::<Dimension>().is_err());
    assert_eq!((Dimension::from_number(0), Dimension::from_number(10)), (None, None));
    assert_eq!((Action::from_number(0), Action::from_number(4)), (None, None));
}

#[test]
fn a_quota_takes_what_its_dimension_can_have() {
    let ok = |dimension, quota: Quota| quota.check(dimension).is_ok();
    assert!(ok(Dimension::Ingress, Quota::of(1)) && !ok(Dimension::Ingress, Quota::of(0)));
    assert!(ok(Dimension::Topics, Quota::of(0)));
    assert!(ok(Dimension::Topics, Quota::of(MAX_LIMIT)) && !ok(Dimension::Topics, Quota::of(MAX_LIMIT + 1)));
    let burst = |burst| Quota { burst: Some(burst), ..Quota::of(10) };
    assert!(ok(Dimension::Requests, burst(1)) && ok(Dimension::Requests, burst(MAX_LIMIT)));
    assert!(!ok(Dimension::Requests, burst(0)) && !ok(Dimension::Requests, burst(MAX_LIMIT + 1)));
    assert!(!ok(Dimension::Storage, burst(1)));
    let soft = |percent| Quota { soft_percent: Some(percent), ..Quota::of(10) };
    assert!(ok(Dimension::Topics, soft(1)) && ok(Dimension::Topics, soft(100)));
    assert!(!ok(Dimension::Topics, soft(0)) && !ok(Dimension::Topics, soft(101)));
    let action = |action| Quota { action: Some(action), ..Quota::of(10) };
    assert!(
        ok(Dimension::Egress, action(Action::Throttle)) && !ok(Dimension::Topics, action(Action::Throttle))
    );
    assert!(ok(Dimension::Topics, action(Action::Observe)));
}

#[test]
fn the_nearest_quota_wins_as_a_whole() {
    let (mut plan, mut own) = (Quotas::default(), Quotas::default());
    let found = effective(Dimension::Ingress, &plan, &own);
    assert_eq!((found.limit, found.burst, found.source), (Some(10 << 20), 1 << 20, Source::Default));
    assert_eq!((found.action, found.soft_percent), (Action::Throttle, 80));
    plan.set(
        Dimension::Ingress,
        Quota { action: Some(Action::Reject), soft_percent: Some(50), ..Quota::of(5) },
    );
    let found = effective(Dimension::Ingress, &plan, &own);
    assert_eq!((found.limit, found.burst, found.source), (Some(5), 1, Source::Plan));
    assert_eq!((found.action, found.soft_percent), (Action::Reject, 50));
    own.set(Dimension::Ingress, Quota::default());
    let found = effective(Dimension::Ingress, &plan, &own);
    assert_eq!((found.limit, found.burst, found.source), (None, 0, Source::Tenant));
    assert_eq!((found.action, found.soft_percent), (Action::Throttle, 80));
    own.unset(Dimension::Ingress);
    assert_eq!(effective(Dimension::Ingress, &plan, &own).source, Source::Plan);
    assert_eq!(effective(Dimension::Topics, &plan, &own).action, Action::Reject);
}

#[test]
fn what_is_built_in_is_finite_or_says_that_it_is_not() {
    let limit = |plan: &str, dimension| {
        effective(dimension, &Plan::built_in(plan).unwrap().quotas, &Quotas::default()).limit
    };
    for dimension in Dimension::ALL {
        assert!(limit(DEFAULT_PLAN, dimension).is_some());
        assert!(limit(UNLIMITED_PLAN, dimension).is_none());
    }
    assert_eq!(Plan::built_in("gold"), None);
}

#[test]
fn recorded_use_is_compared_hour_by_hour() {
    let hour = |hour_ms, bytes_in, stored_bytes| HourOfUse {
        hour_ms,
        bytes_in,
        stored_bytes,
        ..HourOfUse::default()
    };
    let hours = [hour(1, 3_600 * 10, 5), hour(2, 3_600 * 10 + 1, 7), hour(3, 0, 6)];
    let quotas = |dimension| {
        let limit = if dimension == Dimension::Storage { 5 } else { 10 };
        Effective::of(dimension, Quota::of(limit), Source::Plan)
    };
    let found = simulate(&hours, quotas);
    assert_eq!(
        (found[0].dimension, found[0].hours, found[0].most, found[0].most_ms),
        (Dimension::Ingress, 1, 11, 2)
    );
    assert_eq!(
        (found[4].dimension, found[4].hours, found[4].most, found[4].most_ms),
        (Dimension::Storage, 2, 7, 2)
    );
    assert_eq!((found[1].hours, found[1].most_ms), (0, 0));
    let unlimited = |dimension| Effective::of(dimension, Quota::default(), Source::Plan);
    assert_eq!(simulate(&hours, unlimited)[0].hours, 0);
}
