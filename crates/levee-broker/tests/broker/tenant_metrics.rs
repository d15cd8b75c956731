//! Metrics by the names of tenants: as many as the settings say, and none without being asked for.

use crate::harness::{Broker, PATIENCE, produce_request};
use crate::http_endpoint::get;
use crate::tenancy::{EVERYTHING, allow, every_topic, user};
use crate::wire::Caller;
use levee_broker::operation::Operation;
use levee_proto::v1;
use std::time::Duration;

const RECORDS: &str = "levee_tenant_produced_records_total";

/// A tenant that produced so many records.
async fn tenant(broker: &Broker, operator: &Caller, name: &str, records: usize) {
    operator.make_tenant(name).await;
    operator.make_topic(name, "log").await;
    operator.make_user(name, "svc", false, &[]).await;
    operator.make_rule(name, allow(user("svc"), &EVERYTHING, every_topic())).await;
    let (_, credential) = operator.full_token(name, "svc").await;
    let caller = Caller::new(broker, credential).await;
    let request = produce_request("log", 0, &vec!["x"; records]);
    let _: v1::ProduceResponse = caller.must(Operation::Produce, &request).await;
}

/// The series of one metric, when they are so.
async fn shows(broker: &Broker, metric: &str, expected: &[(&str, u64)]) {
    let expected: Vec<_> =
        expected.iter().map(|(tenant, value)| format!("{metric}{{tenant=\"{tenant}\"}} {value}")).collect();
    let mut seen = Vec::new();
    let wait = tokio::time::timeout(PATIENCE, async {
        loop {
            let page = get(broker, "GET /metrics").await;
            let series = page.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
            seen = series.map(str::to_owned).collect();
            if seen == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(wait.await.is_ok(), "{seen:?}, not {expected:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_have_series_up_to_the_limit_and_the_rest_is_one() {
    let (broker, credential) = Broker::start_real_with(|settings| {
        settings.metrics.tenant_labels = true;
        settings.metrics.max_tenant_series = 2;
    })
    .await;
    let operator = Caller::new(&broker, credential).await;
    for (name, records) in [("one", 1), ("two", 20), ("three", 300)] {
        tenant(&broker, &operator, name, records).await;
    }
    shows(&broker, RECORDS, &[("one", 1), ("two", 20), ("_other", 300)]).await;

    let rename = v1::UpdateTenantRequest {
        name: "one".to_owned(),
        new_name: Some("first".to_owned()),
        ..Default::default()
    };
    let _: v1::UpdateTenantResponse = operator.must(Operation::UpdateTenant, &rename).await;
    let delete = v1::DeleteTenantRequest { name: "two".to_owned(), grace_ms: Some(0) };
    let _: v1::DeleteTenantResponse = operator.must(Operation::DeleteTenant, &delete).await;
    // What was counted for all others together stays: a counter does not go back.
    shows(&broker, RECORDS, &[("first", 1), ("three", 300), ("_other", 300)]).await;
    let page = get(&broker, "GET /metrics").await;
    assert!(!page.contains("\"one\"") && !page.contains("\"two\""), "{page}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_for_there_are_none() {
    let (broker, credential) = Broker::start_real().await;
    let operator = Caller::new(&broker, credential).await;
    tenant(&broker, &operator, "hidden", 1).await;
    let page = get(&broker, "GET /metrics").await;
    assert!(!page.contains("levee_tenant_") && !page.contains("hidden"), "{page}");
    broker.stop().await;
}
