//! Tenants and topics, and that they are kept apart.

use super::{Harness, audit, topic_name};
use crate::catalog::{NewTopic, TopicChange};
use crate::command::ProducerSequence;
use crate::error::StorageError;
use crate::tail::Cached;
use levee_types::{Durability, TenantName};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn a_topic_made_again_has_nothing_of_the_old_one() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let old = harness.topic(tenant, "orders", &[]);
    let session = harness.wait(harness.shard.init_producer(tenant, None)).unwrap();
    let sent = ProducerSequence { producer: session.producer, epoch: 0, sequence: 0 };
    harness.append(old, "abc", Some(sent)).unwrap();
    harness.wait(harness.shard.delete_topic(tenant, topic_name("orders"), audit())).unwrap();
    assert!(harness.shard.topic(tenant, &topic_name("orders")).unwrap().is_none());
    let new = harness.topic(tenant, "orders", &[]);
    assert_ne!(new.topic, old.topic);
    let harness = harness.reopen();
    assert_eq!(harness.read(new), Vec::<String>::new());
    assert_eq!(harness.append(new, "x", Some(sent)).unwrap().base_offset, 0);
    assert!(matches!(harness.append(old, "x", None), Err(StorageError::NoTopic)));
    assert!(matches!(harness.shard.fetch(old, 0, 1), Err(StorageError::NoTopic)));
    assert!(matches!(harness.shard.fetch_cached(old, 0, 1), Cached::Miss));
}

#[test]
fn tenants_and_topics_that_begin_alike_are_kept_apart() {
    let harness = Harness::new();
    let (one, two) = (harness.tenant("abc"), harness.tenant("abcd"));
    for (tenant, names) in [(one, ["a", "ab"]), (two, ["a", "abc"])] {
        for name in names {
            let p = harness.topic(tenant, name, &[]);
            harness.append(p, &format!("{tenant}{name}"), None).unwrap();
        }
    }
    let names = |tenant, prefix, after| -> Vec<String> {
        let topics = harness.shard.list_topics(tenant, prefix, after, 10).unwrap();
        topics.items.iter().map(|topic| topic.name.to_string()).collect()
    };
    assert_eq!(names(one, "", None), ["a", "ab"]);
    assert_eq!(names(two, "ab", None), ["abc"]);
    assert_eq!(names(one, "", Some("a")), ["ab"]);
    let tenants = harness.shard.list_tenants(None, 10).unwrap().items;
    assert_eq!(tenants.iter().map(|tenant| tenant.name.as_str()).collect::<Vec<_>>(), ["abc", "abcd"]);
    assert_eq!(tenants[0].topics, 2);
    assert_eq!(harness.shard.list_tenants(Some("abc"), 10).unwrap().items.len(), 1);

    harness.wait(harness.shard.delete_tenant(TenantName::new("abc").unwrap(), 0, audit())).unwrap();
    assert_eq!(names(one, "", None), Vec::<String>::new());
    assert_eq!(names(two, "", None), ["a", "abc"]);
    let status = harness.shard.status();
    assert_eq!((status.tenants, status.topics), (1, 2));
    let gone = harness.wait(harness.shard.create_topics(one, vec![], audit()));
    assert!(matches!(gone, Err(StorageError::NoTenant)));
    assert_ne!(harness.tenant("abc"), one, "ids are never reused");
}

#[test]
fn topics_are_created_once_and_changed() {
    let harness = Harness::new();
    let tenant = harness.tenant("acme");
    let new = |name: &str, partitions| NewTopic { name: topic_name(name), partitions, set: BTreeMap::new() };
    let topics = vec![new("a", 1), new("a", 3), new("b", 0), new("c", 10_000), new("d", 10_001)];
    let made = harness.wait(harness.shard.create_topics(tenant, topics, audit())).unwrap();
    assert!(matches!(&made[0], Ok((topic, true)) if topic.partitions == 1));
    assert!(matches!(&made[1], Ok((topic, false)) if topic.partitions == 1));
    assert!(matches!(&made[2], Err(StorageError::Invalid(_))));
    assert!(made[3].is_ok());
    assert!(matches!(&made[4], Err(StorageError::Invalid(_))));
    let name = topic_name("a");
    assert_eq!(harness.shard.topic(tenant, &name).unwrap().unwrap().partitions, 1);
    let change = |change| harness.wait(harness.shard.update_topic(tenant, name.clone(), change, audit()));
    change(TopicChange::Partitions(3)).unwrap();
    assert!(change(TopicChange::Partitions(2)).is_err());
    let set = BTreeMap::from([("durability".to_owned(), "relaxed".to_owned())]);
    change(TopicChange::Config { set, unset: vec![] }).unwrap();
    let topic = harness.shard.topic(tenant, &name).unwrap().unwrap();
    assert_eq!((topic.partitions, topic.config.durability), (3, Durability::Relaxed));
    change(TopicChange::Config { set: BTreeMap::new(), unset: vec!["durability".to_owned()] }).unwrap();
    let topic = harness.shard.topic(tenant, &name).unwrap().unwrap();
    assert_eq!(topic.config.durability, Durability::Durable);
}

#[test]
fn a_large_change_of_a_topic_takes_the_room_of_its_bytes() {
    let harness = Harness::new();
    let acme = harness.tenant("acme");
    harness.topic(acme, "orders", &[]);
    let ask = || {
        let unset = vec!["x".repeat(1024 * 1024); 20];
        let change = TopicChange::Config { set: BTreeMap::new(), unset };
        harness.ask(harness.shard.update_topic(acme, topic_name("orders"), change, audit()))
    };
    let (first, second) = (ask(), ask());
    let commands = harness.shard.inner.queue.take(Some(Duration::ZERO)).unwrap();
    assert_eq!(commands.len(), 1, "the second waits for room");
    harness.committer.borrow_mut().work(commands);
    harness.wait(first).unwrap();
    harness.wait(second).unwrap();
}
