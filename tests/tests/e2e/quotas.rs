//! Quotas of a real broker: what passes is what was bought, however it is asked for.

mod counts;
mod neighbour;
mod offered;
mod slow;
mod storage;

use crate::{crash, small};
use levee_client::v1;
use levee_proto::v1::QuotaDimension;
use levee_tests::broker::Broker;
use levee_tests::raw::Raw;
use levee_tests::tenancy::{name, operator, plan, quota, topic};
use offered::{Measured, Offer};
use std::time::{Duration, Instant};

/// Bytes a second of the quotas.
const RATE: u64 = 2_000_000;
/// What may come at once after a pause, as it is when nobody says.
const BURST: u64 = RATE / 10;
/// Bytes of a record in the offered batches, about; as many as a usual batch.
const BATCH: u64 = 32 * 1024;
/// How long it is looked, after a second that is not counted.
const WINDOW: Duration = Duration::from_secs(10);

/// A broker with a tenant whose plan has this quota and nothing else.
async fn broker_with(test: &str, dimension: QuotaDimension, limit: u64) -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = Broker::start(&small(&dir.path().join("data"))).await;
    create_tenant(&broker.endpoint(), test, vec![quota(dimension, limit)]).await;
    (dir, broker)
}

/// A tenant with a plan of its own, in which what is not named has no limit.
async fn create_tenant(endpoint: &str, tenant: &str, quotas: Vec<v1::Quota>) {
    let operator = operator(endpoint);
    let unlimited = [
        QuotaDimension::Ingress,
        QuotaDimension::Egress,
        QuotaDimension::Requests,
        QuotaDimension::Admin,
        QuotaDimension::Connections,
        QuotaDimension::Storage,
        QuotaDimension::Topics,
        QuotaDimension::Partitions,
        QuotaDimension::Producers,
    ];
    let is_set = |dimension: QuotaDimension| quotas.iter().any(|quota| quota.dimension == dimension as i32);
    let others = unlimited.into_iter().filter(|dimension| !is_set(*dimension));
    let others = others.map(|dimension| v1::Quota { dimension: dimension.into(), ..v1::Quota::default() });
    let all = others.chain(quotas.iter().copied()).collect();
    let of_it = v1::Plan { name: tenant.to_owned(), quotas: all, ..v1::Plan::default() };
    operator.create_plan(of_it, false).await.expect("a plan");
    operator.create_tenant(&name(tenant), Some(&plan(tenant)), false).await.expect("a tenant");
}

/// How often it is looked. Other tests share the machine, and may leave a window less than the quota; none may ever
/// hold more.
const WINDOWS: u32 = 3;

/// What passed in a window is the quota, give or take 2 %, the burst and a batch.
async fn check_rate(what: &str, measure: impl AsyncFn() -> Measured) {
    for _ in 0..WINDOWS {
        if is_met(what, &measure().await) {
            return;
        }
    }
    panic!("{what}: less than the quota passed in each of {WINDOWS} windows");
}

/// Whether as much passed as should; more must not.
fn is_met(what: &str, measured: &Measured) -> bool {
    let expected = RATE as f64 * WINDOW.as_secs_f64();
    let passed = measured.bytes as f64;
    let offered = measured.offered.map(|offered| offered as f64 / expected);
    println!(
        "{what}: {:.0} bytes/s passed of a quota of {RATE}, {:+.2} %; {} times of it offered, {} calls refused",
        passed / WINDOW.as_secs_f64(),
        (passed / expected - 1.0) * 100.0,
        offered.map_or("many".to_owned(), |times| format!("{times:.1}")),
        measured.refused,
    );
    let slack = expected * 0.02 + (BURST + BATCH + 1024) as f64;
    assert!(passed <= expected + slack, "{what}: {passed} bytes in the window, {expected} + {slack} at most");
    passed >= expected - slack && offered.is_none_or(|times| times > 3.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q1_what_comes_in_keeps_to_the_quota() {
    let (_dir, broker) = broker_with("q1-in", QuotaDimension::Ingress, RATE).await;
    let topics = vec![topic("log", 4, &[])];
    operator(&broker.endpoint()).create_topics("q1-in", topics, false).await.expect("a topic");
    for connections in [1, 50] {
        let offer = Offer { bytes_per_s: 5 * RATE, batch: BATCH, topics: vec!["log".to_owned()] };
        let raws = || (0..connections).map(|_| Raw::tenant(&broker.endpoint(), "q1-in")).collect();
        let what = format!("in, {connections} connections");
        check_rate(&what, async || offer.produce(raws(), WINDOW).await).await;
    }
    let on_streams = async || {
        let raw = Raw::tenant(&broker.endpoint(), "q1-in");
        offered::produce_on_streams(&raw, "log", 4, BATCH, WINDOW).await
    };
    check_rate("in, 4 streams of one connection", on_streams).await;
    // Those who gave up owe nothing: what was taken for them is given back.
    let raw = Raw::tenant(&broker.endpoint(), "q1-in");
    let asked = Instant::now();
    offered::send(&raw, "log", BATCH).await.expect("it can be produced");
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "it waited {:?} for what others gave up",
        asked.elapsed()
    );
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q1_what_goes_out_keeps_to_the_quota() {
    let (_dir, broker) = broker_with("q1-out", QuotaDimension::Egress, RATE).await;
    let topics = vec![topic("log", 1, &[])];
    operator(&broker.endpoint()).create_topics("q1-out", topics, false).await.expect("a topic");
    let raw = Raw::tenant(&broker.endpoint(), "q1-out");
    for _ in 0..1_000 {
        offered::send(&raw, "log", BATCH).await.expect("it can be produced");
    }
    for connections in [1, 50] {
        let raws = || (0..connections).map(|_| Raw::tenant(&broker.endpoint(), "q1-out")).collect();
        let what = format!("out, {connections} connections");
        check_rate(&what, async || offered::consume(raws(), "log", WINDOW).await).await;
    }
    broker.stop().await;
}

/// Users, topics and connections share one quota.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q2_users_and_topics_do_not_multiply_a_quota() {
    let (_dir, broker) = broker_with("q2-users", QuotaDimension::Ingress, RATE).await;
    let endpoint = broker.endpoint();
    let topics: Vec<_> = (0..4).map(|n| format!("log-{n}")).collect();
    let specs = topics.iter().map(|name| topic(name, 2, &[])).collect();
    operator(&endpoint).create_topics("q2-users", specs, false).await.expect("topics");
    let mut raws = Vec::new();
    for user in ["ann", "bob", "eve", "dan"] {
        let made = v1::CreateUserRequest {
            tenant: "q2-users".to_owned(),
            name: user.to_owned(),
            admin: true,
            ..Default::default()
        };
        operator(&endpoint).create_user(made).await.expect("a user");
        raws.extend((0..2).map(|_| Raw::user(&endpoint, "q2-users", user)));
    }
    let offer = Offer { bytes_per_s: 5 * RATE, batch: BATCH, topics };
    let what = "in, 4 users, 4 topics, 8 connections";
    check_rate(what, async || offer.produce(raws.clone(), WINDOW).await).await;
    broker.stop().await;
}

/// A restart gives a burst, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q2_restarts_do_not_multiply_a_quota() {
    const RESTARTS: u64 = 4;
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    create_tenant(&endpoint, "q2-restarts", vec![quota(QuotaDimension::Ingress, RATE)]).await;
    operator(&endpoint)
        .create_topics("q2-restarts", vec![topic("log", 4, &[])], false)
        .await
        .expect("a topic");
    let offer = Offer { bytes_per_s: 5 * RATE, batch: BATCH, topics: vec!["log".to_owned()] };
    let raws = (0..4).map(|_| Raw::tenant(&endpoint, "q2-restarts")).collect();
    let began = Instant::now();
    let producing = tokio::spawn(async move { offer.produce(raws, WINDOW).await });
    for _ in 0..RESTARTS {
        // The time of a restart is part of what is tested, not a wait for something.
        tokio::time::sleep(WINDOW / 6).await;
        broker = crash(broker, &setup, None).await;
    }
    let measured = producing.await.expect("an offer");
    let stored = operator(&endpoint).get_tenant(&name("q2-restarts")).await.expect("a tenant").stored_bytes;
    let most =
        RATE as f64 * began.elapsed().as_secs_f64() * 1.02 + ((RESTARTS + 1) * (BURST + BATCH + 1024)) as f64;
    println!("{} bytes acked, {stored} stored, at most {most:.0}", measured.bytes);
    assert!((stored as f64) < most, "{stored} bytes were stored, at most {most} may be");
    assert!(measured.bytes > RATE, "hardly anything passed");
    broker.stop().await;
}
