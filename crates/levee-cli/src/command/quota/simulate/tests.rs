use super::*;
use levee_types::quota::Dimension;

fn given(text: &str) -> QuotaOf {
    quota::parse_quota(text).unwrap()
}

fn present(text: &str, source: QuotaSource) -> EffectiveQuota {
    EffectiveQuota { quota: Some(quota::to_messages(&[given(text)])[0]), source: source.into(), used: 0 }
}

fn limits(quotas: &EffectiveQuotas) -> [Option<u64>; 4] {
    [Dimension::Ingress, Dimension::Egress, Dimension::Requests, Dimension::Storage]
        .map(|dimension| quotas.get(dimension).limit)
}

#[test]
fn what_is_given_holds_before_what_is_the_tenants_own_and_that_before_the_plan() {
    let present = [
        present("ingress=1", QuotaSource::Tenant),
        present("egress=2", QuotaSource::Tenant),
        present("requests=3", QuotaSource::Plan),
        present("storage=4", QuotaSource::Default),
    ];
    let own = [given("ingress=10")];
    assert_eq!(limits(&supposed(&present, None, &own)), [Some(10), Some(2), Some(3), Some(4)]);
    let plan =
        vec![given("ingress=20"), given("egress=20"), given("requests=20"), given("storage=unlimited")];
    assert_eq!(limits(&supposed(&present, Some(plan), &own)), [Some(10), Some(2), Some(20), None]);
    // What another plan does not say is the server's default.
    let default =
        *EffectiveQuotas::of_tenant(&Plan { weight: 1, quotas: Quotas::default() }, &Quotas::default())
            .get(Dimension::Requests);
    assert_eq!(limits(&supposed(&present, Some(Vec::new()), &own))[2], default.limit);
}

#[test]
fn hours_beyond_are_told() {
    let hour = HourlyUsage { bytes_in: 3600 * 11, stored_byte_hours: 4.2, ..HourlyUsage::default() };
    let quotas = supposed(&[], Some(Vec::new()), &[given("ingress=10"), given("storage=5B")]);
    let outcome = simulate(&[recorded(&hour)], &quotas);
    let json: Vec<_> = outcome.iter().map(json_of).collect();
    let worst = json!({"hour": "1970-01-01T00:00:00Z", "used": 11, "excess": 1});
    assert_eq!(json[0], json!({"dimension": "ingress", "limit": 10, "hours_beyond": 1, "worst": worst}));
    let storage = outcome.iter().find(|one| one.dimension == Dimension::Storage).unwrap();
    assert_eq!((storage.hours_beyond, storage.worst.unwrap().used), (0, 5));
}
