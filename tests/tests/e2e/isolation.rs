//! X4: names that are prefixes of each other belong to different owners.

use crate::small;
use levee_tests::broker::Broker;
use levee_tests::load::{World, drain};
use levee_tests::payload;
use levee_tests::raw::{self, Raw};
use levee_tests::recorder::{Outcome, Recorder};
use std::collections::BTreeSet;

const TENANTS: [&str; 5] = ["aaa", "aaa-", "aaaa", "aaab", "aaa0"];
const TOPICS: [&str; 6] = ["t", "t.", "t-", "t_", "tt", "t0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x4_names_that_are_prefixes_stay_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let recorder = Recorder::new("x4");
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let mut worlds = Vec::new();
    for (n, tenant) in TENANTS.into_iter().enumerate() {
        // Each tenant has all of the topics but one.
        for topic in TOPICS.into_iter().filter(|topic| *topic != TOPICS[n]) {
            let world = World::create_in(&endpoint, tenant, topic, 2, &recorder).await;
            for partition in 0..2 {
                append(&world, partition).await;
            }
            worlds.push(world);
        }
    }
    check(&endpoint, &worlds).await;
    broker.kill();
    broker = Broker::start(&setup).await;
    check(&endpoint, &worlds).await;

    // Deleting one touches nobody else.
    let (gone, mut left): (Vec<_>, _) = worlds.into_iter().partition(|world| world.tenant == "aaa");
    let request = levee_proto::v1::DeleteTenantRequest { name: "aaa".to_owned(), grace_ms: Some(0) };
    Raw::operator(&endpoint).tenants().delete_tenant(request).await.expect("a tenant can be deleted");
    check(&endpoint, &left).await;
    let at = left.iter().position(|world| world.tenant == "aaaa" && world.topic == "t").expect("a topic");
    left.remove(at).raw().delete_topic("t").await.expect("a topic can be deleted");
    check(&endpoint, &left).await;
    broker.kill();
    let broker = Broker::start(&setup).await;
    check(&endpoint, &left).await;

    // The same tenant again has nothing.
    Raw::operator(&endpoint).create_tenant("aaa").await.expect("a tenant can be created again");
    assert_eq!(gone[0].raw().topic_names("").await.expect("a list"), Vec::<String>::new());
    let refused = gone[0].raw().produce().produce(raw::request(&gone[0].topic, 0, &["x".into()], None)).await;
    let refused = refused.expect_err("a topic that was deleted");
    assert_eq!(raw::reason(&refused), "NOT_FOUND", "{refused}");
    check(&endpoint, &left).await;
    broker.stop().await;
    recorder.judge().assert_ok(2 * 5 * 5);
}

async fn append(world: &World, partition: u32) {
    let process = world.recorder.process();
    let send = world.recorder.send(process, 0, world.number(partition));
    let request = raw::request(&world.topic, partition, &[payload::make(send.value(), 10)], None);
    let answer = world.raw().produce().produce(request).await.expect("it can be produced");
    world.recorder.sent(send, Outcome::Acked(answer.get_ref().base_offset));
}

/// Each tenant lists exactly its own topics, under each prefix, and each topic has exactly its own records.
async fn check(endpoint: &str, worlds: &[World]) {
    for tenant in worlds.iter().map(|world| &world.tenant).collect::<BTreeSet<_>>() {
        let mut own: Vec<_> =
            worlds.iter().filter(|world| world.tenant == *tenant).map(|world| world.topic.clone()).collect();
        own.sort();
        for prefix in ["", "t", "t.", "tt", "t-", "u"] {
            let expected: Vec<_> = own.iter().filter(|topic| topic.starts_with(prefix)).cloned().collect();
            let listed = Raw::tenant(endpoint, tenant).topic_names(prefix).await.expect("a list");
            assert_eq!(listed, expected, "topics of {tenant} that begin with {prefix:?}");
        }
    }
    for world in worlds {
        let records = drain(world).await.expect("everything can be read");
        assert_eq!(records, 2, "records of {}/{}", world.tenant, world.topic);
    }
}
