use super::{Action, Dimension, Quota, Quotas};
use crate::limits::{MAX_QUOTA_RATE, MAX_QUOTA_TOTAL};
use crate::{ErrorCode, LeveeError};

#[track_caller]
fn refused(result: Result<(), LeveeError>, field: &str, range: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.message.starts_with(&format!("{field}: ")), "{}", error.message);
    assert!(error.message.contains(range) && !error.hint.is_empty(), "{error:?}");
}

#[test]
fn limits_at_their_ends_and_one_beyond() {
    for dimension in Dimension::ALL {
        let (least, most) = if dimension.is_rate() { (1, MAX_QUOTA_RATE) } else { (0, MAX_QUOTA_TOTAL) };
        for limit in [least, most] {
            assert_eq!(Quota::of(limit).check(dimension), Ok(()), "{dimension} {limit}");
        }
        refused(Quota::of(most + 1).check(dimension), &format!("{dimension}.limit"), &most.to_string());
    }
    refused(Quota::of(0).check(Dimension::Ingress), "ingress.limit", "1 to 100000000000");
}

#[test]
fn bursts_at_their_ends_and_one_beyond() {
    let with = |burst| Quota { burst: Some(burst), ..Quota::of(1) };
    for burst in [1, MAX_QUOTA_RATE] {
        assert_eq!(with(burst).check(Dimension::Requests), Ok(()));
    }
    for burst in [0, MAX_QUOTA_RATE + 1] {
        refused(with(burst).check(Dimension::Requests), "requests.burst", "1 to 100000000000");
    }
    refused(with(1).check(Dimension::Topics), "topics.burst", "only rates");
}

#[test]
fn soft_marks_at_their_ends_and_one_beyond() {
    let with = |percent| Quota { soft_percent: Some(percent), ..Quota::of(1) };
    for percent in [1, 100] {
        assert_eq!(with(percent).check(Dimension::Storage), Ok(()));
    }
    for percent in [0, 101] {
        refused(with(percent).check(Dimension::Storage), "storage.soft_percent", "1 to 100");
    }
}

#[test]
fn only_rates_are_throttled_and_only_storage_is_trimmed() {
    for dimension in Dimension::ALL {
        let with = |action| Quota { action: Some(action), ..Quota::of(1) }.check(dimension);
        assert_eq!((with(Action::Reject), with(Action::Observe)), (Ok(()), Ok(())));
        match dimension.is_rate() {
            true => assert_eq!(with(Action::Throttle), Ok(())),
            false => refused(with(Action::Throttle), &format!("{dimension}.action"), "only rates"),
        }
        match dimension {
            Dimension::Storage => assert_eq!(with(Action::TrimOldest), Ok(())),
            _ => refused(with(Action::TrimOldest), &format!("{dimension}.action"), "only storage"),
        }
    }
}

#[test]
fn what_does_nothing_without_a_limit_is_refused() {
    assert_eq!(Quota::unlimited().check(Dimension::Ingress), Ok(()));
    let burst = Quota { burst: Some(1), ..Quota::unlimited() };
    refused(burst.check(Dimension::Ingress), "ingress.burst", "without a limit");
    let soft = Quota { soft_percent: Some(1), ..Quota::unlimited() };
    refused(soft.check(Dimension::Ingress), "ingress.soft_percent", "without a limit");
    let action = Quota { action: Some(Action::Observe), ..Quota::unlimited() };
    refused(action.check(Dimension::Ingress), "ingress.action", "without a limit");
}

#[test]
fn users_and_topics_have_three_dimensions() {
    for dimension in Dimension::ALL {
        let quotas = Quotas::from_iter([(dimension, Quota::of(1))]);
        assert_eq!(quotas.check(), Ok(()));
        assert_eq!(quotas.check_part().is_ok(), dimension.of_part(), "{dimension}");
    }
    let error = Quotas::from_iter([(Dimension::Topics, Quota::of(1))]).check_part().unwrap_err();
    assert!(error.message.starts_with("topics: ") && error.hint.contains("ingress, egress, requests"));
}

#[test]
fn one_bad_quota_spoils_them_all() {
    let quotas = Quotas::from_iter([(Dimension::Ingress, Quota::of(1)), (Dimension::Admin, Quota::of(0))]);
    refused(quotas.check(), "admin.limit", "1 to");
    let quotas = Quotas::from_iter([(Dimension::Ingress, Quota::of(0))]);
    refused(quotas.check_part(), "ingress.limit", "1 to");
}
