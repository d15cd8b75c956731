use super::Plan;
use crate::PlanName;
use crate::quota::{Dimension, EffectiveQuotas, Quota, Quotas};

fn built_in(name: &str) -> Option<Plan> {
    Plan::built_in(&PlanName::new(name).unwrap())
}

#[test]
fn the_default_plan_limits_everything_and_the_other_nothing() {
    let default = EffectiveQuotas::of_tenant(&built_in("default").unwrap(), &Quotas::default());
    let unlimited = EffectiveQuotas::of_tenant(&built_in("unlimited").unwrap(), &Quotas::default());
    for dimension in Dimension::ALL {
        assert!(default.get(dimension).limit.is_some(), "{dimension}");
        assert_eq!(unlimited.get(dimension).limit, None, "{dimension}");
    }
    assert_eq!(built_in("team"), None);
}

#[test]
fn what_is_built_in_can_be_set() {
    for name in ["default", "unlimited"] {
        assert_eq!(built_in(name).unwrap().check(), Ok(()));
    }
    for dimension in Dimension::ALL {
        assert_eq!(Quota::of(dimension.default_limit()).check(dimension), Ok(()), "{dimension}");
    }
}

#[test]
fn weights_at_their_ends_and_one_beyond() {
    let with = |weight| Plan { weight, quotas: Quotas::default() }.check();
    assert_eq!((with(1), with(100)), (Ok(()), Ok(())));
    for weight in [0, 101] {
        assert!(with(weight).unwrap_err().message.starts_with("weight: "), "{weight}");
    }
}

#[test]
fn a_plan_with_a_bad_quota_is_none() {
    let quotas = Quotas::from_iter([(Dimension::Egress, Quota::of(0))]);
    assert!(Plan { weight: 1, quotas }.check().is_err());
}
