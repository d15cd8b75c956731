use super::*;
use crate::failure::Exit;
use levee_client::v1::{EffectiveQuota, QuotaSource};
use serde_json::json;

#[test]
fn a_quota_in_the_place_of_the_tenant_is_told() {
    let failure = named("ingress=5MB/s").unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.hint.contains("the tenant comes first"), "{failure:?}");
    assert_eq!(named("UPPER").unwrap_err().hint, "");
}

#[test]
fn programs_get_value_and_source() {
    let target = QuotaTarget { tenant: "acme".to_owned(), part: Some(Part::User("svc".to_owned())) };
    let effective = EffectiveQuota {
        quota: Some(quota::to_messages(&[quota::parse_quota("topics=100").unwrap()])[0]),
        source: QuotaSource::Plan.into(),
        used: 7,
    };
    let view = show::view(&target, &[effective]);
    assert_eq!(view.json["target"], json!({"tenant": "acme", "user": "svc", "topic": null}));
    let quota = &view.json["quotas"][0];
    assert_eq!((&quota["limit"], &quota["used"], &quota["source"]), (&json!(100), &json!(7), &json!("plan")));
    assert_eq!(view.names, ["topics"]);
}
