//! Who uses the broker: exact for each tenant, and nobody learns of another.

use levee_client::{Admin, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::raw::{self, Raw};
use levee_tests::tenancy::{member, operator, quota, target};
use levee_tests::wait;
use levee_types::ErrorCode;
use std::time::Duration;

/// Tenants with the batches that each produces, and how many records each batch has.
const PRODUCED: [(&str, u64, usize); 2] = [("acme", 3, 2), ("globex", 20, 5)];
const DEADLINE: Duration = Duration::from_secs(20);

async fn counters(admin: &Admin, tenant: &str, limit: u32) -> v1::ListTenantCountersResponse {
    let request = v1::ListTenantCountersRequest { tenant: tenant.to_owned(), limit, ..Default::default() };
    admin.list_tenant_counters(request).await.expect("counters")
}

/// Produces what is planned, and returns how many bytes it was.
async fn produce(endpoint: &str, tenant: &str, batches: u64, records: usize) -> u64 {
    let operator = Raw::operator(endpoint);
    operator.create_tenant(tenant).await.expect("a tenant");
    operator.create_topics(tenant, &["log", "quiet"], 2).await.expect("topics");
    let raw = Raw::tenant(endpoint, tenant);
    let mut bytes = 0;
    for _ in 0..batches {
        let request = raw::request("log", 1, &vec!["x".into(); records], None);
        bytes += request.batch.len() as u64;
        raw.produce().produce(request).await.expect("it can be produced");
    }
    bytes
}

fn names(answer: &v1::ListTenantCountersResponse) -> Vec<&str> {
    answer.tenants.iter().map(|tenant| tenant.tenant.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_every_tenant_and_a_tenant_sees_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = Setup::new(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let mut bytes = Vec::new();
    for (tenant, batches, records) in PRODUCED {
        bytes.push(produce(&broker.endpoint(), tenant, batches, records).await);
    }
    admin
        .set_quotas(target("acme"), vec![quota(v1::QuotaDimension::Ingress, 1_000_000)], vec![])
        .await
        .expect("a quota");

    // The one that is busiest comes first as soon as a second is over.
    let all = wait::poll("globex is busiest", DEADLINE, async || {
        let all = counters(&admin, "", 0).await;
        (names(&all) == ["globex", "acme"]).then_some(all)
    });
    let all = all.await;
    assert_eq!(all.total, 2);
    let first = counters(&admin, "", 1).await;
    assert_eq!((names(&first), first.total), (vec!["globex"], 2), "the limit holds");
    for ((tenant, batches, records), bytes) in PRODUCED.into_iter().zip(bytes) {
        let found = all.tenants.iter().find(|found| found.tenant == tenant).expect("a line");
        assert_eq!((found.bytes_in, found.stored_bytes), (bytes, bytes), "{found:?}");
        assert_eq!(found.records_in, batches * records as u64, "{found:?}");
        assert_eq!((found.bytes_out, found.records_out, found.streams), (0, 0, 0), "{found:?}");
        assert!(found.requests >= batches, "{found:?}");
        assert_eq!(found.ingress_limit.is_some(), tenant == "acme", "{found:?}");

        let own = member(&broker.endpoint(), tenant).admin();
        for named in ["", tenant] {
            let seen = counters(&own, named, 0).await;
            assert_eq!((names(&seen), seen.total), (vec![tenant], 1));
            assert!(seen.tenants[0].connections >= 1, "the one that asks: {seen:?}");
        }
        let other = PRODUCED.iter().find(|(other, ..)| *other != tenant).expect("another").0;
        for named in [other, "nobody"] {
            let request = v1::ListTenantCountersRequest { tenant: named.to_owned(), ..Default::default() };
            let error = own.list_tenant_counters(request).await.expect_err("it is not theirs");
            assert_eq!(error.code(), Some(ErrorCode::NotFound), "{error}");
        }
        let request = v1::ListTopicCountersRequest::default();
        let topics = own.list_topic_counters(request).await.expect("topics").topics;
        let of = |topic: &v1::TopicCounters| (topic.name.clone(), topic.bytes_in, topic.records_in);
        let expected = [("log".to_owned(), bytes, batches * records as u64), ("quiet".to_owned(), 0, 0)];
        assert_eq!(topics.iter().map(of).collect::<Vec<_>>(), expected);
    }

    // Another run counts from 0, and says so. What topics hold was counted for good.
    let before = all.time.expect("a time");
    broker.kill();
    broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let again = counters(&admin, "acme", 0).await;
    assert_ne!(again.time.expect("a time").run_id, before.run_id);
    assert_eq!((again.tenants[0].bytes_in, again.tenants[0].stored_bytes), (0, bytes_of(&all, "acme")));
    broker.stop().await;
}

fn bytes_of(all: &v1::ListTenantCountersResponse, tenant: &str) -> u64 {
    all.tenants.iter().find(|found| found.tenant == tenant).expect("a line").bytes_in
}
