use super::*;
use proptest::prelude::*;

fn quota(dimension: QuotaDimension, limit: Option<u64>) -> Quota {
    Quota { dimension: dimension.into(), limit, ..Quota::default() }
}

#[test]
fn limits() {
    for (text, dimension, limit) in [
        ("ingress=5MB/s", QuotaDimension::Ingress, Some(5_000_000)),
        ("egress=1.5MiB", QuotaDimension::Egress, Some(1_572_864)),
        ("requests=10k/s", QuotaDimension::Requests, Some(10_000)),
        ("admin=5/s", QuotaDimension::Admin, Some(5)),
        ("connections=0", QuotaDimension::Connections, Some(0)),
        ("storage=10GiB", QuotaDimension::Storage, Some(10 << 30)),
        ("topics=100", QuotaDimension::Topics, Some(100)),
        ("partitions=unlimited", QuotaDimension::Partitions, None),
        ("producers=2M", QuotaDimension::Producers, Some(2_000_000)),
    ] {
        assert_eq!(parse_quota(text), Ok(quota(dimension, limit)), "{text}");
        assert_eq!(parse_dimension(name(dimension)), Ok(dimension));
    }
}

#[test]
fn options() {
    let full = Quota {
        burst: Some(10_000_000),
        soft_percent: Some(90),
        action: QuotaAction::Reject.into(),
        ..quota(QuotaDimension::Ingress, Some(5_000_000))
    };
    assert_eq!(parse_quota("ingress=5MB/s,burst=10MB,soft=90%,action=reject"), Ok(full));
    let observed = Quota {
        soft_percent: Some(100),
        action: QuotaAction::Observe.into(),
        ..quota(QuotaDimension::Topics, None)
    };
    assert_eq!(parse_quota("topics=unlimited,action=observe,soft=100"), Ok(observed));
}

#[test]
fn what_is_no_quota_says_why() {
    for (text, why) in [
        ("", "DIMENSION=LIMIT"),
        ("ingress", "DIMENSION=LIMIT"),
        ("=5", "no dimension"),
        ("ingres=5MB/s", "ingress, egress"),
        ("ingress=", "not a size"),
        ("ingress=5MB/m", "not a size"),
        ("ingress=-5", "not a size"),
        ("requests=5MB/s", "not a number"),
        ("requests=1.5/s", "not a number"),
        ("topics=100/s", "total"),
        ("topics=Unlimited", "not a number"),
        ("topics=1,burst=2", "burst is for rates"),
        ("storage=1GiB,action=throttle", "throttle is for rates"),
        ("ingress=1,soft=0", "1 to 100"),
        ("ingress=1,soft=101%", "1 to 100"),
        ("ingress=1,action=drop", "throttle, reject and observe"),
        ("ingress=1,", "no option"),
        ("ingress=1,urst=2", "no option"),
        ("ingress=1,burst=1,burst=2", "twice"),
        ("ingress=1,soft=1,soft=2", "twice"),
        ("ingress=1,action=reject,action=reject", "twice"),
    ] {
        let refusal = parse_quota(text).unwrap_err();
        assert!(refusal.contains(why), "{text}: {refusal}");
    }
}

#[test]
fn programs_get_every_field() {
    let parsed = parse_quota("ingress=5MB/s,soft=90").unwrap();
    assert_eq!(
        json(&parsed),
        json!({"dimension": "ingress", "limit": 5_000_000, "burst": null, "soft_percent": 90, "action": null})
    );
}

#[test]
fn a_dimension_comes_once() {
    assert!(refuse_twice([QuotaDimension::Ingress, QuotaDimension::Egress]).is_ok());
    let failure = refuse_twice([QuotaDimension::Ingress, QuotaDimension::Ingress]).unwrap_err();
    assert!(failure.message.contains("ingress is given twice"), "{failure:?}");
}

proptest! {
    #[test]
    fn what_is_shown_can_be_given_again(
        at in 0..DIMENSIONS.len(),
        limit: Option<u64>,
        burst: Option<u64>,
        soft_percent in proptest::option::of(1_u32..=100),
        action in 0_i32..=3,
    ) {
        let (_, dimension, unit) = DIMENSIONS[at];
        let mut given = Quota { soft_percent, action, ..quota(dimension, limit) };
        if unit.is_rate() {
            given.burst = burst;
        } else if action == QuotaAction::Throttle as i32 {
            given.action = 0;
        }
        let cells = cells(&given);
        let mut text = format!("{}={}", cells[0], cells[1]);
        for (name, cell) in ["burst", "soft", "action"].iter().zip(&cells[2..]) {
            if !cell.is_empty() {
                text = format!("{text},{name}={cell}");
            }
        }
        prop_assert_eq!(parse_quota(&text), Ok(given), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(ingress|topics)?=?.{0,30}") {
        let _ = parse_quota(&text);
    }
}
