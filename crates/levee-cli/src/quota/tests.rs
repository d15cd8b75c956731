use super::*;
use levee_types::limits::{MAX_QUOTA_RATE, MAX_QUOTA_TOTAL};
use proptest::prelude::*;

fn of(dimension: Dimension, quota: Quota) -> QuotaOf {
    QuotaOf { dimension, quota }
}

#[test]
fn limits() {
    for (text, dimension, limit) in [
        ("ingress=5MB/s", Dimension::Ingress, Some(5_000_000)),
        ("egress=1.5MiB", Dimension::Egress, Some(1_572_864)),
        ("requests=10k/s", Dimension::Requests, Some(10_000)),
        ("admin=5/s", Dimension::Admin, Some(5)),
        ("connections=0", Dimension::Connections, Some(0)),
        ("storage=10GiB", Dimension::Storage, Some(10 << 30)),
        ("topics=100", Dimension::Topics, Some(100)),
        ("partitions=unlimited", Dimension::Partitions, None),
        ("producers=2M", Dimension::Producers, Some(2_000_000)),
    ] {
        assert_eq!(parse_quota(text), Ok(of(dimension, Quota { limit, ..Quota::default() })), "{text}");
    }
}

#[test]
fn options() {
    let full = Quota {
        burst: Some(10_000_000),
        soft_percent: Some(90),
        action: Some(Action::Reject),
        ..Quota::of(5_000_000)
    };
    let parsed = parse_quota("ingress=5MB/s,burst=10MB,soft=90%,action=reject");
    assert_eq!(parsed, Ok(of(Dimension::Ingress, full)));
    let observed = Quota { soft_percent: Some(100), action: Some(Action::Observe), ..Quota::of(7) };
    assert_eq!(parse_quota("topics=7,action=observe,soft=100"), Ok(of(Dimension::Topics, observed)));
}

#[test]
fn storage_may_trim_the_oldest() {
    let trimmed = Quota { action: Some(Action::TrimOldest), ..Quota::of(10 << 30) };
    assert_eq!(parse_quota("storage=10GiB,action=trim-oldest"), Ok(of(Dimension::Storage, trimmed)));
}

#[test]
fn what_is_no_quota_says_why() {
    for (text, why) in [
        ("", "DIMENSION=LIMIT"),
        ("ingress", "DIMENSION=LIMIT"),
        ("=5", "ingress, egress"),
        ("ingres=5MB/s", "ingress, egress"),
        ("ingress=", "not a size"),
        ("ingress=5MB/m", "not a size"),
        ("ingress=-5", "not a size"),
        ("ingress=0", "ingress.limit"),
        ("requests=5MB/s", "not a number"),
        ("requests=1.5/s", "not a number"),
        ("topics=100/s", "total"),
        ("topics=Unlimited", "not a number"),
        ("topics=unlimited,action=observe", "without a limit"),
        ("topics=1,burst=2", "only rates"),
        ("storage=1GiB,action=throttle", "only rates"),
        ("topics=7,action=trim-oldest", "only storage"),
        ("ingress=1,soft=0", "1 to 100"),
        ("ingress=1,soft=101%", "1 to 100"),
        ("ingress=1,soft=256", "1 to 100"),
        ("ingress=1,action=drop", "throttle, reject, observe"),
        ("ingress=1,", "no option"),
        ("ingress=1,urst=2", "no option"),
        ("ingress=1,burst=1,burst=2", "comes after another"),
        ("ingress=1,soft=1,soft=2", "comes after another"),
        ("ingress=1,action=reject,action=reject", "comes after another"),
    ] {
        let refusal = parse_quota(text).unwrap_err();
        assert!(refusal.contains(why), "{text}: {refusal}");
    }
}

#[test]
fn a_dimension_comes_once() {
    assert!(refuse_twice([Dimension::Ingress, Dimension::Egress]).is_ok());
    let failure = refuse_twice([Dimension::Ingress, Dimension::Ingress]).unwrap_err();
    assert!(failure.message.contains("ingress is given twice"), "{failure:?}");
}

#[test]
fn programs_get_every_field() {
    let parsed = to_messages(&[parse_quota("ingress=5MB/s,soft=90").unwrap()]);
    assert_eq!(
        json(&parsed[0]),
        json!({"dimension": "ingress", "limit": 5_000_000, "burst": null, "soft_percent": 90, "action": null})
    );
}

#[test]
fn what_is_newer_than_this_program_is_shown_all_the_same() {
    let newer = v1::Quota { dimension: 99, limit: Some(7), action: 99, ..v1::Quota::default() };
    assert_eq!(cells(&newer), ["unknown", "7", "", "", ""]);
    assert_eq!(from_message(&newer), None);
}

/// Every quota that there can be.
fn any_quota() -> impl Strategy<Value = QuotaOf> {
    let action = proptest::option::of(0..Action::ALL.len());
    let parts = (0..Dimension::ALL.len(), 0..=1_u8, 1..=MAX_QUOTA_TOTAL, any::<Option<u64>>());
    (parts, proptest::option::of(1_u8..=100), action).prop_map(
        |((dimension, unlimited, limit, burst), soft_percent, action)| {
            let dimension = Dimension::ALL[dimension];
            if unlimited == 1 {
                return of(dimension, Quota::unlimited());
            }
            let action = action.map(|action| Action::ALL[action]);
            let quota = if dimension.is_rate() {
                let burst = burst.map(|burst| burst % MAX_QUOTA_RATE + 1);
                let action = action.filter(|action| *action != Action::TrimOldest);
                Quota { limit: Some(limit % MAX_QUOTA_RATE + 1), burst, soft_percent, action }
            } else {
                let is_possible = |action: &Action| match action {
                    Action::Throttle => false,
                    Action::TrimOldest => dimension == Dimension::Storage,
                    Action::Reject | Action::Observe => true,
                };
                let action = action.filter(is_possible);
                Quota { limit: Some(limit), burst: None, soft_percent, action }
            };
            of(dimension, quota)
        },
    )
}

proptest! {
    #[test]
    fn what_is_shown_can_be_given_again(given in any_quota()) {
        let message = to_messages(&[given])[0];
        let cells = cells(&message);
        let mut text = format!("{}={}", cells[0], cells[1]);
        for (name, cell) in ["burst", "soft", "action"].iter().zip(&cells[2..]) {
            if !cell.is_empty() {
                text = format!("{text},{name}={cell}");
            }
        }
        prop_assert_eq!(parse_quota(&text), Ok(given), "{}", text);
        prop_assert_eq!(from_message(&message), Some(given));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(ingress|topics)?=?.{0,30}") {
        let _ = parse_quota(&text);
    }
}
