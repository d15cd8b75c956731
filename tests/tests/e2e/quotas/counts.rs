//! Counts are exact: twenty at once reach the limit, and not one beyond.

use super::create_tenant;
use crate::{crash, small};
use levee_client::Error;
use levee_proto::v1::QuotaDimension;
use levee_tests::broker::Broker;
use levee_tests::raw::{self, Raw};
use levee_tests::tenancy::{member, name, operator, quota, target, topic};
use levee_tests::wait;
use levee_types::ErrorCode;
use std::time::Duration;
use tokio::task::JoinSet;

const CREATORS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q3_topics_and_partitions_are_counted_exactly() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, "topics", vec![quota(QuotaDimension::Topics, 50)]).await;
    let (made, refused) = create_at_once(&endpoint, "topics", 3, 1).await;
    assert_eq!((made, refused), (50, 10), "of topics");
    create_tenant(&endpoint, "partitions", vec![quota(QuotaDimension::Partitions, 50)]).await;
    let (made, refused) = create_at_once(&endpoint, "partitions", 2, 3).await;
    assert_eq!((made, refused), (16, 24), "of topics with 3 partitions");

    broker = crash(broker, &setup, None).await;
    let tenant = async |tenant| operator(&endpoint).get_tenant(&name(tenant)).await.expect("a tenant");
    assert_eq!(tenant("topics").await.topics, 50);
    assert_eq!(tenant("partitions").await.partitions, 48);
    // At the limit, and one beyond; a place that is left can be taken.
    let admin = member(&endpoint, "partitions").admin();
    let any = admin.list_topics("", "", 1, "").await.expect("topics").topics.remove(0).name;
    assert_eq!(refusal(admin.add_partitions("", &any, 6).await).code(), Some(ErrorCode::LimitExceeded));
    admin.add_partitions("", &any, 5).await.expect("there is room for two");
    let error = refusal(admin.add_partitions("", &any, 6).await);
    assert!(error.message().contains("50 partitions"), "it does not name the quota: {error}");
    let admin = member(&endpoint, "topics").admin();
    assert_eq!(create(&endpoint, "topics", "another", 1).await, Err(ErrorCode::LimitExceeded));
    let any = admin.list_topics("", "", 1, "").await.expect("topics").topics.remove(0).name;
    admin.delete_topic("", &any).await.expect("it can be deleted");
    assert_eq!(create(&endpoint, "topics", "another", 1).await, Ok(()));
    assert_eq!(create(&endpoint, "topics", "and-another", 1).await, Err(ErrorCode::LimitExceeded));
    broker.stop().await;
}

/// Each creator creates so many topics, one after the other: how many were made, and how many refused.
async fn create_at_once(
    endpoint: &str,
    tenant: &'static str,
    each: usize,
    partitions: u32,
) -> (usize, usize) {
    let mut creators = JoinSet::new();
    for creator in 0..CREATORS {
        let endpoint = endpoint.to_owned();
        creators.spawn(async move {
            let mut made = 0;
            for n in 0..each {
                match create(&endpoint, tenant, &format!("t-{creator}-{n}"), partitions).await {
                    Ok(()) => made += 1,
                    Err(code) => assert_eq!(code, ErrorCode::LimitExceeded),
                }
            }
            made
        });
    }
    let made: usize = creators.join_all().await.into_iter().sum();
    (made, CREATORS * each - made)
}

async fn create(endpoint: &str, tenant: &str, topic_name: &str, partitions: u32) -> Result<(), ErrorCode> {
    let admin = member(endpoint, tenant).admin();
    let created =
        admin.create_topics("", vec![topic(topic_name, partitions, &[])], false).await.expect("an answer");
    match created.failures.first() {
        Some((_, error)) => Err(error.code().expect("a code")),
        None => Ok(()),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    result.expect_err("it must be refused")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q3_connections_are_counted_exactly() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, "many", vec![quota(QuotaDimension::Connections, 7)]).await;
    let connect = async || {
        let mut clients = JoinSet::new();
        for _ in 0..CREATORS {
            let raw = Raw::tenant(&endpoint, "many");
            clients.spawn(async move { (raw.topic_names("").await.map(drop), raw) });
        }
        clients.join_all().await
    };
    let mut kept = Vec::new();
    let mut refused = Vec::new();
    for (answer, raw) in connect().await {
        match answer {
            Ok(()) => kept.push(raw),
            Err(status) => {
                assert_eq!(raw::reason(&status), "LIMIT_EXCEEDED", "{status}");
                assert!(status.message().contains("7 connections"), "{status}");
                refused.push(raw);
            }
        }
    }
    assert_eq!((kept.len(), refused.len()), (7, 13));
    // Those that are in stay in; those that are not, get in when one goes.
    for raw in &kept {
        raw.topic_names("").await.expect("it is in");
    }
    drop(kept.pop());
    let gets_in = async || refused[0].topic_names("").await.ok();
    wait::poll("there is room for another connection", Duration::from_secs(20), gets_in).await;
    let status = refused[1].topic_names("").await.expect_err("one went, one came");
    assert_eq!(raw::reason(&status), "LIMIT_EXCEEDED", "{status}");
    // The operator still gets at it.
    let more = vec![quota(QuotaDimension::Connections, 8)];
    operator(&endpoint).set_quotas(target("many"), more, Vec::new()).await.expect("a quota");
    refused[1].topic_names("").await.expect("there may be one more");
    broker.stop().await;
}
